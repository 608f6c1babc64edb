//! Hosts that the container may reach.

use serde::{Deserialize, Serialize};

use super::text_value;

/// A host name such as `api.example.com`, or `*.example.com` for every host below
/// one (not itself), in lower case. Addresses are refused: a policy that names
/// `169.254.169.254` or `0x7f000001` has no good reason to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern(String);

impl HostPattern {
    fn check(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str =
            "a host such as api.example.com or *.example.com, no address and no port";
        let host = text.to_ascii_lowercase();
        let labels: Vec<&str> = host
            .strip_prefix("*.")
            .unwrap_or(&host)
            .split('.')
            .collect();
        let label = |label: &&str| {
            let bytes = label.as_bytes();
            !bytes.is_empty()
                && bytes.len() <= 63
                && bytes
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || *b == b'-')
                && bytes.first() != Some(&b'-')
                && bytes.last() != Some(&b'-')
        };
        // The last label of a name is never a number (RFC 1123), that of an address is.
        let named = labels
            .last()
            .is_some_and(|last| last.starts_with(|c: char| c.is_ascii_alphabetic()));
        let shaped = labels.len() >= 2 && labels.iter().all(label) && host.len() <= 253;
        (shaped && named).then_some(Self(host)).ok_or(WRONG)
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it means a host.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        match self.0.strip_prefix('*') {
            None => host == self.0,
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        }
    }
}

text_value!(HostPattern);

/// Whether text is `https://host[:port][/path]` without user, query and fragment.
pub(in crate::policy) fn is_https(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else {
        return false;
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b);
    text.len() <= 500
        && !host.starts_with('*')
        && HostPattern::check(host).is_ok()
        && port.parse::<u16>().is_ok_and(|port| port > 0)
        && path.bytes().all(plain)
        && !path.split('/').any(|part| part == "..")
}

/// Whether text is where a Git repository may be: HTTPS, or HTTP on this machine.
#[must_use]
pub fn is_repository(text: &str) -> bool {
    let local = ["http://localhost", "http://127.0.0.1"];
    let local = local.iter().find_map(|origin| text.strip_prefix(origin));
    match local {
        // Judged as if it were a host with a name.
        Some(rest) if rest.starts_with([':', '/']) => is_https(&format!("https://a.example{rest}")),
        _ => is_https(text),
    }
}

#[cfg(test)]
mod tests {
    use super::{HostPattern, is_https};

    #[test]
    fn names_are_taken_and_addresses_refused() {
        for good in ["example.com", "*.Example.com", "a-b.c.example"] {
            assert!(good.parse::<HostPattern>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "*",
            "*.",
            "localhost",
            "127.0.0.1",
            "0x7f.0.0.1",
            "2130706433",
            "[::1]",
            "a..b",
            "a.b:80",
            "https://a.b",
            "a.b/",
            "-a.b",
            "a.*.b",
            "münchen.de",
        ] {
            assert!(bad.parse::<HostPattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_star_means_hosts_below_and_not_the_host() {
        let below: HostPattern = "*.example.com".parse().unwrap();
        assert!(below.matches("a.EXAMPLE.com.") && below.matches("a.b.example.com"));
        assert!(!below.matches("example.com") && !below.matches("badexample.com"));
    }

    #[test]
    fn addresses_that_hide_something_are_refused() {
        assert!(is_https("https://example.com/a/b.git") && is_https("https://example.com:8443"));
        for bad in [
            "http://example.com",
            "https://u:p@example.com",
            "https://example.com/?q",
            "https://example.com/a/../b",
            "https://127.0.0.1/",
            "ext::sh -c x",
            "https://*.b.c",
        ] {
            assert!(!is_https(bad), "{bad}");
        }
    }
}
