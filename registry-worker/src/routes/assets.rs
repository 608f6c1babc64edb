//! Everything else: the admin app's files, under a strict Content-Security-Policy.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use domain::problem::Problem;

use crate::app::Shared;
use crate::reply::Failure;

/// The page that every address of the app starts with.
const INDEX: &str = "/index.html";

/// Headers of every file besides the Content-Security-Policy.
const HEADERS: [(&str, HeaderValue); 4] = [
    (
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    ),
    ("referrer-policy", HeaderValue::from_static("no-referrer")),
    (
        "cross-origin-opener-policy",
        HeaderValue::from_static("same-origin"),
    ),
    (
        "cross-origin-resource-policy",
        HeaderValue::from_static("same-origin"),
    ),
];

/// Shortest run of hex digits in a file name that counts as a hash of its content.
const MIN_HASH: usize = 8;

#[worker::send]
pub(super) async fn show(State(app): State<Shared>, request: Request) -> Result<Response, Failure> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Problem::method_not_allowed("Files are read with GET.").into());
    }
    let path = request.uri().path();
    let mut file = if path == "/" { INDEX } else { path };
    let mut response = app.assets.get(file, request.headers()).await?;
    if response.status() == StatusCode::NOT_FOUND && is_navigation(request.headers()) {
        // An address inside the app, which finds its way by itself.
        file = INDEX;
        response = app.assets.get(file, request.headers()).await?;
    }
    if !matches!(response.status(), StatusCode::OK | StatusCode::NOT_MODIFIED) {
        return Err(Problem::not_found("There is no such page or file.").into());
    }
    if request.method() == Method::HEAD {
        *response.body_mut() = axum::body::Body::empty();
    }
    let policy = content_security_policy(&app.settings.gateway_origins);
    let policy = HeaderValue::from_str(&policy)
        .map_err(|error| Failure::Fault(format!("Content-Security-Policy: {error}")))?;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::CACHE_CONTROL, caching(file));
    Ok(response)
}

fn content_security_policy(gateway_origins: &[String]) -> String {
    let connect = std::iter::once("'self'").chain(gateway_origins.iter().map(String::as_str));
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; font-src 'self'; connect-src {}; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'",
        connect.collect::<Vec<_>>().join(" ")
    )
}

fn is_navigation(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => text("accept").is_some_and(|accept| accept.contains("text/html")),
    }
}

fn caching(file: &str) -> HeaderValue {
    HeaderValue::from_static(if is_hashed(file) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    })
}

/// Whether a file's name carries a hash of its content, as in `app-0123456789abcdef.js`
/// or `app-0123456789abcdef_bg.wasm`.
fn is_hashed(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    name.split(['-', '_', '.']).any(|part| {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        part.len() >= MIN_HASH && part.bytes().all(hex) && part.bytes().any(|b| b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_gateways_and_nothing_else() {
        let policy = content_security_policy(&["http://localhost:8701".to_owned()]);
        assert_eq!(
            policy,
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
             img-src 'self' data:; font-src 'self'; connect-src 'self' http://localhost:8701; \
             base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        );
    }

    #[test]
    fn only_names_with_a_hash_are_kept_for_ever() {
        for hashed in [
            "/admin-ui-0123456789abcdef.js",
            "/a/app-89abcdef_bg.wasm",
            "/x.1234abcd.css",
        ] {
            assert!(is_hashed(hashed), "{hashed}");
        }
        for plain in [
            "/index.html",
            "/",
            "/admin-ui.js",
            "/1234567.css",
            "/deadbeef/app.js",
            "/facade-defaced.css",
        ] {
            assert!(!is_hashed(plain), "{plain}");
        }
    }
}
