//! Calls from the admin app, which lives on another origin.
//!
//! Only that origin, and no credentials mode: it sends `Authorization` itself.

/// `Access-Control-Allow-Methods`.
const METHODS: &str = "GET, PUT, POST, DELETE";
/// `Access-Control-Allow-Headers`.
const HEADERS: &str = "authorization, content-type, if-match";
/// `Access-Control-Expose-Headers`.
const EXPOSED: &str = "etag, retry-after";
/// `Access-Control-Max-Age`, in seconds.
const MAX_AGE: &str = "600";

/// Headers of an answer to `origin`; `preflight` for an OPTIONS request.
#[must_use]
pub fn headers(
    origin: Option<&str>,
    admin_origin: Option<&str>,
    preflight: bool,
) -> Vec<(&'static str, String)> {
    let mut headers = vec![("vary", "Origin".to_owned())];
    let Some(origin) = origin.filter(|origin| Some(*origin) == admin_origin) else {
        return headers;
    };
    headers.push(("access-control-allow-origin", origin.to_owned()));
    headers.push(("access-control-expose-headers", EXPOSED.to_owned()));
    if preflight {
        headers.push(("access-control-allow-methods", METHODS.to_owned()));
        headers.push(("access-control-allow-headers", HEADERS.to_owned()));
        headers.push(("access-control-max-age", MAX_AGE.to_owned()));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::headers;

    const ADMIN: Option<&str> = Some("https://registry.example.com");

    fn allowed(origin: Option<&str>, admin: Option<&str>) -> bool {
        headers(origin, admin, true)
            .iter()
            .any(|(name, _)| name.starts_with("access-control"))
    }

    #[test]
    fn only_the_admin_app_may_call_from_elsewhere() {
        assert!(allowed(ADMIN, ADMIN));
        for origin in [
            None,
            Some("null"),
            Some("https://evil.example"),
            Some("https://registry.example.com.evil.example"),
        ] {
            assert!(!allowed(origin, ADMIN), "{origin:?}");
        }
        assert!(!allowed(None, None));
        assert!(!allowed(Some("null"), None));
    }

    #[test]
    fn no_credentials_mode_and_never_a_star() {
        for (name, value) in headers(ADMIN, ADMIN, true) {
            assert_ne!(name, "access-control-allow-credentials");
            assert_ne!(value, "*");
        }
    }
}
