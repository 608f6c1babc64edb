//! Refusals that pass: OpenClaw tries again by itself, for a bounded number of calls, and
//! the turn is answered. All at once, each in a conversation of its own, because OpenClaw
//! waits between two tries.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use chrono::Utc;
use domain::wire::usage::{BudgetsReport, RefusalReason};
use e2e::client::Gateway;
use e2e::stack::Stack;
use e2e::wait;
use futures_util::future::{try_join, try_join_all};
use serde_json::{Value, json};
use xtask::standins::model::MODEL_ID;

use super::reactions::{AGENTS, UNPRICED};
use super::talk::{COMPLETIONS, calls_of, refused, save, tell_in};

/// Most calls that one refused turn may make.
const MOST_CALLS: u64 = 10;
/// What a provider that is busy for a moment answers.
const PASSING: [u16; 3] = [429, 503, 529];

pub(super) async fn run(stack: &Stack, gateway: &Gateway) -> anyhow::Result<()> {
    save(gateway, json!({}), &limits(&json!({}))).await?;
    let meanwhile = async {
        providers(stack, gateway).await.context("the provider's")?;
        save(
            gateway,
            json!({}),
            &limits(&json!({ "concurrent_calls": 1 })),
        )
        .await?;
        at_once(stack, gateway).await.context("calls at once")
    };
    let a_minute = async { a_minute(stack, gateway).await.context("calls a minute") };
    try_join(a_minute, meanwhile).await?;
    forbidden(stack, gateway)
        .await
        .context("a model forbidden in mid-conversation")
}

/// The same limits for each agent, and one call a minute for another.
fn limits(own: &Value) -> BTreeMap<&'static str, Value> {
    let mut limits = BTreeMap::from(AGENTS.map(|agent| (agent, own.clone())));
    limits.insert(UNPRICED, json!({ "calls_per_minute": 1 }));
    limits
}

/// A provider that is busy or overloaded for a moment.
async fn providers(stack: &Stack, gateway: &Gateway) -> anyhow::Result<()> {
    let before = Utc::now();
    let agents = AGENTS.iter().map(|agent| async move {
        let refused_before = refused(gateway, agent, RefusalReason::Provider).await?;
        let turns = PASSING.map(|status| passes(stack, agent, status));
        try_join_all(turns).await.context(*agent)?;
        let turns = PASSING.len() as u64;
        let calls = calls_of(gateway, agent, before).await?.len() as u64;
        ensure!(calls <= 2 * turns + 1, "{agent} made {calls} calls");
        let tried = wait::until("the refusals to be counted", wait::HEARTBEATS, async || {
            let now = refused(gateway, agent, RefusalReason::Provider).await?;
            let tried = now - refused_before;
            Ok((tried >= turns).then_some(tried))
        })
        .await?;
        ensure!(tried <= turns * MOST_CALLS, "{agent} tried {tried} times");
        anyhow::Ok(())
    });
    try_join_all(agents).await.map(drop)
}

/// One turn that fails at first, and the next.
async fn passes(stack: &Stack, agent: &str, status: u16) -> anyhow::Result<()> {
    let session = format!("provider-{status}");
    // Where the message is not repeated when it is tried again, that is answered with words
    // of the stand-in's own.
    let message = format!("/fail {status} once {}", Utc::now().timestamp_micros());
    let told = tell_in(stack, agent, &session, &message).await?;
    let answered = !told.failed && !told.text.is_empty();
    ensure!(answered, "{status} is not got over: {}", told.payload);
    let told = tell_in(stack, agent, &session, "/say the next turn").await?;
    let answered = !told.failed && told.text.contains("the next turn");
    ensure!(answered, "after {status}: {}", told.payload);
    Ok(())
}

/// One call of each agent is under way when another wants to start.
async fn at_once(stack: &Stack, gateway: &Gateway) -> anyhow::Result<()> {
    let agents = AGENTS.iter().map(|agent| async move {
        let before = refused(gateway, agent, RefusalReason::ConcurrentCalls).await?;
        let held = tell_in(stack, agent, "held", "/slow 2000 /say the first");
        let other = async {
            under_way(gateway, agent).await?;
            tell_in(stack, agent, "turns", "/say the other").await
        };
        let (held, other) = try_join(held, other).await.context(*agent)?;
        ensure!(held.text.contains("the first"), "{}", held.payload);
        ensure!(!other.failed && !other.text.is_empty(), "{}", other.payload);
        bounded(gateway, agent, RefusalReason::ConcurrentCalls, before).await
    });
    try_join_all(agents).await.map(drop)
}

/// The second turn within a minute waits for the minute to be over.
async fn a_minute(stack: &Stack, gateway: &Gateway) -> anyhow::Result<()> {
    let before = refused(gateway, UNPRICED, RefusalReason::CallsPerMinute).await?;
    for session in ["minute-1", "minute-2"] {
        let told = tell_in(stack, UNPRICED, session, "/say a minute").await?;
        ensure!(!told.failed && !told.text.is_empty(), "{}", told.payload);
    }
    bounded(gateway, UNPRICED, RefusalReason::CallsPerMinute, before).await
}

/// A turn's first call is let through; by the second, the policy allows another model alone.
async fn forbidden(stack: &Stack, gateway: &Gateway) -> anyhow::Result<()> {
    let agent = COMPLETIONS.agent;
    let before = refused(gateway, agent, RefusalReason::ModelNotAllowed).await?;
    let began = Utc::now();
    let message = r#"/tool exec {"command":"sleep 8; echo slept"}"#;
    let turn = tell_in(stack, agent, "forbidden", message);
    let change = async {
        wait::until("the first call to end", wait::HEARTBEATS, async || {
            let calls = calls_of(gateway, agent, began).await?;
            Ok((!calls.is_empty()).then_some(()))
        })
        .await?;
        let other = json!({ "models": [format!("openai/{MODEL_ID}")] });
        save(gateway, json!({}), &BTreeMap::from([(agent, other)])).await
    };
    let (told, version) = try_join(turn, change).await?;
    ensure!(
        told.failed
            && told.text.contains("Usage limit reached")
            && told
                .text
                .contains(&format!("does not allow {}", COMPLETIONS.model)),
        "{}",
        told.payload
    );
    bounded(gateway, agent, RefusalReason::ModelNotAllowed, before).await?;
    gateway.applied(version).await?;
    let told = tell_in(stack, agent, "forbidden", "/say another model").await?;
    let answered = !told.failed && told.text.contains("another model");
    ensure!(answered, "{}", told.payload);
    Ok(())
}

/// Waits until a call of an agent is under way.
async fn under_way(gateway: &Gateway, agent: &str) -> anyhow::Result<()> {
    wait::until("a call to be under way", wait::HEARTBEATS, async || {
        let budgets: BudgetsReport = gateway.get("budgets").send().await?.json(200)?;
        let of = budgets
            .accounts
            .iter()
            .find(|account| account.agent.as_deref() == Some(agent));
        Ok(of
            .is_some_and(|account| account.calls_under_way > 0)
            .then_some(()))
    })
    .await
}

/// At least one call was refused, and no more than a turn may try.
async fn bounded(
    gateway: &Gateway,
    agent: &str,
    reason: RefusalReason,
    before: u64,
) -> anyhow::Result<()> {
    let tried = wait::until("the refusal to be counted", wait::HEARTBEATS, async || {
        let tried = refused(gateway, agent, reason).await? - before;
        Ok((tried > 0).then_some(tried))
    })
    .await?;
    ensure!(tried <= MOST_CALLS, "{agent} tried {tried} times");
    Ok(())
}
