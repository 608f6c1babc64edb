//! Headers that only the gateway Worker may set, sent from outside.

use anyhow::ensure;
use domain::access::Role;
use domain::wire::openclaw::{ADMIN_RPC_PATH, ADMIN_SCOPE, SCOPES_HEADER, USER_HEADER};
use e2e::client::Credential;
use e2e::openclaw::{Client, Device, Session};
use e2e::stack::PERSONAL;
use libtest_mimic::Trial;
use serde_json::json;

use crate::stage::World;

const USER: &str = "just-a-user@localhost.test";

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial(
            "attacks::identity_headers_from_outside_are_no_identity",
            async |stack| {
                let operator = &stack.ready.operator;
                for name in [
                    USER_HEADER,
                    "X-Tedix-User",
                    "x-tedix-principal",
                    "x-tedix-role",
                    "cf-access-authenticated-user-email",
                    "x-auth-request-email",
                    "x-forwarded-user",
                    "remote-user",
                    "x-forwarded-email",
                ] {
                    let gateway = stack.gateway(PERSONAL)?.anonymous();
                    let call = gateway
                        .get("status")
                        .header(name, operator)
                        .header(SCOPES_HEADER, ADMIN_SCOPE);
                    call.send().await?.problem(401, "unauthenticated")?;
                    let call = gateway
                        .chat("/say hello")
                        .header(name, operator)
                        .header("x-forwarded-for", "127.0.0.1");
                    call.send().await?.problem(401, "unauthenticated")?;
                    let registry = stack.registry()?.anonymous();
                    registry
                        .get("me")
                        .header(name, operator)
                        .send()
                        .await?
                        .problem(401, "unauthenticated")?;
                }
                Ok(())
            },
        ),
        world.trial(
            "attacks::a_user_does_not_become_an_admin_of_openclaw",
            async |stack| {
                let personal = stack.gateway(PERSONAL)?;
                let before = personal.policy().await?.document;
                let email: domain::policy::EmailAddress =
                    USER.parse().map_err(anyhow::Error::msg)?;
                let name = |policy: &mut domain::policy::Policy| {
                    if policy.role_of(&email).is_none() {
                        policy.access.users.push(email.clone());
                    }
                };
                personal.edit_policy(name).await?;
                let token = stack.forge()?.genuine(USER)?;
                let outcome = as_a_user(stack, &token).await;
                personal.edit_policy(|policy| *policy = before).await?;
                outcome
            },
        ),
        world.trial(
            "attacks::openclaw_s_own_admin_doors_stay_shut",
            async |stack| {
                let door = stack.gateway(PERSONAL)?.door;
                let rpc = json!({ "method": "config.get", "params": {} });
                for path in [
                    ADMIN_RPC_PATH,
                    "/api/v1/admin/rpc/",
                    "/api/v1/admin//rpc",
                    "//api/v1/admin/rpc",
                    "/api/v1/admin/./rpc",
                    "/x/../api/v1/admin/rpc",
                    "/api/v1/admin/%72pc",
                    "/%61pi/v1/admin/rpc",
                    "/api%2fv1%2fadmin%2frpc",
                    "/API/V1/ADMIN/RPC",
                    "/api/v1/admin/rpc;x=1",
                    "/api/v1/admin/rpc?x=1",
                    "/api/v1/admin/rpc%20",
                    "/api/v1/admin/rpc%00",
                    "/tools/invoke",
                    "/tools//invoke",
                    "/tools/%69nvoke",
                ] {
                    let answer = door
                        .post(path)
                        .header("origin", door.origin())
                        .json(&rpc)
                        .send()
                        .await?;
                    ensure!(
                        !answer.text().contains("configRevisionHash")
                            && !answer.text().contains("\"ok\":true"),
                        "{path} reached OpenClaw's admin door: {}",
                        answer.excerpt()
                    );
                    ensure!(
                        answer.status >= 400,
                        "{path} was answered {}: {}",
                        answer.status,
                        answer.excerpt()
                    );
                }
                Ok(())
            },
        ),
    ]
}

async fn as_a_user(stack: &e2e::stack::Stack, token: &str) -> anyhow::Result<()> {
    let origin = stack.ready_gateway(PERSONAL)?.url.clone();
    let operator = stack.ready.operator.clone();
    let admin = format!("{ADMIN_SCOPE},operator.approvals,operator.pairing");
    let gateway = stack
        .gateway(PERSONAL)?
        .with(Credential::AccessHeader(token.to_owned()));
    gateway
        .get("status")
        .send()
        .await?
        .problem(403, "forbidden")?;
    for headers in [
        vec![],
        vec![
            (USER_HEADER, operator.as_str()),
            (SCOPES_HEADER, admin.as_str()),
        ],
        vec![
            ("X-Tedix-User", "tedix-init"),
            ("X-OpenClaw-Scopes", admin.as_str()),
        ],
        vec![
            ("x-forwarded-for", "127.0.0.1"),
            ("x-real-ip", "127.0.0.1"),
            ("forwarded", "for=127.0.0.1"),
        ],
    ] {
        let mut all = vec![
            ("cf-access-jwt-assertion", token),
            ("origin", origin.as_str()),
        ];
        all.extend(headers.iter().copied());
        let mut session = Session::open(&origin, &all).await?;
        let device = Device::new()?;
        let wanted = [
            ADMIN_SCOPE,
            "operator.read",
            "operator.write",
            "operator.approvals",
        ];
        if let Ok(hello) = session
            .connect(Client::WEBCHAT, Some(&device), &wanted)
            .await
        {
            for scope in &hello.scopes {
                ensure!(
                    domain::wire::openclaw::scopes(Role::User).contains(&scope.as_str()),
                    "with {headers:?} a user was given {scope}"
                );
            }
            let patch = session.call("config.patch", json!({ "raw": "{}" })).await;
            ensure!(
                patch.is_err(),
                "with {headers:?} a user changed the configuration: {patch:?}"
            );
        }
    }
    let turn = gateway.turn("/say as a user").await?;
    ensure!(turn.contains("as a user"), "{turn}");
    Ok(())
}
