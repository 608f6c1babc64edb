//! The one place where a problem becomes a response.

use domain::problem::{MEDIA_TYPE, Problem};
use serde::Serialize;
use worker::{Headers, Response, ResponseBody};

/// Headers of every API response: nothing here belongs in a cache or a frame.
pub const API_HEADERS: &[(&str, &str)] = &[
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'",
    ),
];

/// Headers that belong to a problem besides [`API_HEADERS`].
#[must_use]
pub fn problem_headers(problem: &Problem) -> Vec<(&'static str, String)> {
    let mut headers = vec![("content-type", MEDIA_TYPE.to_owned())];
    if let Some(seconds) = problem.retry_after_seconds {
        headers.push(("retry-after", seconds.to_string()));
    }
    if problem.status == 401 {
        // RFC 9110 §11.6.1: a 401 names at least one challenge.
        headers.push(("www-authenticate", "Bearer realm=\"tedix-claw\"".to_owned()));
    }
    headers
}

/// The body of a problem.
#[must_use]
pub fn problem_body(problem: &Problem) -> Vec<u8> {
    // INVARIANT: a Problem has string keys only, so it always has a JSON form.
    serde_json::to_vec(problem).unwrap_or_default()
}

/// A problem as a response of the Workers runtime.
///
/// # Errors
/// When the runtime refuses a header, which it does for none of these.
pub fn problem(problem: &Problem) -> worker::Result<Response> {
    let headers = api_headers()?;
    for (name, value) in problem_headers(problem) {
        headers.set(name, &value)?;
    }
    let body = ResponseBody::Body(problem_body(problem));
    Ok(Response::from_body(body)?
        .with_status(problem.status)
        .with_headers(headers))
}

/// A value as a JSON response of the Workers runtime.
///
/// # Errors
/// When the value has no JSON form or the runtime refuses a header.
pub fn json<T: Serialize>(status: u16, value: &T) -> worker::Result<Response> {
    let headers = api_headers()?;
    headers.set("content-type", "application/json")?;
    let body = ResponseBody::Body(serde_json::to_vec(value)?);
    Ok(Response::from_body(body)?
        .with_status(status)
        .with_headers(headers))
}

fn api_headers() -> worker::Result<Headers> {
    let headers = Headers::new();
    for (name, value) in API_HEADERS {
        headers.set(name, value)?;
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_when_to_come_back_and_how_to_sign_in() {
        let busy = Problem::unavailable("starting").with_retry_after(3);
        assert!(problem_headers(&busy).contains(&("retry-after", "3".to_owned())));
        let nobody = Problem::unauthenticated("sign in");
        assert!(
            problem_headers(&nobody)
                .iter()
                .any(|(name, _)| *name == "www-authenticate")
        );
    }
}
