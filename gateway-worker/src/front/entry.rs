//! Where a public request goes.

use domain::problem::Problem;
use domain::wire::clones::GRANTED_PATH;
use domain::wire::gateway::{API_PREFIX, HEALTH_PATH};
use domain::wire::openclaw::ADMIN_RPC_PATH;

use super::host::is_internal;

/// Prefix of everything that the gateway itself answers.
const OWN_PREFIX: &str = "/_gateway";
/// OpenClaw's paths that are not for the front door: its management plane, and a
/// way to call tools past the agent.
const CLOSED: &[&str] = &[ADMIN_RPC_PATH, "/tools/invoke"];

/// Where a public request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// The public probe.
    Health,
    /// The governance API.
    Api,
    /// A generation that is lent to another gateway.
    Granted,
    /// OpenClaw.
    Openclaw,
}

/// Where a public request for `path` goes. `hosts` are all the hosts that it
/// names: in its URL and in its `Host` header.
///
/// # Errors
/// 421 for a host that answers the container alone, 404 for a closed path.
pub fn destination<'a>(
    hosts: impl IntoIterator<Item = &'a str>,
    path: &str,
) -> Result<Destination, Problem> {
    if hosts.into_iter().any(is_internal) {
        return Err(Problem::misdirected(
            "That host answers the gateway's own container and nobody else.",
        ));
    }
    if path == HEALTH_PATH {
        return Ok(Destination::Health);
    }
    let lent = path.strip_prefix(API_PREFIX);
    if lent.is_some_and(|path| is_below(path, GRANTED_PATH)) {
        return Ok(Destination::Granted);
    }
    if is_below(path, API_PREFIX) {
        return Ok(Destination::Api);
    }
    let plain = plain(path);
    if is_below(&plain, OWN_PREFIX) || CLOSED.iter().any(|closed| is_below(&plain, closed)) {
        return Err(Problem::not_found("The gateway has no such path."));
    }
    Ok(Destination::Openclaw)
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A path as a lenient server might read it: decoded, in lower case, without
/// parameters, control characters, empty and dot segments.
fn plain(path: &str) -> String {
    let decoded = decoded(path);
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        let segment = segment.split(';').next().unwrap_or_default();
        match segment.trim_matches(|c: char| c.is_control() || c.is_whitespace()) {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

fn decoded(path: &str) -> String {
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = match (byte, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        let (byte, after) = match escaped {
            Some(byte) => (byte, after.get(2..).unwrap_or_default()),
            None => (byte, after),
        };
        let byte = if byte == b'\\' {
            b'/'
        } else {
            byte.to_ascii_lowercase()
        };
        decoded.push(char::from(byte));
        rest = after;
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(path: &str) -> Result<Destination, u16> {
        destination(["company.example.com"], path).map_err(|problem| problem.status)
    }

    #[test]
    fn each_path_has_its_place() {
        assert_eq!(to("/_gateway/healthz"), Ok(Destination::Health));
        assert_eq!(to("/_gateway/v1/status"), Ok(Destination::Api));
        assert_eq!(to("/_gateway/v1"), Ok(Destination::Api));
        assert_eq!(to("/_gateway/v1/granted/7"), Ok(Destination::Granted));
        assert_eq!(to("/_gateway/v1/grantedx"), Ok(Destination::Api));
        for path in [
            "/",
            "/chat",
            "/healthz",
            "/_gatewayx",
            "/v1/chat/completions",
            "/%",
        ] {
            assert_eq!(to(path), Ok(Destination::Openclaw), "{path}");
        }
    }

    #[test]
    fn closed_paths_are_closed_in_every_spelling() {
        for path in [
            "/_gateway",
            "/_gateway/",
            "/_gateway/v2/status",
            "/%5fgateway/v1/status",
            "/_GATEWAY/v1/status",
            "/api/v1/admin/rpc",
            "/api/v1/admin/rpc/",
            "//api//v1/admin/rpc",
            "/api/v1/admin%2Frpc",
            "/API/v1/Admin/rpc",
            "/api\\v1\\admin\\rpc",
            "/tools/invoke",
            "/%74ools/invoke",
            "/tools//invoke",
            "/api/v1/admin/rpc;x=1",
            "/api/v1/admin;x/rpc",
            "/api/v1/admin/rpc%20",
            "/api/v1/admin/rpc%00",
            "/api/v1/admin/%2e/rpc",
            "/x/..%2fapi/v1/admin/rpc",
        ] {
            assert_eq!(to(path), Err(404), "{path}");
        }
    }

    #[test]
    fn the_container_s_hosts_do_not_answer_outside() {
        for path in ["/", "/_gateway/healthz", "/v1/config"] {
            let problem = destination(["company.example.com", "Governance.INTERNAL.:80"], path)
                .expect_err("refused");
            assert_eq!(problem.slug(), "misdirected");
        }
    }
}
