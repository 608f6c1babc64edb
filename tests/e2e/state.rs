//! A container is thrown away, and the next one is the same gateway.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use chrono::Utc;
use domain::state::SnapshotReason;
use domain::wire::gateway::{Page, SandboxPhase};
use domain::wire::openclaw::ADMIN_SCOPE;
use domain::wire::snapshots::{Snapshot, SnapshotOrdered};
use e2e::client::Gateway;
use e2e::machine::files_with;
use e2e::openclaw::{Client, Device, Session};
use e2e::stack::{PERSONAL, Stack};
use e2e::wait;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::stage::World;

/// Session, job and skill that the scenario makes.
const NAME: &str = "e2e-state";
/// What a manifest begins with, as this version writes it and as a later one might.
const NOW: &str = r#"{"schema":1,"line":""#;
const FUTURE: &str = r#"{"schema":9,"line":""#;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![world.trial(
        "state::a_destroyed_gateway_comes_back_as_openclaw_knew_it",
        comes_back,
    )]
}

async fn comes_back(stack: &Stack) -> anyhow::Result<()> {
    let personal = stack.gateway(PERSONAL)?;
    personal.ready().await?;
    make_state(stack, &personal).await?;
    let before = Known::of(stack, PERSONAL).await?;

    // With nothing new since a pairing's, which comes by itself, none is made.
    let ordered = save(&personal).await?;
    let listed = snapshots(&personal).await?;
    let saved = listed.first().context("no generation")?;
    ensure!(ordered.order > 0 && saved.totals.files > 0, "{saved:?}");
    ensure!(saved.totals.skipped < 50, "{saved:?}");
    let pointer = personal.status().await?.pointers.r2;
    ensure!(
        pointer.is_some_and(|pointer| pointer.generation >= Some(saved.generation)),
        "{saved:?} is not pointed to"
    );
    registry_knows(stack, saved.generation).await?;

    let seq = personal.audit().await?.first().map_or(0, |entry| entry.seq);
    let mut own = session(stack, PERSONAL).await?;
    own.turn("e2e-lost", "/say this is lost with what is damaged")
        .await?;
    let rests = rests(stack)?;
    personal.post("sandbox/destroy").send().await?.expect(202)?;
    phase(&personal, SandboxPhase::Stopped).await?;
    let now = self::rests(stack)?;
    ensure!(
        now > rests || rests.is_none(),
        "OpenClaw did not come to rest before it was saved"
    );
    let listed = snapshots(&personal).await?;
    let [newest, saved, ..] = listed.as_slice() else {
        bail!("too few generations: {listed:?}");
    };
    ensure!(
        newest.reason == SnapshotReason::Stop,
        "what changed before the end is not in {listed:?}"
    );

    // No generation verifies: it does not start with nothing, and says so.
    let manifests = harm(&manifests(stack, NOW)?, NOW, FUTURE)?;
    personal.post("sandbox/start").send().await?.expect(202)?;
    phase(&personal, SandboxPhase::Failed).await?;
    let problem = personal.status().await?.state.problem.unwrap_or_default();
    ensure!(problem.contains("snapshots/N/restore"), "{problem:?}");
    let visitor = personal.door.get("/v1/models").send().await?;
    let visitor = visitor.problem(503, "unavailable")?;
    ensure!(visitor.detail.contains("newer"), "{}", visitor.detail);

    // All but the newest are as they were: it falls back to the one before.
    let number = format!("\"generation\":{},", newest.generation);
    let (damaged, whole): (Vec<_>, Vec<_>) = manifests
        .into_iter()
        .partition(|path| fs::read_to_string(path).is_ok_and(|text| text.contains(&number)));
    ensure!(damaged.len() == 1, "{damaged:?}");
    harm(&whole, FUTURE, NOW)?;
    personal.post("sandbox/start").send().await?.expect(202)?;
    personal.ready().await?;
    let events = personal.audit_after(seq).await?;
    let said = |action: &str, part: &str| {
        let mut entries = events.iter();
        entries.any(|entry| entry.action == action && entry.detail.contains(part))
    };
    let number = |generation| format!("generation {generation}");
    ensure!(said("state.refused", ""), "{events:?}");
    ensure!(
        said("state.damaged", &number(newest.generation)),
        "{events:?}"
    );
    ensure!(
        said("state.restored", &number(saved.generation)),
        "{events:?}"
    );
    let state = personal.status().await?.state;
    ensure!(state.restored == Some(saved.generation), "{state:?}");

    let after = Known::of(stack, PERSONAL).await?;
    ensure!(after == before, "{before:#?}\nbecame\n{after:#?}");
    let text = session(stack, PERSONAL)
        .await?
        .turn(NAME, "/say and it goes on")
        .await?;
    ensure!(text.contains("it goes on"), "{text}");
    // Numbers are never used twice, and the damaged one is shown as such.
    personal.post("snapshots").send().await?.expect(202)?;
    wait::until("the next snapshot", wait::APPLY, async || {
        let found = snapshots(&personal).await?;
        let next = found
            .iter()
            .find(|next| next.generation > newest.generation);
        ensure!(
            next.is_none_or(|next| next.parent == Some(saved.generation)),
            "{next:?}"
        );
        Ok(next.map(drop))
    })
    .await?;
    let shown = snapshots(&personal).await?;
    let shown = shown.iter().find(|one| one.generation == newest.generation);
    ensure!(shown.is_some_and(|one| one.damage.is_some()), "{shown:?}");
    keeps_to_its_rhythm(stack, &personal).await
}

/// Has everything saved that there is.
pub(crate) async fn save(gateway: &Gateway) -> anyhow::Result<SnapshotOrdered> {
    let asked = Utc::now();
    let ordered = gateway.post("snapshots").send().await?.json(202)?;
    wait::until("the snapshot", wait::APPLY, async || {
        let state = gateway.status().await?.state;
        let done = state.saved_at > Some(asked) && !state.snapshot_ordered;
        Ok(done.then_some(()))
    })
    .await?;
    Ok(ordered)
}

/// A policy that wants one a minute, and none kept: besides the newest the one that runs
/// stays. Without it there was none by the clock, and all were kept.
async fn keeps_to_its_rhythm(stack: &Stack, personal: &Gateway) -> anyhow::Result<()> {
    let before = snapshots(personal).await?;
    let by_the_clock = |one: &Snapshot| one.reason == SnapshotReason::Schedule;
    ensure!(
        before.len() > 2 && !before.iter().any(by_the_clock),
        "{before:?}"
    );
    let policy = personal.policy().await?.document;
    let often = "PT1M".parse().map_err(anyhow::Error::msg)?;
    let edited = personal.edit_policy(|policy| {
        policy.persistence.snapshots.every = Some(often);
        policy.persistence.snapshots.keep = Some(1);
    });
    edited.await?;
    // There is something new to keep.
    session(stack, PERSONAL)
        .await?
        .turn(NAME, "/say tick")
        .await?;
    let outcome = wait::until("one by the clock", wait::START, async || {
        let now = snapshots(personal).await?;
        let done = now.first().is_some_and(by_the_clock) && now.len() <= 2;
        Ok(done.then_some(()))
    })
    .await;
    personal.edit_policy(|now| *now = policy).await?;
    outcome
}

/// What OpenClaw itself reports.
#[derive(Debug, PartialEq)]
pub(crate) struct Known {
    history: Vec<Value>,
    jobs: Vec<Value>,
    skill: Value,
    memory: Value,
    devices: Value,
}

impl Known {
    pub(crate) async fn of(stack: &Stack, gateway: &str) -> anyhow::Result<Self> {
        let mut session = session(stack, gateway).await?;
        let key = json!({ "sessionKey": format!("agent:main:{NAME}") });
        let history = session.call("chat.history", key).await?;
        let history = items(&history, "messages")?.into_iter();
        let jobs = session.call("cron.list", json!({})).await?;
        let jobs = items(&jobs, "jobs")?.into_iter();
        let skills = session.call("skills.status", json!({})).await?;
        let mut skills = items(&skills, "skills")?.into_iter();
        let memory = json!({ "agentId": "main", "name": "MEMORY.md" });
        let memory = session.call("agents.files.get", memory).await?;
        let devices = session.call("device.pair.list", json!({})).await?;
        let known = Self {
            history: history
                .map(|message| json!([message["role"], message["content"]]))
                .collect(),
            jobs: jobs
                .map(|job| json!([job["id"], job["name"], job["schedule"], job["payload"]]))
                .collect(),
            skill: skills
                .find(|skill| skill["name"] == NAME)
                .unwrap_or_default(),
            memory: memory["file"]["content"].clone(),
            devices: items(&devices, "paired")?
                .into_iter()
                .map(|device| device["deviceId"].clone())
                .collect(),
        };
        ensure!(
            known.history.len() >= 2
                && known.jobs.iter().any(|job| job[1] == NAME)
                && known.skill["description"] == "Says that it is back"
                && known
                    .memory
                    .as_str()
                    .is_some_and(|text| text.contains("42"))
                && known.devices.as_array().is_some_and(|all| !all.is_empty()),
            "OpenClaw does not know what it was told: {known:#?}"
        );
        Ok(known)
    }
}

/// A conversation, a job, a skill, something to remember, a paired device.
pub(crate) async fn make_state(stack: &Stack, personal: &Gateway) -> anyhow::Result<()> {
    let mut own = session(stack, PERSONAL).await?;
    // Something else than last time, should the scenario run twice over one state.
    let now = Utc::now();
    own.turn(NAME, &format!("/say it is {now}")).await?;
    let job = json!({
        "name": NAME, "declarationKey": NAME,
        "schedule": { "kind": "cron", "expr": "0 3 1 1 *" },
        "sessionTarget": "main", "wakeMode": "next-heartbeat",
        "payload": { "kind": "systemEvent", "text": "a year has passed" },
    });
    own.call("cron.add", job).await?;
    let memory = json!({
        "agentId": "main", "name": "MEMORY.md", "content": format!("At {now} the answer was 42.\n"),
    });
    own.call("agents.files.set", memory).await?;
    let skill = format!("---\nname: {NAME}\ndescription: Says that it is back\n---\nSay it.\n");
    let command =
        format!("mkdir -p skills/{NAME} && printf '%s' '{skill}' > skills/{NAME}/SKILL.md");
    personal
        .turn(&format!("/tool exec {}", json!({ "command": command })))
        .await?;
    let url = stack.ready_gateway(PERSONAL)?.url.clone();
    let cookie = format!("CF_Authorization={}", stack.operator_token());
    let headers = [("cookie", cookie.as_str()), ("origin", url.as_str())];
    let mut browser = Session::open(&url, &headers).await?;
    let device = Device::new()?;
    let scopes = ["operator.read", "operator.write"];
    browser
        .connect(Client::WEBCHAT, Some(&device), &scopes)
        .await?;
    Ok(())
}

async fn session(stack: &Stack, gateway: &str) -> anyhow::Result<Session> {
    let url = stack.ready_gateway(gateway)?.url.clone();
    let token = stack.operator_token();
    let headers = [("cf-access-jwt-assertion", token.as_str())];
    let mut session = Session::open(&url, &headers).await?;
    session
        .connect(
            Client::BACKEND,
            None,
            &["operator.read", "operator.write", ADMIN_SCOPE],
        )
        .await?;
    Ok(session)
}

fn items(answer: &Value, list: &str) -> anyhow::Result<Vec<Value>> {
    let found = answer[list].as_array();
    found
        .cloned()
        .with_context(|| format!("no {list} in {answer}"))
}

pub(crate) async fn snapshots(gateway: &Gateway) -> anyhow::Result<Vec<Snapshot>> {
    let page: Page<Snapshot> = gateway.get("snapshots").send().await?.json(200)?;
    Ok(page.items)
}

async fn phase(gateway: &Gateway, wanted: SandboxPhase) -> anyhow::Result<()> {
    wait::until("the container to end", wait::START, async || {
        Ok((gateway.health().await?.phase == wanted).then_some(()))
    })
    .await
}

/// The pointer reaches the registry with a heartbeat.
async fn registry_knows(stack: &Stack, generation: u64) -> anyhow::Result<()> {
    let registry = stack.registry()?;
    wait::until(
        "the registry to know the snapshot",
        wait::HEARTBEATS,
        async || {
            let heard = registry.gateway(PERSONAL).await?.heartbeat;
            let pointer = heard.and_then(|heard| heard.pointers.r2);
            let known = pointer.and_then(|pointer| pointer.generation);
            Ok((known >= Some(generation)).then_some(()))
        },
    )
    .await
}

/// How often OpenClaw has said that it is at rest (`gateway.suspend.prepare`); none where
/// the engine keeps what a container prints to itself.
fn rests(stack: &Stack) -> anyhow::Result<Option<usize>> {
    let Ok(logs) = fs::read_dir(stack.state().join("containers/logs")) else {
        return Ok(None);
    };
    let start = format!("gateway-{PERSONAL}-");
    let mut rests = 0;
    for log in logs {
        let log = log?;
        if log.file_name().to_string_lossy().starts_with(&start) {
            let text = fs::read_to_string(log.path())?;
            rests += text.matches("OpenClaw is at rest").count();
        }
    }
    Ok(Some(rests))
}

/// The manifests in the gateway's bucket that begin like this.
fn manifests(stack: &Stack, beginning: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = files_with(stack.state(), beginning);
    found.retain(|path| {
        fs::read(path).is_ok_and(|bytes| bytes.starts_with(beginning.as_bytes()))
            && path.components().any(|part| {
                let part = part.as_os_str().to_string_lossy();
                part == format!("gateway-{PERSONAL}")
            })
    });
    ensure!(!found.is_empty(), "no manifest is on the disk");
    Ok(found)
}

/// Replaces the beginning of files; what it is that was harmed.
fn harm(paths: &[PathBuf], from: &str, to: &str) -> anyhow::Result<Vec<PathBuf>> {
    for path in paths {
        let text = fs::read_to_string(path)?;
        let rest = text.strip_prefix(from).context("it begins otherwise")?;
        fs::write(path, format!("{to}{rest}"))?;
    }
    Ok(paths.to_vec())
}
