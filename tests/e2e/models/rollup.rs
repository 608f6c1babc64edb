//! What a gateway used, hour by hour, in the registry: all of it, and none of it twice.
//!
//! Only hours that are over are sent, and no test can wait for one, so what was used is
//! moved into hours before while the gateway does not run.

use std::process::Command;

use anyhow::{Context, ensure};
use domain::wire::gateway::{Enrolment, JoinRegistry, Page};
use domain::wire::registry::FleetUsage;
use domain::wire::usage::{UsageGroup, UsageTotals};
use e2e::client::{Credential, Registry};
use e2e::environment::Environment;
use e2e::lone_registry::LoneRegistry;
use e2e::wait;
use reqwest::Method;

use super::lone::{Lone, SOON};

/// Models that are called, each of which becomes an hour of its own.
const CALLED: [&str; 3] = ["plain", "gzip", "no-usage"];

pub(super) async fn run(environment: &Environment) -> anyhow::Result<()> {
    let lone_registry = LoneRegistry::start(environment, true).await?;
    let operator = lone_registry.forge.genuine("operator@localhost.test")?;
    let registry = lone_registry
        .registry
        .with(Credential::AccessHeader(operator));
    let mut lone = Lone::start(environment).await?;
    let outcome = hours(environment, &registry, &mut lone).await;
    lone.stop().await;
    outcome
}

async fn hours(
    environment: &Environment,
    registry: &Registry,
    lone: &mut Lone,
) -> anyhow::Result<()> {
    for model in CALLED {
        lone.stream(model).await?.expect(200)?;
    }
    lone.settled(SOON).await?;
    // The gateway belongs to no registry yet, as if that had been away.
    rewrite(environment, lone, "over").await?;
    let join = JoinRegistry {
        registry_url: registry.door.origin().to_owned(),
        join_token: registry.join_token(None).await?.token,
    };
    let joined = lone.gateway.post("enrolment").json(&join);
    joined.send().await?.expect(201)?;
    let used = by_hour(lone).await?;
    ensure!(used.len() == CALLED.len(), "{used:?}");
    let used: Vec<UsageTotals> = used.into_iter().map(|group| group.totals).collect();
    told(registry, lone, &used).await?;
    // It sends them again when it has not heard that they were taken.
    for change in ["untold", "untold"] {
        rewrite(environment, lone, change).await?;
        told(registry, lone, &used).await.context(change)?;
    }
    Ok(())
}

/// Every hour is in the registry once, however many heartbeats follow.
async fn told(registry: &Registry, lone: &Lone, used: &[UsageTotals]) -> anyhow::Result<()> {
    // The answer to the first says that hours are taken, the second brings them.
    for _ in 0..3 {
        beat(lone).await?;
    }
    let known: Page<FleetUsage> = registry
        .get("usage?group_by=gateway")
        .send()
        .await?
        .json(200)?;
    let sum = |count: fn(&UsageTotals) -> u64| used.iter().map(count).sum::<u64>();
    let all = known.items.first().map(|of| of.totals).context("nothing")?;
    ensure!(
        known.items.len() == 1
            && all.calls == CALLED.len() as u64
            && all.calls == sum(|one| one.calls)
            && all.input_tokens == sum(|one| one.input_tokens)
            && all.output_tokens == sum(|one| one.output_tokens),
        "{known:?} instead of {used:?}"
    );
    Ok(())
}

/// Has the gateway tell something that it tells at once, and waits until it was heard.
async fn beat(lone: &Lone) -> anyhow::Result<()> {
    let accepted = async || {
        let enrolment: Enrolment = lone.gateway.get("enrolment").send().await?.json(200)?;
        anyhow::Ok(enrolment.last_accepted_at)
    };
    let before = accepted().await?;
    lone.gateway.post("models/stop").send().await?.expect(200)?;
    let lift = "/_gateway/v1/models/stop";
    let lifted = lone.gateway.door.call(Method::DELETE, lift).send().await?;
    lifted.expect(200)?;
    wait::until("the registry to take a heartbeat", SOON, async || {
        Ok((accepted().await? > before).then_some(()))
    })
    .await
}

async fn by_hour(lone: &Lone) -> anyhow::Result<Vec<UsageGroup>> {
    let hours = lone.gateway.get("usage?group_by=hour").send().await?;
    Ok(hours.json::<Page<UsageGroup>>(200)?.items)
}

/// Changes what the gateway remembers, while it is down.
async fn rewrite(environment: &Environment, lone: &mut Lone, change: &str) -> anyhow::Result<()> {
    let script = environment.checkout.join("tests/e2e/models/past.mjs");
    lone.restart_after(|data| {
        let output = Command::new(&environment.node)
            .arg(&script)
            .arg(data)
            .arg(change)
            .output()
            .context("what it remembers cannot be changed")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{said}");
        Ok(())
    })
    .await
}
