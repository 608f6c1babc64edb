//! Which headers of a client reach OpenClaw, and which the gateway adds.
//!
//! OpenClaw believes the headers of [`domain::wire::openclaw`], so what a client
//! sent under those names is removed; identity tokens stay outside the container.

use std::net::IpAddr;

use domain::wire::openclaw::{CLIENT_HEADER, SCOPES_HEADER, UNKNOWN_CLIENT, USER_HEADER, scopes};
use edge::credentials::ACCESS_COOKIE;

use crate::sandbox::core::Principal;

/// Headers removed by name.
const REMOVED: &[&str] = &[
    "authorization",
    "cf-connecting-ip",
    "forwarded",
    "x-real-ip",
];
/// Headers removed by the beginning of their name.
const REMOVED_PREFIXES: &[&str] = &["cf-access-", "x-forwarded-", "x-openclaw-", "x-tedix-"];
/// Cookies that carry identity.
const REMOVED_COOKIES: &[&str] = &[ACCESS_COOKIE, "CF_AppSession"];

/// Whether a client's header stays outside the container.
#[must_use]
pub fn is_removed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    REMOVED.contains(&name.as_str())
        || REMOVED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// A `Cookie` header without the cookies that carry identity; none when nothing is left.
#[must_use]
pub fn without_identity(cookies: &str) -> Option<String> {
    let kept: Vec<&str> = cookies
        .split(';')
        .map(str::trim)
        .filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default().trim();
            !pair.is_empty()
                && !REMOVED_COOKIES
                    .iter()
                    .any(|own| own.eq_ignore_ascii_case(name))
        })
        .collect();
    (!kept.is_empty()).then(|| kept.join("; "))
}

/// Headers that the gateway sets. `client` is the client's address as the
/// platform says it, `has_origin` whether the client sent an `Origin` (its own,
/// see [`super::guard::front_door`]).
#[must_use]
pub fn added(
    principal: &Principal,
    client: Option<&str>,
    has_origin: bool,
    own_origin: &str,
) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        (USER_HEADER, principal.subject.clone()),
        (SCOPES_HEADER, scopes(principal.role).join(",")),
        (CLIENT_HEADER, client_address(client)),
    ];
    if !has_origin {
        headers.push(("origin", own_origin.to_owned()));
    }
    headers
}

/// JSON with everything but ASCII escaped: headers carry nothing else unchanged, and the
/// names of groups may be in any language.
#[must_use]
pub fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut units = [0; 2];
    for letter in json.chars() {
        if letter.is_ascii() {
            text.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

/// Where a redirect of OpenClaw's really leads. It is spoken to in plain HTTP,
/// so an absolute redirect to itself names that scheme; none when it may stay.
#[must_use]
pub fn public_location(location: &str, own_origin: &str) -> Option<String> {
    let (scheme, host) = own_origin.split_once("://")?;
    let rest = location.strip_prefix("http://")?.strip_prefix(host)?;
    let whole = rest.is_empty() || rest.starts_with(['/', '?', '#']);
    (scheme == "https" && whole).then(|| format!("{own_origin}{rest}"))
}

/// The client's address; OpenClaw refuses a loopback or missing one.
fn client_address(client: Option<&str>) -> String {
    client
        .and_then(|text| text.trim().parse::<IpAddr>().ok())
        .filter(|address| !address.is_loopback() && !address.is_unspecified())
        .map_or_else(|| UNKNOWN_CLIENT.to_owned(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use domain::access::Role;

    use super::*;

    #[test]
    fn what_a_client_could_lie_with_is_removed() {
        for name in [
            "Forwarded",
            "X-Forwarded-For",
            "x-forwarded-proto",
            "X-REAL-IP",
            "Cf-Access-Jwt-Assertion",
            "cf-access-authenticated-user-email",
            "CF-Connecting-IP",
            "Authorization",
            "X-Tedix-User",
            "x-tedix-caller",
            "X-OpenClaw-Scopes",
            "x-openclaw-model",
        ] {
            assert!(is_removed(name), "{name}");
        }
        for name in [
            "accept",
            "content-type",
            "cookie",
            "upgrade",
            "sec-websocket-key",
            "cf-ray",
        ] {
            assert!(!is_removed(name), "{name}");
        }
    }

    #[test]
    fn identity_cookies_stay_outside() {
        let kept = without_identity("a=1; CF_Authorization=x.y.z; b=2;cf_appsession=q");
        assert_eq!(kept.as_deref(), Some("a=1; b=2"));
        assert_eq!(
            without_identity("CF_Authorization=x; CF_Authorization=y"),
            None
        );
        assert_eq!(without_identity(" ; "), None);
        assert_eq!(
            without_identity("CF_Authorization_other=1").as_deref(),
            Some("CF_Authorization_other=1")
        );
    }

    #[test]
    fn openclaw_learns_who_is_there_and_what_they_may_do() {
        let user = Principal {
            subject: "eve@example.com".to_owned(),
            role: Role::User,
            groups: Vec::new(),
        };
        let headers = added(&user, Some("203.0.113.9"), false, "https://own.example");
        assert_eq!(
            headers,
            [
                (USER_HEADER, "eve@example.com".to_owned()),
                (
                    SCOPES_HEADER,
                    "operator.read,operator.write,operator.questions".to_owned()
                ),
                (CLIENT_HEADER, "203.0.113.9".to_owned()),
                ("origin", "https://own.example".to_owned()),
            ]
        );
    }

    #[test]
    fn names_in_any_language_pass_through_a_header() {
        let names = ["Müller & Söhne", "日本", "🦀\u{7f}", "a\"b\\c\n"];
        let json = serde_json::to_string(&names).expect("json");
        let header = ascii(&json);
        assert!(header.is_ascii() && !header.contains('\n'), "{header}");
        let back: Vec<String> = serde_json::from_str(&header).expect("json");
        assert_eq!(back, names);
    }

    #[test]
    fn redirects_to_itself_keep_the_public_scheme() {
        let own = "https://company.example.com";
        let to = |location: &str| public_location(location, own);
        assert_eq!(
            to("http://company.example.com/chat?x").as_deref(),
            Some("https://company.example.com/chat?x")
        );
        for location in [
            "/chat",
            "https://company.example.com/",
            "http://company.example.com.evil.example/",
            "http://other.example/",
        ] {
            assert_eq!(to(location), None, "{location}");
        }
        assert_eq!(
            public_location("http://localhost:8701/", "http://localhost:8701"),
            None
        );
    }

    #[test]
    fn a_client_on_this_machine_has_a_stand_in_address() {
        for client in [
            None,
            Some("127.0.0.1"),
            Some("::1"),
            Some("0.0.0.0"),
            Some("1.2.3.4, 5.6.7.8"),
        ] {
            assert_eq!(client_address(client), UNKNOWN_CLIENT);
        }
        assert_eq!(client_address(Some("2001:db8::1")), "2001:db8::1");
    }
}
