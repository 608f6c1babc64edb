//! All HTTP of the app, and the browser's storage.
//!
//! The registry is same-origin and knows the person by their Access cookie.
//! A gateway is another origin and takes the five-minute token that the
//! registry mints for it; it is kept in memory and never stored.

pub(crate) mod abort;
mod clones;
pub(crate) mod download;
pub(crate) mod error;
pub(crate) mod gateway;
mod governance;
pub(crate) mod http;
pub(crate) mod live;
pub(crate) mod registry;
pub(crate) mod storage;
pub(crate) mod zone;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::id::GatewayId;
use domain::wire::registry::GatewayToken;
use leptos::prelude::{RwSignal, Set, StoredValue, WithUntracked, expect_context, provide_context};

use error::ApiError;

/// The app's way to the registry and the gateways; copied freely.
#[derive(Clone, Copy)]
pub(crate) struct Api {
    tokens: StoredValue<HashMap<GatewayId, GatewayToken>>,
    signed_out: RwSignal<Option<ApiError>>,
}

impl Api {
    /// Makes it available to every component below. `signed_out` is set when the
    /// registry no longer knows the person.
    pub(crate) fn provide(signed_out: RwSignal<Option<ApiError>>) -> Self {
        let api = Self {
            tokens: StoredValue::new(HashMap::new()),
            signed_out,
        };
        provide_context(api);
        api
    }

    /// The one that was provided.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    fn note<T>(self, answer: Result<T, ApiError>) -> Result<T, ApiError> {
        match &answer {
            Err(error) if error.is_signed_out() => self.signed_out.set(Some(error.clone())),
            // Signed in again, perhaps in another tab.
            Ok(_) if self.signed_out.with_untracked(Option::is_some) => self.signed_out.set(None),
            _ => {}
        }
        answer
    }
}

/// The browser's time.
pub(crate) fn now() -> DateTime<Utc> {
    // INVARIANT: `Date.now()` is a whole number of milliseconds well inside i64.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole milliseconds, see above"
    )]
    let millis = js_sys::Date::now() as i64;
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}
