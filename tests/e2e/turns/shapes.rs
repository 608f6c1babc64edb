//! A turn in each way that models are called: streaming, with a tool, and counted as
//! that provider bills.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use chrono::Utc;
use domain::metering::Usage;
use domain::wire::usage::CallOutcome;
use e2e::client::Api;
use e2e::stack::{PERSONAL, Stack};
use e2e::wait;
use serde_json::{Value, json};
use xtask::standins::model::RequestRecord;

use super::talk::{MESSAGES, SHAPES, Shape, calls_of, save};
use crate::chat::{COMMAND_RAN, RUN_A_COMMAND};

/// What the provider says that each call used: input, output, of the input read from a
/// cache and written to one, of the output reasoning.
const REPORTED: &str = "/tokens 5000 60 3000 1000 20";
/// Calls of a turn that calls a tool: one that asks for it, one that sees its result.
const CALLS: usize = 2;

pub(super) async fn run(stack: &Stack) -> anyhow::Result<()> {
    let gateway = stack.gateway(PERSONAL)?;
    let before = gateway.policy().await?.document;
    let outcome = each(stack).await;
    gateway.edit_policy(|policy| *policy = before).await?;
    outcome
}

async fn each(stack: &Stack) -> anyhow::Result<()> {
    let gateway = stack.gateway(PERSONAL)?;
    let version = save(&gateway, json!({}), &BTreeMap::new()).await?;
    gateway.applied(version).await?;
    for shape in SHAPES {
        turn(stack, shape).await.context(shape.agent)?;
    }
    Ok(())
}

async fn turn(stack: &Stack, shape: Shape) -> anyhow::Result<()> {
    let gateway = stack.gateway(PERSONAL)?;
    let began = Utc::now();
    let body = json!({
        "model": format!("openclaw/{}", shape.agent), "stream": true,
        "messages": [{ "role": "user", "content": format!("{REPORTED} {RUN_A_COMMAND}") }],
    });
    let call = gateway.door.post("/v1/chat/completions").json(&body);
    let answer = call.send().await?.expect(200)?;
    let media = answer.header("content-type").unwrap_or_default();
    ensure!(media.starts_with("text/event-stream"), "{media}");
    let told = streamed(&answer.text());
    ensure!(
        told.contains("The tool answered") && told.contains(COMMAND_RAN),
        "the result of the tool is not in the answer: {told:?}"
    );

    let asked = asked_at(stack, shape.path).await?;
    let asked: Vec<&RequestRecord> = asked.iter().filter(|one| one.at > began).collect();
    ensure!(asked.len() == CALLS, "{asked:?}");
    for one in &asked {
        let model = one.model.as_deref().unwrap_or_default();
        ensure!(
            one.stream
                && one.authorized
                && one.status == 200
                && shape.model.ends_with(model)
                && one.tools.iter().any(|tool| tool == "exec"),
            "{one:?}"
        );
    }

    let calls = wait::until("both calls to be counted", wait::HEARTBEATS, async || {
        let calls = calls_of(&gateway, shape.agent, began).await?;
        Ok((calls.len() >= CALLS).then_some(calls))
    })
    .await?;
    ensure!(calls.len() == CALLS, "{calls:?}");
    let (usage, cost) = billed(shape);
    for call in &calls {
        ensure!(
            call.usage == usage
                && call.cost_micro_usd == Some(cost)
                && call.model == shape.model
                && call.session.is_some()
                && call.outcome == CallOutcome::Finished
                && !call.estimated,
            "{call:?} instead of {usage:?} for {cost}"
        );
    }
    ensure!(calls[0].session == calls[1].session, "{calls:?}");
    Ok(())
}

/// What a call that reports [`REPORTED`] is, and what it costs at 1, 0.1, 1.25 and 4
/// millionths of a dollar for a token of fresh, cached and cache-written input and of output.
fn billed(shape: Shape) -> (Usage, u64) {
    let anthropic = shape.path == MESSAGES.path;
    let usage = Usage {
        input_tokens: 5_000,
        output_tokens: 60,
        cached_input_tokens: 3_000,
        // OpenAI bills nothing for it and says nothing, Anthropic nothing of reasoning.
        cache_write_tokens: if anthropic { 1_000 } else { 0 },
        reasoning_tokens: if anthropic { 0 } else { 20 },
    };
    let input = if anthropic { 1_000 + 1_250 } else { 2_000 };
    (usage, input + 300 + 60 * 4)
}

/// The text of a stream of chat completion chunks.
fn streamed(stream: &str) -> String {
    let data = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let chunks = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let texts = chunks.filter_map(|chunk| {
        let text = chunk.pointer("/choices/0/delta/content")?.as_str();
        text.map(str::to_owned)
    });
    texts.collect()
}

/// What the model server was asked at a path.
async fn asked_at(stack: &Stack, path: &str) -> anyhow::Result<Vec<RequestRecord>> {
    let api = Api::new(&stack.ready.model.url)?;
    let requests = api.get("/__stand-in/requests").send().await?;
    let mut all: Vec<RequestRecord> = requests.json(200)?;
    all.retain(|one| one.path == path);
    Ok(all)
}
