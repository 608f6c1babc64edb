//! Whether a browser's request comes from our own page.
//!
//! A cookie travels with requests that other sites make, so a request that
//! changes something, or opens a WebSocket, and is identified by a cookie must
//! carry evidence that only our own page can produce.

/// What a request says about where it comes from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
}

/// Whether the request was made by a page of `own_origin` (scheme, host, port).
///
/// Browsers send `Origin` with every request that changes something and with
/// every WebSocket upgrade, so a missing one is not our page.
#[must_use]
pub fn is_own_page(evidence: Evidence<'_>, own_origin: &str) -> bool {
    let same_site = evidence.fetch_site.is_none_or(|site| site == "same-origin");
    let own = evidence
        .origin
        .is_some_and(|origin| origin.eq_ignore_ascii_case(own_origin));
    own && same_site
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "http://localhost:8700";

    #[test]
    fn our_own_page_is_recognised() {
        let evidence = Evidence {
            origin: Some(OWN),
            fetch_site: Some("same-origin"),
        };
        assert!(is_own_page(evidence, OWN));
        assert!(is_own_page(
            Evidence {
                fetch_site: None,
                ..evidence
            },
            OWN
        ));
    }

    #[test]
    fn other_pages_are_not() {
        for origin in [
            None,
            Some("null"),
            Some(""),
            Some("http://localhost:8701"),
            Some("https://localhost:8700"),
            Some("http://localhost:8700.evil.example"),
        ] {
            assert!(
                !is_own_page(
                    Evidence {
                        origin,
                        fetch_site: None
                    },
                    OWN
                ),
                "{origin:?}"
            );
        }
        for site in ["cross-site", "same-site", "none"] {
            let evidence = Evidence {
                origin: Some(OWN),
                fetch_site: Some(site),
            };
            assert!(!is_own_page(evidence, OWN), "{site}");
        }
    }
}
