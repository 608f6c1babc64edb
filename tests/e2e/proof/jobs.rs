//! Scheduled jobs that a policy lets run: how often, and how many.

use anyhow::{Context, ensure};
use chrono::{TimeDelta, Utc};
use domain::drift::jobs::{is_openclaw_s, next_run};
use e2e::stack::Stack;
use e2e::wait;
use serde_json::{Value, json};

use super::Proof;
use super::scene::{job, session};

const INTERVAL: &str = "/budgets/cron/min_interval";
const MOST: &str = "/budgets/cron/max_jobs";
/// How many there may be.
const JOBS: usize = 2;
/// More often than the limits allow.
const OFTEN: &str = "often";
const OFTEN_SCHEDULE: &str = "*/10 * * * *";
const RARE: [&str; 3] = ["rare-1", "rare-2", "rare-3"];
const RARE_SCHEDULE: &str = "0 3 1 1 *";

/// What is allowed.
pub(super) fn limits() -> Value {
    json!({ "cron": { "min_interval": "PT1H", "max_jobs": JOBS } })
}

/// Adds a job that comes often and three that hardly ever do.
pub(super) async fn add(stack: &Stack) -> anyhow::Result<()> {
    let mut session = session(stack).await?;
    let rare = RARE.map(|name| (name, RARE_SCHEDULE));
    for (name, schedule) in rare.into_iter().chain([(OFTEN, OFTEN_SCHEDULE)]) {
        let schedule = json!({ "kind": "cron", "expr": schedule });
        let job = job(name, &schedule);
        session.call("cron.add", job).await.context(name)?;
    }
    Ok(())
}

/// What became of them, and takes them away. tedix-init has looked at them in
/// between where nothing is limited; where something is, that is waited for.
pub(super) async fn prove(stack: &Stack, proof: &mut Proof, limited: bool) -> anyhow::Result<()> {
    let state = if limited { "on" } else { "off" };
    let often = |on: &[String]| on.iter().any(|name| name == OFTEN);
    let settled = wait::until("jobs beyond the limits", wait::HEARTBEATS, async || {
        let on = switched_on(stack).await?;
        let settled = !limited || (!often(&on) && on.len() <= JOBS);
        Ok(settled.then_some(()))
    })
    .await;
    if !limited {
        // What wakes a gateway that sleeps goes by this.
        let next = next_run(&all(stack).await?);
        let soon = Utc::now() + TimeDelta::minutes(10);
        ensure!(
            next.is_some_and(|next| next <= soon),
            "OpenClaw says {next:?}"
        );
    }
    let on = switched_on(stack).await?;
    let shown = format!("{settled:?}: {on:?} run");
    proof.note(INTERVAL, state, often(&on) != limited, &shown);
    let right = if limited {
        on.len() == JOBS
    } else {
        RARE.iter().all(|name| on.iter().any(|one| one == name))
    };
    proof.note(MOST, state, right, &shown);
    remove(stack).await
}

/// The names of the jobs that run; OpenClaw's own are not among them.
async fn switched_on(stack: &Stack) -> anyhow::Result<Vec<String>> {
    let jobs = all(stack).await?.into_iter();
    let on = jobs.filter(|job| job["enabled"] == true && !is_openclaw_s(job));
    Ok(on
        .map(|job| job["name"].as_str().unwrap_or_default().to_owned())
        .collect())
}

async fn all(stack: &Stack) -> anyhow::Result<Vec<Value>> {
    let query = json!({ "includeDisabled": true });
    let listed = session(stack).await?.call("cron.list", query).await?;
    let jobs = listed["jobs"].as_array();
    jobs.cloned()
        .with_context(|| format!("no jobs in {listed}"))
}

async fn remove(stack: &Stack) -> anyhow::Result<()> {
    let mut session = session(stack).await?;
    for job in all(stack).await? {
        let own = |name: &str| name == OFTEN || RARE.contains(&name);
        if job["name"].as_str().is_some_and(own) {
            session
                .call("cron.remove", json!({ "id": job["id"] }))
                .await?;
        }
    }
    Ok(())
}
