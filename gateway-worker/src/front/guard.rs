//! Whether a request may use the credential that came with it.
//!
//! Browsers add some credentials by themselves: the Access cookie, and with it
//! the header that Access sets. A page of another origin could ride on them. So
//! could a page of our own origin, because OpenClaw serves those, and OpenClaw
//! is what is governed: no page of this origin may change the governance.

use domain::problem::Problem;
use edge::credentials::Credential;
use edge::origin::{Evidence, is_own_page};

/// What a request says about itself, as far as it matters here.
#[derive(Debug, Clone, Copy, Default)]
pub struct Claim<'a> {
    /// Method in upper case.
    pub method: &'a str,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
    /// Whether it is a WebSocket upgrade.
    pub upgrade: bool,
}

impl Claim<'_> {
    fn is_safe(&self) -> bool {
        matches!(self.method, "GET" | "HEAD" | "OPTIONS") && !self.upgrade
    }
    fn is_from_browser(&self) -> bool {
        self.origin.is_some() || self.fetch_site.is_some()
    }
}

/// Whether a request of the governance API may use its credential.
///
/// # Errors
/// 403 when it changes something and a browser may have added the credential.
pub fn governance(claim: Claim<'_>, credential: &Credential) -> Result<(), Problem> {
    let ambient = match credential {
        Credential::Bearer(_) => false,
        // Access adds it for scripts too; those send neither of the browser's headers.
        Credential::AccessHeader(_) => claim.is_from_browser(),
        Credential::AccessCookie(_) => true,
    };
    if claim.is_safe() || !ambient {
        return Ok(());
    }
    Err(Problem::forbidden(
        "Pages of this gateway belong to OpenClaw and may not change its governance. \
         Use the admin app, or send the token as Authorization: Bearer.",
    ))
}

/// Whether a request for OpenClaw may use its credential.
///
/// # Errors
/// 403 when a page of another origin made it.
pub fn front_door(
    claim: Claim<'_>,
    credential: &Credential,
    own_origin: &str,
) -> Result<(), Problem> {
    let evidence = Evidence {
        origin: claim.origin,
        fetch_site: claim.fetch_site,
    };
    // OpenClaw decides by Origin, so a foreign one never reaches it, whatever the credential.
    let foreign = claim
        .origin
        .is_some_and(|origin| !origin.eq_ignore_ascii_case(own_origin));
    let unproven =
        credential.is_ambient() && !claim.is_safe() && !is_own_page(evidence, own_origin);
    if foreign || unproven {
        return Err(Problem::forbidden(
            "This request does not come from a page of this gateway, so the sign-in of your \
             browser does not count for it.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "https://company.example.com";

    fn cookie() -> Credential {
        Credential::AccessCookie("a.b.c".to_owned())
    }
    fn header() -> Credential {
        Credential::AccessHeader("a.b.c".to_owned())
    }
    fn bearer() -> Credential {
        Credential::Bearer("a.b.c".to_owned())
    }
    fn claim(method: &'static str, origin: Option<&'static str>) -> Claim<'static> {
        Claim {
            method,
            origin,
            ..Claim::default()
        }
    }

    #[test]
    fn no_page_changes_the_governance_by_a_browser_s_credential() {
        for method in ["PUT", "POST", "DELETE", "PATCH"] {
            for origin in [None, Some(OWN), Some("null"), Some("https://evil.example")] {
                assert!(
                    governance(claim(method, origin), &cookie()).is_err(),
                    "{method} {origin:?}"
                );
            }
            assert!(governance(claim(method, Some(OWN)), &header()).is_err());
            let fetched = Claim {
                fetch_site: Some("same-origin"),
                ..claim(method, None)
            };
            assert!(governance(fetched, &header()).is_err());
            assert!(
                governance(claim(method, None), &header()).is_ok(),
                "a script behind Access"
            );
            assert!(governance(claim(method, Some("https://admin.example")), &bearer()).is_ok());
        }
        assert!(governance(claim("GET", None), &cookie()).is_ok());
    }

    #[test]
    fn a_web_socket_by_cookie_needs_our_own_origin() {
        let upgrade = |origin| Claim {
            upgrade: true,
            ..claim("GET", origin)
        };
        assert!(front_door(upgrade(Some(OWN)), &cookie(), OWN).is_ok());
        for origin in [
            None,
            Some("null"),
            Some("https://evil.example"),
            Some("http://company.example.com"),
        ] {
            assert!(
                front_door(upgrade(origin), &cookie(), OWN).is_err(),
                "{origin:?}"
            );
        }
        assert!(front_door(upgrade(None), &header(), OWN).is_ok());
        assert!(front_door(upgrade(None), &bearer(), OWN).is_ok());
        assert!(front_door(upgrade(Some("https://evil.example")), &bearer(), OWN).is_err());
    }

    #[test]
    fn a_form_of_another_site_does_not_ride_on_the_cookie() {
        assert!(front_door(claim("POST", None), &cookie(), OWN).is_err());
        assert!(front_door(claim("POST", Some("https://evil.example")), &cookie(), OWN).is_err());
        let planted = Claim {
            fetch_site: Some("cross-site"),
            ..claim("POST", Some(OWN))
        };
        assert!(front_door(planted, &cookie(), OWN).is_err());
        assert!(front_door(claim("POST", Some(OWN)), &cookie(), OWN).is_ok());
        assert!(front_door(claim("GET", None), &cookie(), OWN).is_ok());
    }
}
