//! One request and its answer, over the browser's `fetch`.

use gloo_net::http::{Method, RequestBuilder};
use js_sys::Array;
use leptos::web_sys::{
    AbortSignal, RequestCache, RequestCredentials, RequestRedirect, ResponseType,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::abort::Abort;
use super::error::ApiError;

/// Milliseconds after which a request is given up.
const TIMEOUT_MS: u32 = 20_000;

/// A request as the app builds it.
pub(crate) struct Ask<'a> {
    /// Method.
    pub(crate) method: Method,
    /// Absolute, or a path of the registry.
    pub(crate) url: String,
    /// Who is asked, to begin a sentence: `The registry`.
    pub(crate) whom: &'a str,
    /// Bearer token; the Access cookie goes along when there is none.
    pub(crate) bearer: Option<&'a str>,
    /// ETag for If-Match.
    pub(crate) if_match: Option<String>,
    /// JSON body.
    pub(crate) body: Option<String>,
    /// Media type to answer in.
    pub(crate) accept: &'a str,
}

/// Media type of almost every answer.
pub(crate) const JSON: &str = "application/json";

/// The JSON text of a body.
///
/// # Errors
/// When the value has no JSON form.
pub(crate) fn body(value: &impl Serialize) -> Result<String, ApiError> {
    serde_json::to_string(value)
        .map_err(|_| ApiError::Unreadable("The request could not be written as JSON.".to_owned()))
}

/// Sends and reads the answer as JSON.
///
/// # Errors
/// See [`ApiError`].
pub(crate) async fn json<T: DeserializeOwned>(ask: Ask<'_>, abort: Abort) -> Result<T, ApiError> {
    let whom = ask.whom;
    let text = text(ask, abort).await?;
    read(&text, whom)
}

/// Reads an answer as JSON.
///
/// # Errors
/// [`ApiError::Unreadable`].
pub(crate) fn read<T: DeserializeOwned>(text: &str, whom: &str) -> Result<T, ApiError> {
    serde_json::from_str(text).map_err(|error| {
        leptos::logging::error!("{whom}: {error}");
        let hint = "It may run another version; reload this page to get its newest app.";
        ApiError::Unreadable(format!(
            "{whom} answered something this app cannot read. {hint}"
        ))
    })
}

/// Sends and gives the answer's text.
///
/// # Errors
/// See [`ApiError`].
pub(crate) async fn text(ask: Ask<'_>, abort: Abort) -> Result<String, ApiError> {
    let Some(ended) = abort.signal() else {
        return Err(ApiError::Aborted);
    };
    let timeout = AbortSignal::timeout_with_u32(TIMEOUT_MS);
    let signal = AbortSignal::any(&Array::of2(&ended, &timeout));
    let unreachable = |why: &str| ApiError::Unreachable(format!("{} {why}", ask.whom));

    let mut request = RequestBuilder::new(&ask.url)
        .method(ask.method.clone())
        .cache(RequestCache::NoStore)
        // A redirect means that Cloudflare Access in front wants a sign-in.
        .redirect(RequestRedirect::Manual)
        .header("accept", ask.accept)
        .abort_signal(Some(&signal));
    request = match ask.bearer {
        Some(token) => request
            .credentials(RequestCredentials::Omit)
            .header("authorization", &format!("Bearer {token}")),
        None => request.credentials(RequestCredentials::SameOrigin),
    };
    if let Some(tag) = &ask.if_match {
        request = request.header("if-match", tag);
    }
    let request = match ask.body.clone() {
        Some(body) => request
            .header("content-type", "application/json")
            .body(body),
        None => request.build(),
    };
    let failed = |_| {
        if ended.aborted() {
            ApiError::Aborted
        } else if timeout.aborted() {
            unreachable("did not answer in time.")
        } else {
            unreachable("could not be reached.")
        }
    };
    let response = request.map_err(failed)?.send().await.map_err(failed)?;
    if response.type_() == ResponseType::Opaqueredirect {
        return Err(ApiError::SignInRequired);
    }
    let status = response.status();
    let text = response.text().await.map_err(failed)?;
    if response.ok() {
        Ok(text)
    } else {
        Err(ApiError::from_response(status, &text, ask.whom))
    }
}
