//! How many agents may be started, how deep and how many at once.

use std::collections::BTreeMap;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use domain::wire::gateway::Page;
use domain::wire::usage::CallRow;
use e2e::client::Gateway;
use e2e::stack::Stack;
use e2e::wait;
use serde_json::{Value, json};

use super::Proof;
use super::scene::{Who, asked_since, call_by_name, results, turn};

const MAIN: Who = Who::Agent("main");

/// The limits, all of them below OpenClaw's own.
pub(super) fn limits() -> Value {
    json!({ "max_depth": 1, "max_children": 2, "max_concurrent": 1 })
}

pub(super) async fn prove(
    stack: &Stack,
    gateway: &Gateway,
    proof: &mut Proof,
    state: &str,
) -> anyhow::Result<()> {
    let limited = state == "on";
    let began = Utc::now();
    // Three children that take a while; by what they use they are told apart.
    let children = [7_001_u64, 7_002, 7_003];
    let spawn = |tokens: &u64| {
        let task =
            format!("/slow 400ms /tokens {tokens} 5\n/say one two three four five six seven");
        call_by_name("sessions_spawn", &json!({ "task": task }))
    };
    let message: Vec<String> = children.iter().map(spawn).collect();
    let answer = turn(stack, MAIN, &message.join("\n")).await?;
    let third = results(&answer).pop().unwrap_or_default();
    let refused = third.contains("max active children");
    let right = refused == limited && (limited || third.contains("accepted"));
    proof.note("/tools/subagents/max_children", state, right, &answer);

    let expected = if limited { 2 } else { 3 };
    let calls = wait::until("the children's model calls", wait::HEARTBEATS, async || {
        let page: Page<CallRow> = gateway.get("usage/calls").send().await?.json(200)?;
        let own = page.items.into_iter().filter(|row| row.at >= began);
        let own: BTreeMap<u64, CallRow> = own
            .filter(|row| children.contains(&row.usage.input_tokens))
            .map(|row| (row.usage.input_tokens, row))
            .collect();
        Ok((own.len() >= expected).then_some(own))
    })
    .await
    .with_context(|| answer.clone())?;
    let mut spans: Vec<(DateTime<Utc>, DateTime<Utc>)> = calls.values().map(span).collect();
    spans.sort_unstable();
    let overlap = spans
        .iter()
        .zip(spans.iter().skip(1))
        .any(|(first, second)| second.0 < first.1);
    proof.note(
        "/tools/subagents/max_concurrent",
        state,
        overlap != limited,
        &format!("{spans:?}"),
    );
    depth(stack, proof, state).await
}

fn span(row: &CallRow) -> (DateTime<Utc>, DateTime<Utc>) {
    let length = TimeDelta::milliseconds(i64::try_from(row.total_ms).unwrap_or(i64::MAX / 2));
    (row.at, row.at + length)
}

/// A child that starts a child of its own.
async fn depth(stack: &Stack, proof: &mut Proof, state: &str) -> anyhow::Result<()> {
    let began = Utc::now();
    let word = format!("grandchild-{state}");
    let grandchild = call_by_name("sessions_spawn", &json!({ "task": format!("/say {word}") }));
    let child = call_by_name("sessions_spawn", &json!({ "task": grandchild }));
    let answer = turn(stack, MAIN, &child).await?;
    let refusals = ["not allowed at this depth", "not found", "Unknown tool id"];
    let outcome = wait::until("what the child may start", wait::HEARTBEATS, async || {
        let asked = asked_since(stack, began).await?;
        let found = asked.iter().find_map(|one| {
            let refused = refusals.iter().any(|words| one.answer.contains(words));
            (refused || one.answer == word).then(|| one.answer.clone())
        });
        Ok(found)
    })
    .await;
    let seen = format!("{answer}\n{outcome:?}");
    let started = outcome.is_ok_and(|outcome| outcome == word);
    proof.note(
        "/tools/subagents/max_depth",
        state,
        started == (state == "off"),
        &seen,
    );
    Ok(())
}
