//! Where a signed-in browser is sent: back to one of our own ports and nowhere else.

use url::Url;

/// Why a `redirect_url` is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// It is no URL and no path.
    #[error("the return address is not a URL")]
    Malformed,
    /// It leads somewhere else.
    #[error("the return address leads to {0}, which is not part of this installation")]
    Foreign(String),
}

/// The address to return to: `target` as an absolute URL, or as a path on the
/// application `host` (`localhost:8700`). Its origin has to be one of `allowed`.
///
/// Parsed as browsers do (WHATWG), so that what is checked is what is followed:
/// `//elsewhere`, `/\elsewhere` and `http:elsewhere` are seen for what they are.
///
/// # Errors
/// When it is malformed or leads elsewhere.
pub fn resolve_redirect(
    host: &str,
    target: &str,
    allowed: &[String],
) -> Result<Url, RedirectError> {
    let plain_host = host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b));
    if !plain_host || target.chars().any(char::is_control) {
        return Err(RedirectError::Malformed);
    }
    let application =
        Url::parse(&format!("http://{host}/")).map_err(|_| RedirectError::Malformed)?;
    let url = application
        .join(target)
        .map_err(|_| RedirectError::Malformed)?;
    let origin = url.origin().ascii_serialization();
    let named = !url.username().is_empty() || url.password().is_some();
    if named || !allowed.contains(&origin) {
        return Err(RedirectError::Foreign(origin));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(target: &str) -> Result<String, RedirectError> {
        let allowed = [
            "http://localhost:8700".to_owned(),
            "http://localhost:8701".to_owned(),
        ];
        resolve_redirect("localhost:8701", target, &allowed).map(String::from)
    }

    #[test]
    fn a_path_stays_on_the_application() {
        assert_eq!(
            resolve("/a?b=c#d"),
            Ok("http://localhost:8701/a?b=c#d".to_owned())
        );
        assert_eq!(resolve("/"), Ok("http://localhost:8701/".to_owned()));
        assert_eq!(resolve("/../.."), Ok("http://localhost:8701/".to_owned()));
    }

    #[test]
    fn an_absolute_address_may_name_another_of_our_ports() {
        assert_eq!(
            resolve("http://localhost:8700/gateways"),
            Ok("http://localhost:8700/gateways".to_owned())
        );
    }

    #[test]
    fn every_way_out_is_refused() {
        for target in [
            "http://evil.example/",
            "https://localhost:8700/",
            "http://localhost:9999/",
            "//evil.example/",
            "/\\evil.example/",
            "\\\\evil.example",
            "http:\\\\evil.example",
            "http://localhost:8700@evil.example/",
            "http://user@localhost:8700/",
            "http://localhost.evil.example:8700/",
            "http://127.0.0.1:8700/",
            "javascript:alert(1)",
            "data:text/html,x",
            "///evil.example",
            "/\t/evil.example",
            "ht\ntp://evil.example",
        ] {
            assert!(resolve(target).is_err(), "{target:?}");
        }
    }

    #[test]
    fn the_application_itself_has_to_be_ours() {
        let allowed = ["http://localhost:8700".to_owned()];
        for host in [
            "evil.example",
            "localhost:8700@evil.example",
            "evil.example/x",
            "",
            "a b",
        ] {
            assert!(resolve_redirect(host, "/", &allowed).is_err(), "{host:?}");
        }
    }
}
