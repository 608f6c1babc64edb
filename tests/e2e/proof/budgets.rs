//! Limits on model calls, which the Worker keeps outside the container: tried by
//! programs in the container that call `models.internal`, and by real turns.

use anyhow::Context;
use chrono::{Timelike, Utc};
use domain::wire::usage::BudgetsReport;
use e2e::client::Gateway;
use e2e::machine::{Inquiry, Reply};
use e2e::stack::{PERSONAL, Stack};
use e2e::wait;
use serde_json::{Value, json};

use super::Proof;
use super::scene::{Who, save, turn};

const MODELS: &str = "http://models.internal/openai/v1/chat/completions";
const FREE: &str = "stand-in";
const PRICED: &str = "stand-in-priced";
/// Longer than the few tokens that a case allows.
const SPEECH: &str = "one two three four five six seven eight nine ten eleven twelve";
/// An agent that calls nothing but what is tried here: whatever runs of other scenarios
/// still use is not in its account.
const THRIFTY: &str = "thrifty";
/// Tokens that one call says to use, input and output together.
const CALL: u64 = 1_020;

/// A clause, what is tried, and what has to be seen without it and with it.
struct Case {
    clause: &'static str,
    off: Value,
    on: Value,
    attempt: Attempt,
    off_shows: Shows,
    on_shows: Shows,
}

enum Attempt {
    /// Calls one after the other.
    Calls(&'static str, usize),
    /// Two calls at the same time.
    Together,
    /// The call of a run that follows on a first one.
    SecondCall,
    /// A turn of real OpenClaw.
    Turn(&'static str),
    /// A call, and the audit afterwards.
    Audit,
}

#[derive(Clone, Copy)]
enum Shows {
    /// Every call is answered with all of this.
    Passes(&'static str),
    /// A call is refused with these words.
    Refuses(&'static str),
    /// The answer is cut off.
    Cuts,
    /// The audit has no warning.
    Quiet,
    /// The audit has one.
    Warns,
}

fn cases(used: u64, days: &Days) -> Vec<Case> {
    let case = |clause, off, on, attempt, off_shows, on_shows| Case {
        clause,
        off,
        on,
        attempt,
        off_shows,
        on_shows,
    };
    let passes = Shows::Passes(SPEECH);
    let Days {
        zone,
        limit,
        is_spent_there,
    } = days;
    let refuses = Shows::Refuses("Daily budget exhausted");
    let (here, there) = if *is_spent_there {
        (Shows::Passes(""), refuses)
    } else {
        (refuses, Shows::Passes(""))
    };
    let ample = json!({ "tokens_per_day": used.saturating_mul(20).max(1_000_000) });
    // Each call passes half of the limit that is in force by then.
    let of_thrifty = |limit: u64| json!({ THRIFTY: { "tokens_per_day": limit } });
    let unwarned = json!({ "agents": of_thrifty(CALL * 2 - 20) });
    let warned = json!({ "agents": of_thrifty(CALL * 4 - 20), "soft_limit_percent": 50 });
    vec![
        case(
            "/budgets/soft_limit_percent",
            unwarned,
            warned,
            Attempt::Audit,
            Shows::Quiet,
            Shows::Warns,
        ),
        case(
            "/budgets/tokens_per_day",
            ample,
            json!({ "tokens_per_day": 1 }),
            Attempt::Calls(FREE, 1),
            passes,
            Shows::Refuses("Daily budget exhausted"),
        ),
        case(
            "/budgets/time_zone",
            json!({ "tokens_per_day": limit }),
            json!({ "tokens_per_day": limit, "time_zone": zone }),
            Attempt::Calls(FREE, 1),
            here,
            there,
        ),
        case(
            "/budgets/unpriced_models",
            json!({ "cost_per_day_micro_usd": 1_000_000_000, "unpriced_models": "count" }),
            json!({ "cost_per_day_micro_usd": 1_000_000_000, "unpriced_models": "refuse" }),
            Attempt::Calls(FREE, 1),
            passes,
            Shows::Refuses("has no price"),
        ),
        case(
            "/budgets/cost_per_day_micro_usd",
            json!({}),
            json!({ "cost_per_day_micro_usd": 1 }),
            Attempt::Calls(PRICED, 1),
            passes,
            Shows::Refuses("Daily budget exhausted"),
        ),
        case(
            "/budgets/models",
            json!({}),
            json!({ "models": [format!("openai/{FREE}")] }),
            Attempt::Calls(PRICED, 1),
            passes,
            Shows::Refuses("the policy does not allow"),
        ),
        case(
            "/budgets/max_output_tokens",
            json!({}),
            json!({ "max_output_tokens": 3 }),
            Attempt::Calls(FREE, 1),
            passes,
            Shows::Cuts,
        ),
        case(
            "/budgets/concurrent_calls",
            json!({}),
            json!({ "concurrent_calls": 1 }),
            Attempt::Together,
            Shows::Passes("[DONE]"),
            Shows::Refuses("the most at once"),
        ),
        case(
            "/budgets/calls_per_minute",
            json!({}),
            json!({ "calls_per_minute": 1 }),
            Attempt::Calls(FREE, 2),
            passes,
            Shows::Refuses("have started in 60 seconds"),
        ),
        case(
            "/budgets/calls_per_task",
            json!({}),
            json!({ "calls_per_task": 1 }),
            Attempt::SecondCall,
            passes,
            Shows::Refuses("the most for one task"),
        ),
        case(
            "/budgets/agents/*",
            json!({}),
            json!({ "agents": { "main": { "tokens_per_day": 1 } } }),
            Attempt::Turn("/say the main agent"),
            Shows::Passes("the main agent"),
            Shows::Refuses("of agent main"),
        ),
    ]
}

pub(super) async fn prove(
    stack: &Stack,
    gateway: &Gateway,
    proof: &mut Proof,
) -> anyhow::Result<()> {
    // Something is used, in tokens and in money, before any limit is looked at.
    save(gateway, &json!({ "budgets": {} })).await?;
    let before = gateway.status().await?.budget.tokens_used;
    attempt(stack, gateway, &Attempt::Calls(PRICED, 1)).await?;
    // An answer may be read before it is counted.
    let used = wait::until(
        "the first call to be counted",
        wait::HEARTBEATS,
        async || {
            let used = gateway.status().await?.budget.tokens_used;
            Ok((used >= before + CALL).then_some(used))
        },
    )
    .await?;
    let days = days(gateway, used).await?;
    for case in cases(used, &days) {
        for (state, budgets, shows) in [
            ("off", &case.off, case.off_shows),
            ("on", &case.on, case.on_shows),
        ] {
            save(gateway, &json!({ "budgets": budgets })).await?;
            let seen = attempt(stack, gateway, &case.attempt)
                .await
                .with_context(|| format!("{}, {state}", case.clause))?;
            proof.note(case.clause, state, shows.is(&seen), &seen.join("\n"));
        }
    }
    Ok(())
}

/// A zone in which it is another day than in UTC. Of the two days more is used of one: of
/// today, unless today began while scenarios were running.
struct Days {
    zone: &'static str,
    /// Between what is used of either.
    limit: u64,
    /// Whether more is used of the day in the zone.
    is_spent_there: bool,
}

async fn days(gateway: &Gateway, here: u64) -> anyhow::Result<Days> {
    let zone = if Utc::now().hour() >= 10 {
        "Pacific/Kiritimati"
    } else {
        "Pacific/Pago_Pago"
    };
    save(gateway, &json!({ "budgets": { "time_zone": zone } })).await?;
    let there = used_by(gateway, None).await?;
    Ok(Days {
        zone,
        limit: here.midpoint(there),
        is_spent_there: there > here,
    })
}

/// Tokens that an agent has used today, or all of them.
async fn used_by(gateway: &Gateway, agent: Option<&str>) -> anyhow::Result<u64> {
    let budgets: BudgetsReport = gateway.get("budgets").send().await?.json(200)?;
    let mut accounts = budgets.accounts.iter();
    let account = accounts.find(|account| account.agent.as_deref() == agent);
    Ok(account.map_or(0, |account| account.tokens.used))
}

async fn attempt(
    stack: &Stack,
    gateway: &Gateway,
    attempt: &Attempt,
) -> anyhow::Result<Vec<String>> {
    let container = stack.container(PERSONAL)?;
    let key = container.model_key()?;
    let text = |replies: Vec<Reply>| {
        replies
            .into_iter()
            .map(|reply| format!("{} {}", reply.status, reply.body))
            .collect()
    };
    let say = format!("/tokens 1000 20 /say {SPEECH}");
    match attempt {
        Attempt::Calls(model, count) => {
            let calls = vec![ask(&key, model, &say, false); *count];
            Ok(text(container.ask(&calls, false).await?))
        }
        Attempt::Together => {
            let slowly = format!("/slow 200ms {say}");
            let calls = vec![ask(&key, FREE, &slowly, true); 2];
            Ok(text(container.ask(&calls, true).await?))
        }
        Attempt::SecondCall => {
            let mut call = ask(&key, FREE, &say, false);
            let messages = call
                .body
                .as_mut()
                .and_then(|body| body["messages"].as_array_mut());
            if let Some(messages) = messages {
                messages.push(json!({ "role": "assistant", "content": "at work" }));
            }
            Ok(text(container.ask(&[call], false).await?))
        }
        Attempt::Turn(message) => Ok(vec![turn(stack, Who::Agent("main"), message).await?]),
        Attempt::Audit => {
            let seq = gateway.audit().await?.first().map_or(0, |entry| entry.seq);
            let before = used_by(gateway, Some(THRIFTY)).await?;
            let call = ask_as(THRIFTY, &key, FREE, &say, false);
            container.ask(&[call], false).await?;
            // Whatever it leads to is written down in the step that counts it.
            wait::until("the call to be counted", wait::HEARTBEATS, async || {
                Ok((used_by(gateway, Some(THRIFTY)).await? > before).then_some(()))
            })
            .await?;
            let entries = gateway.audit_after(seq).await?;
            Ok(entries.into_iter().map(|entry| entry.action).collect())
        }
    }
}

/// One call of a program in the container, for agent `main`.
fn ask(key: &str, model: &str, say: &str, stream: bool) -> Inquiry {
    ask_as("main", key, model, say, stream)
}

fn ask_as(agent: &str, key: &str, model: &str, say: &str, stream: bool) -> Inquiry {
    let content = format!("{say}\nRuntime: agent={agent} | sessionId=proof");
    let body = json!({
        "model": model,
        "stream": stream,
        "max_completion_tokens": 200,
        "messages": [{ "role": "user", "content": content }],
    });
    let headers = json!({ "authorization": format!("Bearer {key}") });
    Inquiry::post(MODELS, headers, body)
}

impl Shows {
    fn is(self, seen: &[String]) -> bool {
        let warned = || seen.iter().any(|action| action == "budget.soft_limit");
        match self {
            Self::Passes(all) => seen.iter().all(|one| {
                one.contains(all) && !one.contains("udget exhausted") && !one.contains("the most")
            }),
            Self::Refuses(words) => seen.iter().any(|one| one.contains(words)),
            Self::Cuts => seen
                .iter()
                .all(|one| one.contains("\"length\"") && !one.contains(SPEECH)),
            Self::Quiet => !warned(),
            Self::Warns => warned(),
        }
    }
}
