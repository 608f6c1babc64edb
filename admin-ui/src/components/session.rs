//! Who is signed in.

use domain::wire::registry::Me;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::Api;
use crate::api::abort::Abort;
use crate::api::error::ApiError;

/// Who is signed in, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// The registry has not answered yet.
    Asking,
    /// A person the registry knows.
    SignedIn(Me),
    /// Nobody: sign in first.
    SignedOut(ApiError),
    /// Somebody whom the registry does not let in.
    Refused(ApiError),
    /// The registry could not be asked.
    Failed(ApiError),
}

/// The session; copied freely.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    /// Who is signed in.
    pub(crate) state: RwSignal<State>,
    /// Set when the registry stops knowing a person who was signed in.
    pub(crate) ended: RwSignal<Option<ApiError>>,
    api: Api,
    abort: Abort,
}

impl Session {
    /// Makes it available to every component below, and asks the registry.
    pub(crate) fn provide() -> Self {
        let ended = RwSignal::new(None);
        let api = Api::provide(ended);
        let state = RwSignal::new(State::Asking);
        let session = Self {
            state,
            ended,
            api,
            abort: Abort::on_cleanup(),
        };
        provide_context(session);
        session.ask();
        session
    }

    /// The one that was provided.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// Asks the registry who is signed in.
    pub(crate) fn ask(self) {
        self.state.set(State::Asking);
        spawn_local(async move {
            let state = match self.api.me(self.abort).await {
                Ok(me) => State::SignedIn(me),
                Err(error) if error.is_signed_out() => State::SignedOut(error),
                Err(error) if error.status() == Some(403) => State::Refused(error),
                Err(error) => State::Failed(error),
            };
            self.state.set(state);
        });
    }
}

/// Where to sign in so that one comes back to this page; none when the server
/// named no place, and a reload has to do.
pub(crate) fn sign_in_href(error: &ApiError) -> Option<String> {
    let url = error.problem()?.sign_in_url.as_deref()?;
    let location = window().location();
    let part = |part: Result<String, _>| part.unwrap_or_default();
    let here = format!("{}{}", part(location.pathname()), part(location.search()));
    crate::paths::sign_in_returning(url, &part(location.origin()), &here)
}
