//! `models.internal`, `governance.internal` and `state.internal` answer the
//! container alone, however somebody outside spells them.

use anyhow::{Context, ensure};
use domain::wire::init::{GOVERNANCE_HOST, MODELS_HOST, STATE_HOST};
use e2e::client::raw::{self, RawAnswer};
use e2e::stack::{PERSONAL, Stack};
use libtest_mimic::Trial;
use url::Url;

use crate::stage::World;

/// What the container asks of each host.
const REQUESTS: [(&str, &str, &str); 4] = [
    (MODELS_HOST, "POST", "/openai/v1/chat/completions"),
    (GOVERNANCE_HOST, "GET", "/v1/config"),
    (GOVERNANCE_HOST, "POST", "/v1/reports"),
    (STATE_HOST, "GET", "/v1/snapshots/newest"),
];

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial("attacks::internal_hosts_are_refused_however_they_are_spelled", async |stack| {
            let container = stack.container(PERSONAL)?;
            // Not even with the container's own credentials, stolen.
            let stolen = [container.model_key()?, container.init_credential()?];
            for (host, method, path) in REQUESTS {
                for credential in &stolen {
                    for (line, host_header) in spellings(host, method, path) {
                        let request = format!(
                            "{line}\r\nHost: {host_header}\r\nAuthorization: Bearer {credential}\r\n\
                             Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
                        );
                        refused(stack, &request).await.with_context(|| format!("{line} / {host_header}"))?;
                    }
                }
            }
            Ok(())
        }),
        world.trial("attacks::forwarding_headers_do_not_name_an_internal_host", async |stack| {
            let credential = stack.container(PERSONAL)?.init_credential()?;
            for header in [
                "X-Forwarded-Host: governance.internal",
                "X-Original-Host: governance.internal",
                "X-Host: governance.internal",
                "Forwarded: host=governance.internal",
                "X-Original-URL: http://governance.internal/v1/config",
                "X-Rewrite-URL: http://governance.internal/v1/config",
                "MF-Original-URL: http://governance.internal/v1/config",
                "MF-Original-Hostname: governance.internal",
                "MF-Route-Override: gateway",
                "CF-Worker: gateway",
            ] {
                let port = port_of(stack)?;
                let request = format!(
                    "GET /v1/config HTTP/1.1\r\nHost: localhost:{port}\r\n{header}\r\n\
                     Authorization: Bearer {credential}\r\nConnection: close\r\n\r\n"
                );
                refused(stack, &request).await.with_context(|| header.to_owned())?;
            }
            Ok(())
        }),
        world.trial("attacks::two_hosts_are_refused", async |stack| {
            let credential = stack.container(PERSONAL)?.init_credential()?;
            let port = port_of(stack)?;
            let own = format!("localhost:{port}");
            for (first, second) in [(own.as_str(), GOVERNANCE_HOST), (GOVERNANCE_HOST, own.as_str())] {
                let request = format!(
                    "GET /v1/config HTTP/1.1\r\nHost: {first}\r\nHost: {second}\r\n\
                     Authorization: Bearer {credential}\r\nConnection: close\r\n\r\n"
                );
                // The runtime itself refuses this, in its own words.
                let RawAnswer { status, text } = raw::send(port, &request).await?;
                let refused = status.is_none_or(|status| status >= 400);
                ensure!(
                    refused && !text.contains("config_hash"),
                    "{first}, then {second}: {status:?} {text}"
                );
            }
            Ok(())
        }),
    ]
}

/// Request lines with the Host header that goes with them.
fn spellings(host: &str, method: &str, path: &str) -> Vec<(String, String)> {
    let upper = host.to_uppercase();
    let mixed = host.replacen('i', "I", 1);
    let hosts = [
        host.to_owned(),
        upper.clone(),
        mixed,
        format!("{host}:80"),
        format!("{host}:8080"),
        format!("{upper}:80"),
        format!("{host}."),
        format!("{host}.:80"),
        format!("{host}.."),
        format!("user@{host}"),
        format!(" {host}"),
        format!("{host}\t"),
    ];
    let plain = hosts
        .iter()
        .map(|host| (format!("{method} {path} HTTP/1.1"), host.clone()));
    let absolute = hosts.iter().flat_map(|named| {
        let line = format!("{method} http://{}{path} HTTP/1.1", named.trim());
        [
            (line.clone(), named.clone()),
            (line, "localhost".to_owned()),
        ]
    });
    let odd = [
        format!("{method} //{host}{path} HTTP/1.1"),
        format!("{method} https://{host}{path} HTTP/1.1"),
    ];
    plain
        .chain(absolute)
        .chain(odd.map(|line| (line, host.to_owned())))
        .collect()
}

/// Refused: closed without an answer, or answered 4xx without anything of the
/// container's door in it.
async fn refused(stack: &Stack, request: &str) -> anyhow::Result<()> {
    let RawAnswer { status, text } = raw::send(port_of(stack)?, request).await?;
    let refused = status.is_none_or(|status| (400..500).contains(&status));
    ensure!(refused, "answered {status:?}: {text}");
    for inside in [
        "config_hash",
        "policy_version",
        "desired_hash",
        "choices",
        "chat.completion",
    ] {
        ensure!(!text.contains(inside), "the answer holds {inside}: {text}");
    }
    Ok(())
}

fn port_of(stack: &Stack) -> anyhow::Result<u16> {
    Url::parse(&stack.ready_gateway(PERSONAL)?.url)?
        .port()
        .context("a gateway without a port")
}
