//! One gateway's credentials at another.

use anyhow::ensure;
use domain::wire::registry::Enrolled;
use e2e::client::Credential;
use e2e::stack::{COMPANY, PERSONAL, Stack};
use libtest_mimic::Trial;
use serde_json::json;

use super::heartbeats::heartbeat;
use crate::stage::World;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial(
            "attacks::a_token_for_one_gateway_opens_no_other",
            async |stack| {
                let registry = stack.registry()?;
                let personal = registry.gateway(PERSONAL).await?;
                let token = registry.gateway_token(&personal.id).await?.token;
                let right = stack
                    .gateway(PERSONAL)?
                    .with(Credential::Bearer(token.clone()));
                right.get("status").send().await?.expect(200)?;
                let wrong = stack
                    .gateway(COMPANY)?
                    .with(Credential::Bearer(token.clone()));
                wrong
                    .get("status")
                    .send()
                    .await?
                    .problem(401, "unauthenticated")?;
                // It is no sign-in: neither where Access tokens go nor at the registry.
                for credential in [
                    Credential::AccessHeader(token.clone()),
                    Credential::AccessCookie(token.clone()),
                ] {
                    let odd = stack.gateway(PERSONAL)?.with(credential);
                    odd.get("status")
                        .send()
                        .await?
                        .problem(401, "unauthenticated")?;
                }
                let back = registry.with(Credential::Bearer(token));
                back.get("me")
                    .send()
                    .await?
                    .problem(401, "unauthenticated")?;
                Ok(())
            },
        ),
        world.trial(
            "attacks::a_token_is_minted_for_operators_and_known_gateways_alone",
            async |stack| {
                let registry = stack.registry()?;
                let personal = registry.gateway(PERSONAL).await?;
                let path = format!("gateways/{}/token", personal.id);
                registry
                    .anonymous()
                    .post(&path)
                    .send()
                    .await?
                    .problem(401, "unauthenticated")?;
                let stranger = stack.forge()?.genuine("stranger@localhost.test")?;
                let stranger = registry.with(Credential::AccessHeader(stranger));
                stranger
                    .post(&path)
                    .send()
                    .await?
                    .problem(403, "forbidden")?;
                for id in [
                    "gw_00000000000000000000000000",
                    "nonsense",
                    "' OR 1=1 --",
                    "%2e%2e",
                ] {
                    let answer = registry
                        .post(&format!("gateways/{}/token", encode(id)))
                        .send()
                        .await?;
                    answer.problem(404, "not-found")?;
                }
                Ok(())
            },
        ),
        world.trial(
            "attacks::a_gateway_s_credential_speaks_for_itself_alone",
            async |stack| {
                let registry = stack.registry()?;
                let own = enrolled(stack, "attack-impostor").await?;
                let victim = registry.gateway(COMPANY).await?;
                let impostor = registry.with(Credential::Bearer(own.credential.clone()));
                let before = victim.heartbeat.clone();
                let path = format!("gateways/{}/heartbeat", victim.id);
                let answer = impostor.post(&path).json(&heartbeat(1)).send().await?;
                ensure!(
                    [401, 403, 404].contains(&answer.status),
                    "{}: {}",
                    answer.status,
                    answer.excerpt()
                );
                let now = registry.gateway(COMPANY).await?.heartbeat;
                let boot = |beat: &Option<domain::wire::registry::Heartbeat>| {
                    beat.as_ref().map(|beat| beat.boot_id.clone())
                };
                ensure!(
                    boot(&now) == boot(&before),
                    "the impostor's heartbeat was taken"
                );
                // Nor does it read the fleet or mint anything.
                for path in ["me", "gateways"] {
                    impostor
                        .get(path)
                        .send()
                        .await?
                        .problem(401, "unauthenticated")?;
                }
                impostor
                    .post("join-tokens")
                    .json(&json!({}))
                    .send()
                    .await?
                    .problem(401, "unauthenticated")?;
                let path = format!("gateways/{}/token", own.gateway_id);
                impostor
                    .post(&path)
                    .send()
                    .await?
                    .problem(401, "unauthenticated")?;
                // Nor does it open the gateway's own door.
                let door = stack
                    .gateway(COMPANY)?
                    .with(Credential::Bearer(own.credential));
                door.get("status")
                    .send()
                    .await?
                    .problem(401, "unauthenticated")?;
                Ok(())
            },
        ),
    ]
}

/// A gateway of the attacker's own.
pub(super) async fn enrolled(stack: &Stack, name: &str) -> anyhow::Result<Enrolled> {
    let registry = stack.registry()?;
    let token = registry.join_token(None).await?.token;
    registry
        .anonymous()
        .enroll(&token, name, "http://localhost:1")
        .await?
        .json(201)
}

fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}
