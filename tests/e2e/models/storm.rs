//! Four hundred calls, 64 at a time, against a budget that is worth a hundred; and
//! `kill -9` while calls are under way.

use std::time::Duration;

use anyhow::ensure;
use e2e::client::Answer;
use e2e::environment::Environment;
use e2e::model_upstream::{INPUT_TOKENS, OUTPUT_TOKENS};
use e2e::wait;
use futures_util::StreamExt;
use futures_util::stream::iter;
use serde_json::{Value, json};

use super::lone::{Lone, SOON};

const CALLS: usize = 400;
const AT_ONCE: usize = 64;
/// Calls that a budget is worth.
const WORTH: u64 = 100;
const LIMIT: u64 = WORTH * (INPUT_TOKENS + OUTPUT_TOKENS);
/// Over a limit at most: one call's input and the least output.
const BOUND: u64 = LIMIT + INPUT_TOKENS + 16;
/// Rounds of each kind; each has an agent, and so a budget, of its own.
const ROUNDS: usize = 10;
/// Calls that a kill interrupts.
const INTERRUPTED: usize = 20;
/// Longer than a reservation lasts that nobody renews.
const LEASE: Duration = Duration::from_secs(120);

/// An output limit that the request names: none, just enough, far too large.
const OUTPUT_LIMITS: [Option<u64>; 3] = [None, Some(OUTPUT_TOKENS), Some(8_000)];

pub(super) async fn run(environment: &Environment) -> anyhow::Result<()> {
    let mut lone = Lone::start(environment).await?;
    let outcome = rounds(&mut lone).await;
    lone.stop().await;
    outcome
}

async fn rounds(lone: &mut Lone) -> anyhow::Result<()> {
    // The gateway's own budget first, then a fresh one of an agent for each round.
    lone.set_budgets(json!({ "tokens_per_day": LIMIT })).await?;
    round(lone, None, None).await?;
    let names: Vec<String> = ["none", "enough", "much"]
        .into_iter()
        .flat_map(|kind| (0..ROUNDS).map(move |round| name(kind, round)))
        .chain(["killed".to_owned()])
        .collect();
    let agents: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| (name.clone(), json!({ "tokens_per_day": LIMIT })))
        .collect();
    lone.set_budgets(json!({ "agents": agents })).await?;
    killed(lone).await?;
    for (limit, names) in OUTPUT_LIMITS.iter().zip(names.chunks(ROUNDS)) {
        for name in names {
            round(lone, Some(name), *limit).await?;
        }
    }
    // What the kill left behind has expired meanwhile, or does now.
    lone.settled(LEASE).await?;
    let account = lone.account(Some("killed")).await?.tokens;
    ensure!(
        account.used > 0 && account.used <= BOUND,
        "calls that a kill interrupted count {account:?}"
    );
    let counted: Value = lone
        .gateway
        .get("usage?group_by=agent")
        .send()
        .await?
        .json(200)?;
    let of_killed = counted["items"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|row| row["agent"] == "killed")
        .map(|row| row["calls"].clone());
    ensure!(of_killed == Some(json!(INTERRUPTED + 1)), "{counted}");
    Ok(())
}

/// Letters alone, so that the numbers in a refusal are all amounts.
fn name(kind: &str, round: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(round).unwrap_or(0));
    format!("{kind}-{letter}")
}

/// Bytes of the request are four times its input tokens, as the gateway estimates them.
fn body(model: &str, agent: Option<&str>, limit: Option<u64>) -> Value {
    let line =
        agent.map(|agent| format!("\n\nRuntime: agent={agent} | sessionId=s-{agent} | host=vm"));
    let line = line.unwrap_or_default();
    let mut body = json!({ "model": model, "stream": true, "messages": [] });
    if let Some(limit) = limit {
        body["max_completion_tokens"] = limit.into();
    }
    let with = |said: &str| {
        let mut body = body.clone();
        body["messages"] = json!([{ "role": "user", "content": format!("{said}{line}") }]);
        body
    };
    let wanted = usize::try_from(INPUT_TOKENS * 4).unwrap_or(0);
    let missing = wanted.saturating_sub(with("").to_string().len());
    with(&"x".repeat(missing))
}

async fn round(lone: &Lone, agent: Option<&str>, limit: Option<u64>) -> anyhow::Result<()> {
    let before = lone.upstream.calls();
    let request = body("plain", agent, limit);
    let answers: Vec<anyhow::Result<Answer>> = iter(0..CALLS)
        .map(|_| lone.call(&request))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut admitted = 0u64;
    for answer in answers {
        let answer = answer?;
        match answer.status {
            200 => admitted += 1,
            429 => check_refusal(&answer)?,
            status => anyhow::bail!("{agent:?}: {status}: {}", answer.excerpt()),
        }
    }
    lone.settled(SOON).await?;
    let used = lone.account(agent).await?.tokens.used;
    let arrived = lone.upstream.calls() - before;
    let what = format!("{agent:?}: {admitted} admitted, {arrived} arrived, {used} of {LIMIT} used");
    ensure!(used <= BOUND, "overshot: {what}");
    ensure!(used * 100 >= LIMIT * 95, "starved: {what}");
    ensure!(admitted >= WORTH * 95 / 100, "starved: {what}");
    ensure!(arrived as u64 == admitted, "refused calls arrived: {what}");
    Ok(())
}

/// A refusal says what is used and held; what is left of the limit is free.
fn check_refusal(answer: &Answer) -> anyhow::Result<()> {
    let body: Value = answer.clone().json(429)?;
    let message = body["error"]["message"].as_str().unwrap_or_default();
    let numbers: Vec<u64> = message
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    let held = message
        .contains("are held")
        .then(|| numbers.get(2))
        .flatten();
    let [used, limit] = [0, 1].map(|at| numbers.get(at).copied().unwrap_or_default());
    let free = limit.saturating_sub(used + held.copied().unwrap_or(0));
    ensure!(
        message.starts_with("Daily budget exhausted") && limit == LIMIT && free * 20 < limit,
        "refused with {free} of {limit} free: {message}"
    );
    Ok(())
}

/// Kills the Worker while calls are under way. What they hold is held after the
/// restart too, and calls go on being admitted and counted at once.
async fn killed(lone: &mut Lone) -> anyhow::Result<()> {
    let request = body("late", Some("killed"), None);
    let held = {
        let lone = &*lone;
        let calls = iter(0..INTERRUPTED).map(|_| lone.call(&request));
        let mut under_way = Box::pin(calls.buffer_unordered(INTERRUPTED).collect::<Vec<_>>());
        let watching = wait::until("the calls to arrive", SOON, async || {
            let account = lone.account(Some("killed")).await?;
            let all = lone.upstream.under_way() >= INTERRUPTED;
            Ok((all && account.calls_under_way == INTERRUPTED as u64).then_some(account.tokens))
        });
        tokio::select! {
            held = watching => held?,
            answers = &mut under_way => anyhow::bail!("answered before the kill: {answers:?}"),
        }
    };
    ensure!(held.reserved > 0 && held.reserved <= LIMIT, "{held:?}");
    lone.kill_and_restart().await?;
    let after = lone.account(Some("killed")).await?.tokens;
    ensure!(
        after == held,
        "held {held:?} before the kill and {after:?} after it"
    );
    lone.call(&body("plain", Some("killed"), Some(16)))
        .await?
        .expect(200)
        .map(drop)
}
