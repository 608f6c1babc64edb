//! What becomes of a change after which OpenClaw ends: undone or not, within its
//! window and after it.

use anyhow::{Context, ensure};
use domain::policy::Policy;
use domain::proposal::{Health, Proposal};
use domain::wire::gateway::ApplyState;
use e2e::client::Gateway;
use e2e::machine::{Inquiry, signal};
use e2e::stack::{PERSONAL, Stack};
use e2e::wait;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::Proof;
use super::scene::{Who, apply, turn};

const WINDOW: &str = "/self_modification/health_window";
const ROLLBACK: &str = "/self_modification/rollback";

pub(super) async fn prove(
    stack: &Stack,
    gateway: &Gateway,
    proof: &mut Proof,
) -> anyhow::Result<()> {
    let before = gateway.policy().await?.document;
    let own = serde_json::to_value(&before.tools.allow)?;
    let more = |tools: &[&str]| allowing(&before, tools);
    let rules = |rollback: bool, window: &str| json!({ "config_keys": "review", "rollback": rollback, "health_window": window });

    // Not undone: the window was over. It is what there is to go back to from here on.
    let sections = json!({ "tools": before.tools, "self_modification": rules(true, "PT40S") });
    apply(gateway, &sections).await?;
    proven(stack, gateway, &more(&["tts"])?["allow"]).await?;
    let (undone, seen) = after_an_end(stack, gateway).await?;
    proof.note(WINDOW, "after", !undone, &seen);

    // Undone: OpenClaw ended within it. Nothing may be stricter than before, or it stays.
    let rolls = rules(true, "PT35S");
    let tools = more(&["tts", "agents_list"])?;
    apply(
        gateway,
        &json!({ "tools": tools, "self_modification": rolls }),
    )
    .await?;
    let (undone, seen) = after_an_end(stack, gateway).await?;
    proof.note(ROLLBACK, "on", undone, &seen);
    proof.note(WINDOW, "within", undone, &seen);

    // Not to be undone.
    let stays = rules(false, "PT35S");
    let tools = more(&["tts", "sessions_history"])?;
    apply(
        gateway,
        &json!({ "tools": tools, "self_modification": stays }),
    )
    .await?;
    let (undone, seen) = after_an_end(stack, gateway).await?;
    proof.note(ROLLBACK, "off", !undone, &seen);

    // What was there before is the one to go back to again.
    apply(
        gateway,
        &json!({ "self_modification": rules(true, "PT10S") }),
    )
    .await?;
    proven(stack, gateway, &own).await
}

/// The tools of a policy and some more.
fn allowing(policy: &Policy, more: &[&str]) -> anyhow::Result<Value> {
    let mut tools = policy.tools.clone();
    for tool in more {
        tools.allow.push(tool.parse().map_err(anyhow::Error::msg)?);
    }
    Ok(serde_json::to_value(tools)?)
}

/// Ends OpenClaw and waits for the next one: whether the newest policy was undone.
async fn after_an_end(stack: &Stack, gateway: &Gateway) -> anyhow::Result<(bool, String)> {
    let before = gateway.status().await?.sandbox.last_exit;
    signal(&stack.container(PERSONAL)?.openclaw()?, Signal::KILL)?;
    let status = wait::until("OpenClaw to be back", wait::START, async || {
        let status = gateway.status().await?;
        let told = status.sandbox.last_exit != before;
        let decided = matches!(
            status.policy.state,
            ApplyState::Applied | ApplyState::Failed
        );
        let back = gateway.health().await?.ready;
        Ok((told && decided && back).then_some(status.policy))
    })
    .await?;
    Ok((status.state == ApplyState::Failed, format!("{status:?}")))
}

/// An agent proposes what is allowed, the admin approves, and OpenClaw lives with
/// it for as long as the policy says.
async fn proven(stack: &Stack, gateway: &Gateway, allow: &Value) -> anyhow::Result<()> {
    let container = stack.container(PERSONAL)?;
    let headers = json!({ "authorization": format!("Bearer {}", container.model_key()?) });
    let draft = json!({ "kind": "config_key", "target": "/tools/allow", "content": allow, "reason": "To see that it holds" });
    let proposal = Inquiry::post("http://governance.internal/v1/proposals", headers, draft);
    let replies = container.ask(&[proposal], false).await?;
    let reply = replies.first().context("no reply")?;
    let made: Proposal = serde_json::from_str(&reply.body)
        .with_context(|| format!("{} {}", reply.status, reply.body))?;
    let id = made.id;
    let approve = gateway.post(&format!("proposals/{id}/approve"));
    let approved: Proposal = approve.send().await?.json(200)?;
    let version = approved.policy_version.context("approved and not saved")?;
    gateway.applied(version).await?;
    wait::until("the window to pass", wait::START, async || {
        let now: Proposal = gateway
            .get(&format!("proposals/{id}"))
            .send()
            .await?
            .json(200)?;
        ensure!(now.health != Some(Health::Failed), "{now:?}");
        Ok((now.health == Some(Health::Healthy)).then_some(()))
    })
    .await?;
    // tedix-init, which counts for itself, has looked as well by the end of a turn.
    turn(stack, Who::Agent("main"), "/say still here").await?;
    Ok(())
}
