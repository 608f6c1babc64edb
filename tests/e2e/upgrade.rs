//! A gateway goes from one version of OpenClaw to the next with its conversations, and back
//! by itself from one that does not work.

use anyhow::{Context, ensure};
use domain::policy::Policy;
use domain::upgrade::Verdict;
use domain::wire::gateway::SandboxPhase;
use domain::wire::openclaw_version::OpenclawStatus;
use e2e::client::Gateway;
use e2e::openclaw::{Client, Session};
use e2e::stack::{BROKEN_VERSION, PERSONAL, Stack};
use e2e::wait;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::stage::World;

/// Session that has to survive.
const NAME: &str = "e2e-upgrade";
/// The shortest that a version may have to stay healthy.
const WINDOW: &str = "PT10S";

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![world.trial(
        "upgrade::openclaw_s_version_changes_with_its_state_and_goes_back_by_itself",
        async |stack| {
            let personal = stack.gateway(PERSONAL)?;
            personal.ready().await?;
            let policy = personal.policy().await?.document;
            let window = WINDOW.parse().map_err(anyhow::Error::msg)?;
            let edit = |policy: &mut Policy| policy.self_modification.health_window = Some(window);
            personal.edit_policy(edit).await?;
            let outcome = changes_and_goes_back(stack, &personal).await;
            if outcome.is_err()
                && let Err(error) = follow_the_image(&personal).await
            {
                eprintln!("the others may find another OpenClaw than they know: {error:#}");
            }
            personal.edit_policy(|now| *now = policy).await?;
            outcome
        },
    )]
}

async fn changes_and_goes_back(stack: &Stack, personal: &Gateway) -> anyhow::Result<()> {
    let before = versions(personal).await?;
    let own = before.running.clone().context("nothing runs")?;
    let other = before.offered.iter();
    let mut other = other.filter(|one| **one != own && *one != BROKEN_VERSION);
    let old = other.next().context("one version only")?.clone();
    ensure!(
        before.offered.first() == Some(&own) && before.trial.is_none(),
        "{before:?}"
    );

    // It begins anew with the version before: what a newer one wrote is not for older ones.
    personal.post("sandbox/stop").send().await?.expect(202)?;
    wait::until("the container to end", wait::START, async || {
        Ok((personal.health().await?.phase == SandboxPhase::Stopped).then_some(()))
    })
    .await?;
    choose(personal, Some(&old)).await?;
    personal
        .post("snapshots/0/restore")
        .send()
        .await?
        .expect(202)?;
    let kept = ended(personal, &old, Verdict::Kept).await?;
    ensure!(kept.running.as_ref() == Some(&old), "{kept:?}");
    ensure!(reported(personal).await? == old, "OpenClaw says otherwise");
    say(stack, "the first word").await?;

    // The upgrade: follow the image.
    choose(personal, None).await?;
    let kept = ended(personal, &own, Verdict::Kept).await?;
    let last = kept.last.context("no end")?;
    ensure!(last.from == old && last.generation.is_some(), "{last:?}");
    ensure!(reported(personal).await? == own, "OpenClaw says otherwise");
    ensure!(
        history(stack).await?.contains("the first word"),
        "it was forgotten"
    );
    say(stack, "the second word").await?;

    if !before.offered.iter().any(|one| one == BROKEN_VERSION) {
        // A Docker engine has its image, without the stand-in.
        return Ok(());
    }
    let seq = personal.audit().await?.first().map_or(0, |entry| entry.seq);
    choose(personal, Some(BROKEN_VERSION)).await?;
    let back = ended(personal, BROKEN_VERSION, Verdict::Back).await?;
    let problem = back.problem.context("it went back without a word")?;
    ensure!(problem.contains(BROKEN_VERSION), "{problem}");
    wait::until("the version before", wait::START, async || {
        let now = versions(personal).await?;
        let back = now.running.as_ref() == Some(&own) && personal.health().await?.ready;
        Ok(back.then_some(()))
    })
    .await?;
    let text = history(stack).await?;
    ensure!(
        text.contains("the first word") && text.contains("the second word"),
        "{text}"
    );
    ensure!(reported(personal).await? == own, "OpenClaw says otherwise");
    let events = personal.audit_after(seq).await?;
    let said = |action: &str| events.iter().any(|entry| entry.action == action);
    ensure!(
        said("openclaw.trial_began") && said("openclaw.version_failed"),
        "{events:?}"
    );
    Ok(())
}

/// Leaves the image's own version, wherever the scenario broke off.
async fn follow_the_image(personal: &Gateway) -> anyhow::Result<()> {
    wait::until("the end of the trial", wait::START, async || {
        Ok(versions(personal).await?.trial.is_none().then_some(()))
    })
    .await?;
    choose(personal, None).await?;
    personal.post("sandbox/start").send().await?;
    wait::until("the image's own version", wait::START, async || {
        let now = versions(personal).await?;
        let own = now.running.is_some() && now.running.as_ref() == now.offered.first();
        Ok((own && now.trial.is_none() && personal.health().await?.ready).then_some(()))
    })
    .await
}

async fn versions(gateway: &Gateway) -> anyhow::Result<OpenclawStatus> {
    gateway.get("openclaw").send().await?.json(200)
}

/// Chooses from what is there now.
async fn choose(gateway: &Gateway, version: Option<&str>) -> anyhow::Result<()> {
    let seen = versions(gateway).await?;
    let call = gateway
        .post("openclaw/version")
        .json(&json!({ "version": version }));
    let call = call.header("if-match", &format!("\"v{}\"", seen.revision));
    call.send().await?.expect(202).map(drop)
}

/// How the trial of a version ended.
async fn ended(
    gateway: &Gateway,
    version: &str,
    result: Verdict,
) -> anyhow::Result<OpenclawStatus> {
    wait::until("the end of the trial", wait::START, async || {
        let now = versions(gateway).await?;
        let last = now.last.as_ref();
        let last = last.filter(|last| last.version == version && now.trial.is_none());
        if let Some(last) = last {
            ensure!(last.result == result, "{last:?}");
        }
        let done = last.is_some();
        Ok(done.then_some(now))
    })
    .await
}

/// What OpenClaw itself reports.
async fn reported(gateway: &Gateway) -> anyhow::Result<String> {
    let status = gateway.status().await?;
    status.openclaw_version.context("OpenClaw says no version")
}

async fn say(stack: &Stack, word: &str) -> anyhow::Result<()> {
    let answer = session(stack)
        .await?
        .turn(NAME, &format!("/say {word}"))
        .await?;
    ensure!(answer.contains(word), "{answer}");
    Ok(())
}

async fn history(stack: &Stack) -> anyhow::Result<String> {
    let key = json!({ "sessionKey": format!("agent:main:{NAME}") });
    let history: Value = session(stack).await?.call("chat.history", key).await?;
    Ok(history.to_string())
}

async fn session(stack: &Stack) -> anyhow::Result<Session> {
    let url = stack.ready_gateway(PERSONAL)?.url.clone();
    let token = stack.operator_token();
    let headers = [("cf-access-jwt-assertion", token.as_str())];
    let mut session = Session::open(&url, &headers).await?;
    let scopes = ["operator.read", "operator.write"];
    session.connect(Client::BACKEND, None, &scopes).await?;
    Ok(session)
}
