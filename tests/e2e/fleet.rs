//! What somebody sees who has just started it.

use anyhow::ensure;
use domain::access::Role;
use domain::wire::gateway::{ApplyState, SandboxPhase};
use domain::wire::openclaw::OPENCLAW_VERSION;
use e2e::stack::{COMPANY, PERSONAL};
use e2e::wait;
use libtest_mimic::Trial;

use crate::stage::World;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial(
            "fleet::both_gateways_are_online_in_the_registry",
            async |stack| {
                let registry = stack.registry()?;
                for name in [PERSONAL, COMPANY] {
                    wait::until("a gateway to be online", wait::HEARTBEATS, async || {
                        Ok(registry.is_online(name).await?.then_some(()))
                    })
                    .await?;
                    let summary = registry.gateway(name).await?;
                    ensure!(summary.url == stack.ready_gateway(name)?.url, "{summary:?}");
                    let Some(heartbeat) = summary.heartbeat else {
                        anyhow::bail!("{name} is online without a heartbeat")
                    };
                    ensure!(heartbeat.openclaw_version.as_deref() == Some(OPENCLAW_VERSION));
                    ensure!(
                        heartbeat.policy.state == ApplyState::Applied,
                        "{:?}",
                        heartbeat.policy
                    );
                    ensure!(
                        heartbeat.models.iter().all(|model| model.stand_in),
                        "the stand-in is not named"
                    );
                }
                Ok(())
            },
        ),
        world.trial(
            "fleet::a_gateway_says_how_it_is_and_who_asks",
            async |stack| {
                let status = stack.gateway(COMPANY)?.status().await?;
                ensure!(status.name.as_str() == COMPANY);
                ensure!(
                    status.sandbox.phase == SandboxPhase::Ready,
                    "{:?}",
                    status.sandbox
                );
                ensure!(
                    status.viewer.subject == stack.ready.operator,
                    "{:?}",
                    status.viewer
                );
                ensure!(status.viewer.role == Role::Admin, "{:?}", status.viewer);
                let id = stack.registry()?.gateway(COMPANY).await?.id;
                ensure!(
                    status.gateway_id == Some(id),
                    "it does not know its own id in the registry"
                );
                Ok(())
            },
        ),
        world.trial(
            "fleet::the_admin_app_gets_to_a_gateway_with_a_token_of_the_registry",
            async |stack| {
                let registry = stack.registry()?;
                let summary = registry.gateway(COMPANY).await?;
                let token = registry.gateway_token(&summary.id).await?;
                ensure!(token.url == summary.url);
                let gateway = stack
                    .gateway(COMPANY)?
                    .with(e2e::client::Credential::Bearer(token.token));
                let status = gateway.status().await?;
                ensure!(
                    status.viewer.subject == stack.ready.operator,
                    "{:?}",
                    status.viewer
                );
                Ok(())
            },
        ),
        world.trial(
            "fleet::the_probe_tells_everybody_the_phase_and_nothing_more",
            async |stack| {
                let gateway = stack.gateway(PERSONAL)?.anonymous();
                let answer = gateway
                    .door
                    .get("/_gateway/healthz")
                    .send()
                    .await?
                    .expect(200)?;
                let body: serde_json::Map<_, _> = serde_json::from_slice(&answer.body)?;
                let fields: Vec<_> = body.keys().map(String::as_str).collect();
                ensure!(fields == ["phase", "ready"], "{fields:?}");
                Ok(())
            },
        ),
    ]
}
