//! A gateway that nobody needs: its container ends, it is asleep and not gone, and it is
//! there again when somebody comes. It falls asleep while other scenarios run.

use std::time::Duration;

use anyhow::ensure;
use domain::wire::gateway::SandboxPhase;
use domain::wire::registry::FleetStatus;
use e2e::client::Gateway;
use e2e::machine::Container;
use e2e::stack::{COMPANY, Stack};
use e2e::wait;
use libtest_mimic::Trial;

use crate::stage::World;

/// The shortest that a policy may say.
const AFTER: &str = "PT5M";
/// That, and the stop with its snapshot.
const ASLEEP: Duration = Duration::from_secs(400);

/// Before scenarios that leave it alone.
pub(crate) fn before(world: &World) -> Vec<Trial> {
    vec![
        world.trial("sleep::a_policy_lets_a_gateway_sleep", async |stack| {
            may_sleep(&stack.gateway(COMPANY)?, true).await
        }),
    ]
}

/// After them.
pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![world.trial(
        "sleep::a_gateway_that_nobody_needs_sleeps_until_somebody_comes",
        async |stack| {
            let company = stack.gateway(COMPANY)?;
            may_sleep(&company, true).await?;
            let outcome = sleeps_and_wakes(stack, &company).await;
            may_sleep(&company, false).await?;
            outcome
        },
    )]
}

async fn may_sleep(gateway: &Gateway, may: bool) -> anyhow::Result<()> {
    let after = may.then(|| AFTER.parse()).transpose();
    let after = after.map_err(anyhow::Error::msg)?;
    if gateway.policy().await?.document.persistence.sleep_after == after {
        return Ok(());
    }
    let edit = gateway.edit_policy(|policy| policy.persistence.sleep_after = after);
    edit.await.map(drop)
}

async fn sleeps_and_wakes(stack: &Stack, company: &Gateway) -> anyhow::Result<()> {
    wait::until("the gateway to fall asleep", ASLEEP, async || {
        Ok((company.health().await?.phase == SandboxPhase::Asleep).then_some(()))
    })
    .await?;
    let url = &stack.ready_gateway(COMPANY)?.url;
    let running = Container::all_of(stack.process.pid(), url);
    ensure!(running.is_empty(), "{} containers run", running.len());
    let registry = stack.registry()?;
    wait::until("the registry to say so", wait::HEARTBEATS, async || {
        let listed = registry.gateway(COMPANY).await?;
        ensure!(listed.status != FleetStatus::Offline, "{listed:?}");
        Ok((listed.status == FleetStatus::Asleep).then_some(()))
    })
    .await?;
    // Whoever only looks does not wake it, and the policy rules meanwhile.
    let status = company.status().await?;
    ensure!(status.sandbox.phase == SandboxPhase::Asleep, "{status:?}");
    ensure!(
        status.pointers.r2.is_some(),
        "nothing was saved: {status:?}"
    );
    let stranger = company.anonymous().get("status").send().await?;
    ensure!(stranger.status == 401, "{}", stranger.status);
    let turned_away = company.anonymous().door.get("/v1/models").send().await?;
    ensure!(turned_away.status == 401, "{}", turned_away.status);
    ensure!(
        company.health().await?.phase == SandboxPhase::Asleep,
        "it woke for nobody"
    );
    let visit = company.door.get("/").header("accept", "text/html");
    visit.send().await?;
    company.ready().await?;
    wait::until("the registry to hear of it", wait::HEARTBEATS, async || {
        Ok(registry.is_online(COMPANY).await?.then_some(()))
    })
    .await
}
