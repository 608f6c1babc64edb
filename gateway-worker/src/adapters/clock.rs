//! The platform's clock.

use chrono::{DateTime, Utc};
use worker::Date;

/// Now.
#[must_use]
pub fn now() -> DateTime<Utc> {
    let ms = i64::try_from(Date::now().as_millis()).unwrap_or_default();
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}
