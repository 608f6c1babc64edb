//! Agents that each call one model, and what they and their users get to hear.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::wire::gateway::{Page, PolicyEnvelope};
use domain::wire::usage::{CallRow, RefusalReason, RefusalRow};
use e2e::client::Gateway;
use e2e::openclaw::{Client, Session, Told};
use e2e::stack::{PERSONAL, Stack};
use serde_json::{Value, json};

/// A way to call a model, and the agent that calls by no other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) agent: &'static str,
    pub(super) model: &'static str,
    /// Where a provider is asked.
    pub(super) path: &'static str,
}

pub(super) const COMPLETIONS: Shape = Shape {
    agent: "completions",
    model: "openai/stand-in-priced",
    path: "/v1/chat/completions",
};
pub(super) const RESPONSES: Shape = Shape {
    agent: "responses",
    model: "openai/stand-in-responses",
    path: "/v1/responses",
};
pub(super) const MESSAGES: Shape = Shape {
    agent: "messages",
    model: "anthropic/stand-in-messages",
    path: "/v1/messages",
};
pub(super) const SHAPES: [Shape; 3] = [COMPLETIONS, RESPONSES, MESSAGES];

/// The policy with these agents, limits of theirs and of the gateway, in force in the
/// Worker. Returns its version; whether OpenClaw has it is for [`Gateway::applied`].
pub(super) async fn save(
    gateway: &Gateway,
    mut budgets: Value,
    limits: &BTreeMap<&str, Value>,
) -> anyhow::Result<u64> {
    let mut entries = json!({});
    for shape in SHAPES {
        entries[shape.agent] = json!({ "models": [shape.model] });
    }
    for (agent, own) in limits {
        for (clause, value) in own.as_object().into_iter().flatten() {
            entries[*agent][clause] = value.clone();
        }
    }
    budgets["agents"] = entries;
    let newest = gateway.policy().await?;
    let mut document = serde_json::to_value(&newest.document)?;
    if document["budgets"] == budgets {
        return Ok(newest.version);
    }
    document["budgets"] = budgets;
    let saved: PolicyEnvelope = gateway
        .put_policy(newest.version, document)
        .await?
        .json(200)?;
    Ok(saved.version)
}

/// A connection of the operator's.
pub(super) async fn open(stack: &Stack) -> anyhow::Result<Session> {
    let origin = stack.ready_gateway(PERSONAL)?.url.clone();
    let token = stack.operator_token();
    let headers = [("cf-access-jwt-assertion", token.as_str())];
    let mut session = Session::open(&origin, &headers).await?;
    session
        .connect(Client::BACKEND, None, &["operator.read", "operator.write"])
        .await?;
    Ok(session)
}

/// One turn of an agent over a connection of its own: what the user is told.
pub(super) async fn tell(stack: &Stack, agent: &str, message: &str) -> anyhow::Result<Told> {
    tell_in(stack, agent, "turns", message).await
}

/// The same in another conversation: those of one run side by side.
pub(super) async fn tell_in(
    stack: &Stack,
    agent: &str,
    session: &str,
    message: &str,
) -> anyhow::Result<Told> {
    open(stack).await?.turn_of(agent, session, message).await
}

/// Calls of an agent that reached the provider since a moment, oldest first.
pub(super) async fn calls_of(
    gateway: &Gateway,
    agent: &str,
    since: DateTime<Utc>,
) -> anyhow::Result<Vec<CallRow>> {
    let page: Page<CallRow> = gateway.get("usage/calls").send().await?.json(200)?;
    let own = |row: &CallRow| row.agent.as_deref() == Some(agent) && row.at > since;
    let mut calls: Vec<CallRow> = page.items.into_iter().filter(own).collect();
    calls.reverse();
    Ok(calls)
}

/// How many calls of an agent were refused so far, for a reason.
pub(super) async fn refused(
    gateway: &Gateway,
    agent: &str,
    reason: RefusalReason,
) -> anyhow::Result<u64> {
    let page: Page<RefusalRow> = gateway.get("usage/refusals").send().await?.json(200)?;
    let own = page
        .items
        .iter()
        .filter(|row| row.agent.as_deref() == Some(agent) && row.reason == reason);
    Ok(own.map(|row| row.calls).sum())
}
