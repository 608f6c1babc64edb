//! Another site rides on a browser's cookie.

use anyhow::ensure;
use domain::wire::gateway::API_PREFIX;
use e2e::client::{Api, Credential};
use e2e::stack::{COMPANY, PERSONAL, Stack};
use libtest_mimic::Trial;

use crate::stage::World;

/// Requests that change something, which a page of another site can make a browser send.
const CHANGES: [(&str, &str); 7] = [
    ("POST", "sandbox/restart"),
    ("POST", "sandbox/stop"),
    ("POST", "sandbox/destroy"),
    ("PUT", "policy"),
    ("POST", "policy/diff"),
    ("POST", "enrolment"),
    ("DELETE", "policy"),
];

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial(
            "attacks::another_site_s_form_changes_nothing_at_a_gateway",
            async |stack| {
                let gateway = with_cookie(stack, &stack.gateway(COMPANY)?.door);
                let before = stack.gateway(COMPANY)?.status().await?;
                for origin in foreign(stack)? {
                    for (method, path) in CHANGES {
                        let path = format!("{API_PREFIX}/{path}");
                        refused_in_every_form(&gateway, method, &path, origin.as_deref()).await?;
                    }
                }
                let after = stack.gateway(COMPANY)?.status().await?;
                ensure!(
                    after.sandbox == before.sandbox
                        && after.policy.version == before.policy.version
                );
                Ok(())
            },
        ),
        world.trial(
            "attacks::another_site_s_form_changes_nothing_at_the_registry",
            async |stack| {
                let registry = with_cookie(stack, &stack.registry()?.door);
                for origin in foreign(stack)? {
                    refused_in_every_form(
                        &registry,
                        "POST",
                        "/api/v1/join-tokens",
                        origin.as_deref(),
                    )
                    .await?;
                }
                let personal = stack.ready_gateway(PERSONAL)?.url.clone();
                // Another port is another origin of the same site: SameSite cookies do not help.
                refused_in_every_form(&registry, "POST", "/api/v1/join-tokens", Some(&personal))
                    .await
            },
        ),
        world.trial(
            "attacks::another_site_cannot_talk_to_openclaw",
            async |stack| {
                let gateway = with_cookie(stack, &stack.gateway(PERSONAL)?.door);
                for origin in foreign(stack)? {
                    refused_in_every_form(
                        &gateway,
                        "POST",
                        "/v1/chat/completions",
                        origin.as_deref(),
                    )
                    .await?;
                }
                Ok(())
            },
        ),
        world.trial("attacks::our_own_page_may_with_the_cookie", async |stack| {
            let registry = with_cookie(stack, &stack.registry()?.door);
            let origin = registry.origin().to_owned();
            let call = registry
                .post("/api/v1/join-tokens")
                .header("origin", &origin)
                .body("application/json", "{}");
            call.send().await?.expect(201)?;
            Ok(())
        }),
        world.trial("attacks::another_site_may_not_read_either", async |stack| {
            let registry = stack.registry()?.door;
            let gateway = stack.gateway(PERSONAL)?.door;
            for (door, path) in [
                (&registry, "/api/v1/gateways"),
                (&gateway, "/_gateway/v1/status"),
            ] {
                let answer = with_cookie(stack, door)
                    .get(path)
                    .header("origin", "https://evil.example")
                    .send()
                    .await?;
                let allowed = answer.header("access-control-allow-origin");
                ensure!(allowed.is_none(), "{path} lets {allowed:?} read");
            }
            let preflight = gateway
                .anonymous()
                .call(reqwest::Method::OPTIONS, "/_gateway/v1/policy");
            let preflight = preflight
                .header("origin", "https://evil.example")
                .header("access-control-request-method", "PUT")
                .header(
                    "access-control-request-headers",
                    "authorization,if-match,content-type",
                );
            let answer = preflight.send().await?;
            ensure!(
                answer.header("access-control-allow-origin").is_none(),
                "{:?}",
                answer.headers
            );
            Ok(())
        }),
        world.trial(
            "attacks::the_admin_app_may_read_a_gateway_without_cookies",
            async |stack| {
                let gateway = stack.gateway(PERSONAL)?.door.anonymous();
                let preflight = gateway.call(reqwest::Method::OPTIONS, "/_gateway/v1/policy");
                let answer = preflight
                    .header("origin", &stack.ready.registry.url)
                    .header("access-control-request-method", "PUT")
                    .header(
                        "access-control-request-headers",
                        "authorization,if-match,content-type",
                    )
                    .send()
                    .await?;
                ensure!(
                    answer.header("access-control-allow-origin")
                        == Some(stack.ready.registry.url.as_str())
                );
                ensure!(
                    answer.header("access-control-allow-credentials").is_none(),
                    "cookies cross over"
                );
                Ok(())
            },
        ),
    ]
}

fn with_cookie(stack: &Stack, door: &Api) -> Api {
    door.with(Credential::AccessCookie(stack.operator_token()))
}

/// Origins that are not the door's own: elsewhere, an opaque one, near misses, none.
fn foreign(stack: &Stack) -> anyhow::Result<Vec<Option<String>>> {
    let issuer = stack.ready.issuer.url.clone();
    Ok(vec![
        Some("https://evil.example".to_owned()),
        Some("null".to_owned()),
        Some("http://localhost".to_owned()),
        Some(issuer),
        None,
    ])
}

/// The bodies that a form or a `no-cors` fetch can send.
async fn refused_in_every_form(
    door: &Api,
    method: &str,
    path: &str,
    origin: Option<&str>,
) -> anyhow::Result<()> {
    let method = reqwest::Method::from_bytes(method.as_bytes())?;
    let json = r#"{"model":"openclaw","messages":[{"role":"user","content":"/say hello"}]}"#;
    let bodies = [
        None,
        Some(("text/plain", json)),
        Some(("application/x-www-form-urlencoded", "a=b")),
        Some(("multipart/form-data; boundary=x", "--x--")),
        Some(("application/json", json)),
    ];
    for body in bodies {
        let mut call = door.call(method.clone(), path);
        if let Some(origin) = origin {
            call = call.header("origin", origin);
        }
        if let Some((media, text)) = body {
            call = call.body(media, text);
        }
        let answer = call.send().await?;
        ensure!(
            answer.status == 403 || answer.status == 405 || answer.status == 404,
            "{method} {path} from {origin:?} with {body:?} was answered {}: {}",
            answer.status,
            answer.excerpt()
        );
    }
    Ok(())
}
