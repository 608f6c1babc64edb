//! What a proof is played with: policies made from patches, turns that call
//! several tools at once, and what the model server saw.

use anyhow::Context;
use chrono::{DateTime, Utc};
use e2e::client::{Api, Gateway};
use e2e::openclaw::{Client, Session};
use e2e::stack::{PERSONAL, Stack};
use serde_json::{Value, json};
use xtask::standins::model::RequestRecord;

/// Saves a policy that has these sections instead of its own; does not wait.
pub(super) async fn save(gateway: &Gateway, sections: &Value) -> anyhow::Result<u64> {
    let newest = gateway.policy().await?;
    let mut document = serde_json::to_value(&newest.document)?;
    for (name, section) in sections.as_object().into_iter().flatten() {
        document[name] = section.clone();
    }
    if document == serde_json::to_value(&newest.document)? {
        return Ok(newest.version);
    }
    let saved: domain::wire::gateway::PolicyEnvelope = gateway
        .put_policy(newest.version, document)
        .await?
        .json(200)?;
    Ok(saved.version)
}

/// The same, and waits until OpenClaw itself reports it.
pub(super) async fn apply(gateway: &Gateway, sections: &Value) -> anyhow::Result<()> {
    let version = save(gateway, sections).await?;
    gateway.applied(version).await
}

/// A call of a tool, as the stand-in model takes it.
pub(super) fn call(tool: &str, arguments: &Value) -> String {
    format!("/tool {tool} {arguments}")
}

/// The same through OpenClaw's catalogue, where it keeps what the model is not
/// shown at first.
pub(super) fn call_by_name(tool: &str, arguments: &Value) -> String {
    call("tool_call", &json!({ "id": tool, "args": arguments }))
}

/// What the tools answered to the calls of one turn, in their order.
pub(super) fn results(answer: &str) -> Vec<String> {
    let parts = answer.split("The tool answered:\n").skip(1);
    parts.map(|part| part.trim().to_owned()).collect()
}

/// Who has a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// An agent, in a session of its own.
    Agent(&'static str),
    /// Agent `main` in the session of a conversation on a channel.
    Conversation(&'static str),
}

/// One turn: what is answered in the end.
pub(super) async fn turn(stack: &Stack, who: Who, message: &str) -> anyhow::Result<String> {
    let gateway = stack.gateway(PERSONAL)?;
    match who {
        Who::Agent(agent) => {
            let body = json!({
                "model": format!("openclaw/{agent}"),
                "messages": [{ "role": "user", "content": message }],
            });
            let call = gateway.door.post("/v1/chat/completions").json(&body);
            let origin = gateway.door.origin().to_owned();
            let answer = call.header("origin", &origin).send().await?;
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let text = body
                .pointer("/choices/0/message/content")
                .and_then(Value::as_str);
            Ok(text.map_or_else(|| answer.text(), str::to_owned))
        }
        Who::Conversation(key) => {
            let began = Utc::now();
            // On a channel the answer goes out there, so it is read from the model's.
            let told = session(stack).await?.turn(key, message).await;
            let asked = asked_since(stack, began).await?;
            let answers = asked.into_iter().map(|one| one.answer);
            let mut answers = answers.filter(|answer| answer.contains("The tool answered"));
            Ok(answers.next_back().unwrap_or_else(|| match told {
                Ok(told) => format!("told there: {told}"),
                Err(error) => format!("{error:#}"),
            }))
        }
    }
}

/// A connection of the operator's, as an administrator of OpenClaw.
pub(super) async fn session(stack: &Stack) -> anyhow::Result<Session> {
    let origin = stack.ready_gateway(PERSONAL)?.url.clone();
    let token = stack.operator_token();
    let headers = [("cf-access-jwt-assertion", token.as_str())];
    let mut session = Session::open(&origin, &headers)
        .await
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let scopes = ["operator.admin", "operator.read", "operator.write"];
    session.connect(Client::BACKEND, None, &scopes).await?;
    Ok(session)
}

/// What the model server was asked since a moment.
pub(super) async fn asked_since(
    stack: &Stack,
    moment: DateTime<Utc>,
) -> anyhow::Result<Vec<RequestRecord>> {
    let api = Api::new(&stack.ready.model.url)?;
    let all: Vec<RequestRecord> = api
        .get("/__stand-in/requests")
        .send()
        .await?
        .json(200)
        .context("the model stand-in")?;
    Ok(all.into_iter().filter(|one| one.at > moment).collect())
}

/// A job that has the model say its name, as `cron.add` takes it.
pub(super) fn job(name: &str, schedule: &Value) -> Value {
    json!({
        "name": name,
        "schedule": schedule,
        "sessionTarget": "isolated",
        "wakeMode": "now",
        "payload": { "kind": "agentTurn", "message": format!("/say {name}") },
        "delivery": { "mode": "none" },
    })
}
