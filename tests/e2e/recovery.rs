//! Something ends that should not have, and everything is well again by itself.

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use domain::wire::gateway::SandboxPhase;
use domain::wire::registry::{FleetStatus, Heartbeat};
use e2e::client::{Gateway, Registry};
use e2e::machine::{Container, Process, descendants, signal};
use e2e::stack::{COMPANY, PERSONAL, Stack};
use e2e::wait;
use futures_util::future::join_all;
use libtest_mimic::Trial;
use rustix::process::Signal;

use crate::chat::{COMMAND_RAN, RUN_A_COMMAND, deny_exec};
use crate::stage::World;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial(
            "recovery::a_gateway_serves_and_enforces_while_the_registry_is_down",
            async |stack| {
                let registry = stack.registry_processes();
                for process in &registry {
                    signal(process, Signal::STOP)?;
                }
                let outcome = without_registry(stack).await;
                for process in &registry {
                    signal(process, Signal::CONT)?;
                }
                outcome?;
                let registry = stack.registry()?;
                wait::until("the gateways to be online again", wait::START, async || {
                    let online =
                        registry.is_online(PERSONAL).await? && registry.is_online(COMPANY).await?;
                    Ok(online.then_some(()))
                })
                .await
            },
        ),
        world.trial(
            "recovery::fifty_first_requests_start_one_container",
            async |stack| {
                let personal = stack.gateway(PERSONAL)?;
                let seq = last_audit(&personal).await?;
                personal.post("sandbox/stop").send().await?.expect(202)?;
                wait::until("the container to stop", wait::START, async || {
                    Ok((personal.health().await?.phase == SandboxPhase::Stopped).then_some(()))
                })
                .await?;
                for _ in 0..20 {
                    personal.health().await?;
                }
                ensure!(
                    starts_since(&personal, seq).await? == 0,
                    "a health probe started the container"
                );
                ensure!(
                    containers(stack)?.is_empty(),
                    "the container runs after it was stopped"
                );

                let requests = (0..50).map(|number| {
                    let door = personal.door.clone();
                    async move {
                        let path = if number % 2 == 0 { "/" } else { "/v1/models" };
                        door.get(path).header("accept", "text/html").send().await
                    }
                });
                for answer in join_all(requests).await {
                    let answer = answer?;
                    ensure!(
                        answer.status < 500 || answer.status == 503,
                        "{}: {}",
                        answer.status,
                        answer.excerpt()
                    );
                }
                personal.ready().await?;
                let starts = starts_since(&personal, seq).await?;
                ensure!(starts == 1, "50 requests started {starts} containers");
                ensure!(
                    containers(stack)?.len() == 1,
                    "{} containers run",
                    containers(stack)?.len()
                );
                Ok(())
            },
        ),
        world.trial("recovery::kill_9_of_openclaw", async |stack| {
            recovers(stack, Container::openclaw).await
        }),
        world.trial("recovery::kill_9_of_tedix_init", async |stack| {
            recovers(stack, |container| Ok(container.init.clone())).await
        }),
        world.trial("recovery::kill_9_of_the_container", async |stack| {
            recovers(stack, |container| {
                container
                    .launcher()
                    .context("a container that nobody started")
            })
            .await
        }),
        world.trial("recovery::kill_9_of_a_gateway_s_workerd", async |stack| {
            let company = stack.gateway(COMPANY)?;
            deny_exec(&company).await?;
            let before = company.policy().await?;
            let worker = descendants(stack.ready_gateway(COMPANY)?.pid);
            let workerd = worker.iter().find(|one| one.command.contains("workerd"));
            signal(workerd.context("no workerd")?, Signal::KILL)?;
            wait::until("the gateway to be back", wait::START, async || {
                // Nobody answers in between.
                let health = company.health().await.ok();
                let back = health.is_some_and(|health| health.ready);
                Ok((back && company.policy().await.is_ok()).then_some(()))
            })
            .await?;
            ensure!(
                company.policy().await? == before,
                "the policy is another one"
            );
            company.applied(before.version).await?;
            let refused = company.turn(RUN_A_COMMAND).await?;
            ensure!(
                refused.contains("not found") && !refused.contains(COMMAND_RAN),
                "{refused}"
            );
            Ok(())
        }),
    ]
}

/// Kills something of `personal`'s container and follows what its operators see.
async fn recovers(
    stack: &Stack,
    victim: impl Fn(&Container) -> anyhow::Result<Process>,
) -> anyhow::Result<()> {
    let personal = stack.gateway(PERSONAL)?;
    let registry = stack.registry()?;
    personal.ready().await?;
    let before = personal.status().await?.sandbox;
    let victim = victim(&stack.container(PERSONAL)?)?;
    ensure!(
        victim.pid != stack.process.pid(),
        "that would end the stack itself"
    );
    signal(&victim, Signal::KILL)?;

    let noticed = wait::until("the gateway to notice", wait::HEARTBEATS, async || {
        let status = personal.status().await?.sandbox;
        Ok((status.last_exit != before.last_exit).then_some(status))
    })
    .await?;
    // The first heartbeat after that says so too.
    let told = first_heartbeat_after(&registry, Utc::now()).await?;
    ensure!(
        told.sandbox.last_exit.is_some() && told.sandbox.last_exit != before.last_exit,
        "{told:?}"
    );
    ensure!(
        noticed.phase != SandboxPhase::Failed,
        "it gave up: {noticed:?}"
    );

    // Meanwhile the front door says what is going on.
    if personal.health().await?.phase != SandboxPhase::Ready {
        let page = personal
            .door
            .get("/")
            .header("accept", "text/html")
            .send()
            .await?;
        let program = personal.chat("/say hello").send().await?;
        if personal.health().await?.phase != SandboxPhase::Ready {
            ensure!(
                page.status == 503 && page.header("retry-after").is_some(),
                "{} {:?}",
                page.status,
                page.headers
            );
            ensure!(
                page.text().contains("<html"),
                "a browser is not shown a page: {}",
                page.excerpt()
            );
            program.problem(503, "unavailable")?;
        }
    }

    personal.ready().await?;
    let told = first_heartbeat_after(&registry, Utc::now()).await?;
    ensure!(
        told.sandbox.phase == SandboxPhase::Ready,
        "the heartbeat after recovery says {:?}",
        told.sandbox
    );
    let summary = registry.gateway(PERSONAL).await?;
    ensure!(
        summary.status == FleetStatus::Online,
        "{:?} {:?}",
        summary.status,
        summary.reason
    );
    ensure!(
        containers(stack)?.len() == 1,
        "{} containers run",
        containers(stack)?.len()
    );
    let ran = personal.turn(RUN_A_COMMAND).await?;
    ensure!(ran.contains(COMMAND_RAN), "{ran}");
    Ok(())
}

/// The first heartbeat of `personal` that was sent after `moment`.
async fn first_heartbeat_after(
    registry: &Registry,
    moment: DateTime<Utc>,
) -> anyhow::Result<Heartbeat> {
    wait::until("the next heartbeat", wait::HEARTBEATS, async || {
        let heartbeat = registry.gateway(PERSONAL).await?.heartbeat;
        Ok(heartbeat.filter(|heartbeat| heartbeat.sent_at > moment))
    })
    .await
}

async fn without_registry(stack: &Stack) -> anyhow::Result<()> {
    let company = stack.gateway(COMPANY)?;
    let personal = stack.gateway(PERSONAL)?;
    let before = company.policy().await?;
    // It is administered with Access …
    deny_exec(&company).await?;
    let tool = "web_fetch".parse().map_err(anyhow::Error::msg)?;
    company
        .edit_policy(|policy| policy.tools.deny.push(tool))
        .await?;
    // … enforces …
    let refused = company.turn(RUN_A_COMMAND).await?;
    ensure!(
        refused.contains("not found") && !refused.contains(COMMAND_RAN),
        "{refused}"
    );
    // … and serves.
    let ran = personal.turn(RUN_A_COMMAND).await?;
    ensure!(ran.contains(COMMAND_RAN), "{ran}");
    company
        .edit_policy(|policy| *policy = before.document)
        .await?;
    Ok(())
}

fn containers(stack: &Stack) -> anyhow::Result<Vec<Container>> {
    Ok(Container::all_of(
        stack.process.pid(),
        &stack.ready_gateway(PERSONAL)?.url,
    ))
}

async fn last_audit(gateway: &Gateway) -> anyhow::Result<u64> {
    Ok(gateway.audit().await?.first().map_or(0, |entry| entry.seq))
}

async fn starts_since(gateway: &Gateway, seq: u64) -> anyhow::Result<usize> {
    let entries = gateway.audit_after(seq).await?;
    Ok(entries
        .iter()
        .filter(|entry| entry.action == "sandbox.started")
        .count())
}
