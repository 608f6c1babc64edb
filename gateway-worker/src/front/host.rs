//! Which host a public request names.
//!
//! `*.internal` answers the container alone. Which door a request came through
//! is told by the binding's props, never by a header; a public request that
//! names such a host is refused.

/// Whether a host (with or without port, in any case, with trailing dots) is
/// one that answers the container alone.
#[must_use]
pub fn is_internal(host: &str) -> bool {
    let host = host.trim();
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "internal" || host.ends_with(".internal")
}

#[cfg(test)]
mod tests {
    use super::is_internal;

    #[test]
    fn internal_hosts_are_known_in_every_spelling() {
        for host in [
            "models.internal",
            "GOVERNANCE.Internal",
            "state.internal.",
            "state.internal..",
            "models.internal:80",
            "models.internal.:8701",
            "models.internal:",
            " models.internal ",
            "a.b.internal",
            "internal",
        ] {
            assert!(is_internal(host), "{host}");
        }
    }

    #[test]
    fn other_hosts_are_not() {
        for host in [
            "localhost:8701",
            "internal.example.com",
            "notinternal",
            "[::1]:8701",
            "",
        ] {
            assert!(!is_internal(host), "{host}");
        }
    }
}
