//! Where a request carries its identity. Nothing found here is verified yet.

/// A token and the way it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// `Authorization: Bearer`.
    Bearer(String),
    /// `Cf-Access-Jwt-Assertion`, which Cloudflare Access sets on requests it lets through.
    AccessHeader(String),
    /// Cookie `CF_Authorization`, which a browser sends by itself: a request that
    /// changes something must then prove to come from our own page ([`crate::origin`]).
    AccessCookie(String),
}

/// Header in which Access passes its token on.
pub const ACCESS_HEADER: &str = "cf-access-jwt-assertion";
/// Cookie in which a browser keeps the Access token.
pub const ACCESS_COOKIE: &str = "CF_Authorization";

/// The credential of a request, given a way to look headers up: an explicit
/// `Authorization` first, then the Access header, then the cookie.
///
/// A header that came twice (joined by a comma) is no credential.
pub fn find(header: impl Fn(&str) -> Option<String>) -> Option<Credential> {
    if let Some(value) = header("authorization") {
        let (scheme, token) = value.split_once(' ')?;
        let token = token.trim();
        let good = scheme.eq_ignore_ascii_case("bearer") && is_token(token);
        return good.then(|| Credential::Bearer(token.to_owned()));
    }
    if let Some(token) = header(ACCESS_HEADER) {
        return is_token(&token).then_some(Credential::AccessHeader(token));
    }
    let cookies = header("cookie")?;
    let mut tokens = cookies.split(';').filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == ACCESS_COOKIE).then(|| value.to_owned())
    });
    let token = tokens.next()?;
    // Two cookies of that name: one of them may have been planted from a sibling host.
    (tokens.next().is_none() && is_token(&token)).then_some(Credential::AccessCookie(token))
}

impl Credential {
    /// Whether a browser adds it by itself, so that another site could ride on it.
    #[must_use]
    pub fn is_ambient(&self) -> bool {
        matches!(self, Self::AccessCookie(_))
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        match self {
            Self::Bearer(token) | Self::AccessHeader(token) | Self::AccessCookie(token) => token,
        }
    }
}

/// `b64token` of RFC 6750 §2.1.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(headers: &[(&str, &str)]) -> Option<Credential> {
        find(|name| {
            let hit = headers.iter().find(|(key, _)| *key == name);
            hit.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_explicit_token_wins_over_the_cookie() {
        let both = [
            ("authorization", "Bearer a.b.c"),
            ("cookie", "CF_Authorization=x.y.z"),
        ];
        assert_eq!(found(&both), Some(Credential::Bearer("a.b.c".to_owned())));
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let cookie = [("cookie", "a=b; CF_Authorization=x.y.z; c=d")];
        let credential = found(&cookie).expect("credential");
        assert!(credential.is_ambient());
        assert_eq!(credential.token(), "x.y.z");
    }

    #[test]
    fn odd_credentials_are_none() {
        for headers in [
            vec![("authorization", "Bearer ")],
            vec![("authorization", "Basic abc")],
            vec![("authorization", "Bearer a, Bearer b")],
            vec![("authorization", "Bearer a' or '1'='1")],
            vec![
                ("authorization", "Bearer"),
                ("cookie", "CF_Authorization=x.y.z"),
            ],
            vec![(ACCESS_HEADER, "a.b.c, d.e.f")],
            vec![("cookie", "CF_Authorization=a; CF_Authorization=b")],
            vec![("cookie", "cf_authorization=a")],
            vec![],
        ] {
            assert_eq!(found(&headers), None, "{headers:?}");
        }
    }
}
