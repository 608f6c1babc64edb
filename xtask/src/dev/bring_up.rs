//! Bringing one gateway up: enrolled, its container started, OpenClaw healthy.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use domain::id::GatewayId;
use domain::wire::gateway::{GatewayStatus, SandboxPhase, SandboxStatus, StartStep};
use domain::wire::registry::FleetStatus;
use tokio::time::sleep;

use super::api::Api;
use super::layout::GatewayPlace;
use crate::ui::{Step, log_tail};

/// How long OpenClaw may take: 17 to 28 s on two idle cores, 68 s was the
/// longest seen on busy ones.
const HEALTHY_LIMIT: Duration = Duration::from_secs(240);
/// How long the registry may take to hear of it: a heartbeat follows at once.
const ONLINE_LIMIT: Duration = Duration::from_secs(5);
/// Pause between two looks at the status.
const POLL: Duration = Duration::from_millis(250);
/// How often a start may end before it counts as failed.
const RESTARTS_ALLOWED: u32 = 2;
/// How many of the container's last lines are shown when it does not come up.
const TAIL_LINES: usize = 15;

/// Makes sure that the gateway belongs to the registry, under its present address.
/// Returns its id there.
///
/// # Errors
/// When one of them refuses.
pub(crate) async fn enrol(api: &Api, place: &GatewayPlace) -> anyhow::Result<GatewayId> {
    let url = place.url();
    if let Some(enrolment) = api.enrolment(&url).await?
        && enrolment.registry_url == api.registry()
        && let Some(known) = api.registered(&enrolment.gateway_id).await?
        && known.url == url
    {
        return Ok(enrolment.gateway_id);
    }
    let enrolled = api.enrol(&url, &place.name).await;
    let enrolled = enrolled.with_context(|| format!("{} could not be enrolled", place.name))?;
    Ok(enrolled.gateway_id)
}

/// Waits until the registry shows the gateway as online, so that the admin app
/// does from its first moment. Not for long: it catches up by itself.
///
/// # Errors
/// When the registry does not answer, or refuses.
pub(crate) async fn online(api: &Api, id: &GatewayId) -> anyhow::Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < ONLINE_LIMIT {
        let known = api.registered(id).await?;
        if known.is_some_and(|known| known.status == FleetStatus::Online) {
            break;
        }
        sleep(POLL).await;
    }
    Ok(())
}

/// Waits until OpenClaw of this gateway is healthy, showing what it is at.
///
/// # Errors
/// When it fails, or takes too long: with its last lines and the place of its log.
pub(crate) async fn healthy(
    api: &Api,
    place: &GatewayPlace,
    step: &Step,
    log: impl Fn() -> Option<PathBuf>,
) -> anyhow::Result<GatewayStatus> {
    let begun = Instant::now();
    let mut shown = None;
    loop {
        let status = api.status(&place.url()).await?;
        let sandbox = &status.sandbox;
        if sandbox.phase == SandboxPhase::Ready {
            return Ok(status);
        }
        let words = words(sandbox);
        if shown.as_ref() != Some(&words) {
            step.note(&words);
            shown = Some(words.clone());
        }
        if let Some(why) = hopeless(sandbox, begun.elapsed()) {
            bail!(
                "OpenClaw of {} {why}{}",
                place.name,
                evidence(log().as_deref())
            );
        }
        sleep(POLL).await;
    }
}

/// Why waiting any longer makes no sense.
fn hopeless(sandbox: &SandboxStatus, waited: Duration) -> Option<String> {
    if sandbox.phase == SandboxPhase::Failed || sandbox.restarts > RESTARTS_ALLOWED {
        return Some("does not come up: it ends each time it is started".to_owned());
    }
    let seconds = waited.as_secs();
    (waited > HEALTHY_LIMIT).then(|| {
        format!(
            "did not come up in {seconds} s: it was still {}",
            words(sandbox)
        )
    })
}

/// What a container that is not healthy is at.
fn words(sandbox: &SandboxStatus) -> String {
    let ended = || {
        sandbox
            .last_exit
            .as_ref()
            .map(|exit| format!(": {}", exit.reason))
    };
    match sandbox.phase {
        SandboxPhase::Stopped => "stopped".to_owned(),
        SandboxPhase::Asleep => "asleep".to_owned(),
        SandboxPhase::Stopping => "stopping".to_owned(),
        SandboxPhase::Ready => "ready".to_owned(),
        SandboxPhase::Starting => match sandbox.step {
            None | Some(StartStep::Container) => "starting the container",
            Some(StartStep::Configuring) => "fetching and checking its configuration",
            Some(StartStep::Openclaw) => "starting OpenClaw",
            Some(StartStep::Confirming) => "confirming its configuration",
        }
        .to_owned(),
        SandboxPhase::BackingOff => {
            format!(
                "waiting to start again after it ended{}",
                ended().unwrap_or_default()
            )
        }
        SandboxPhase::Failed => {
            format!(
                "given up after it kept ending{}",
                ended().unwrap_or_default()
            )
        }
    }
}

/// The end of the container's output, and where the rest is.
fn evidence(log: Option<&Path>) -> String {
    let Some(log) = log else {
        return "; it printed nothing".to_owned();
    };
    let tail = log_tail(log, TAIL_LINES);
    let lines: String = tail.iter().map(|line| format!("\n  | {line}")).collect();
    format!(
        "{lines}\nits whole log is {}; `cargo xtask dev --fresh` starts anew",
        log.display()
    )
}
