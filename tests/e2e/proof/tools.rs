//! Clauses that OpenClaw itself keeps, by what its model is given and what comes
//! of the calls that the model makes.
//!
//! Each application of a policy costs seconds, so many clauses change in one. A
//! case names the two states that differ in its clause, for the one who has the
//! turn, as far as the thing that is tried goes.

use std::collections::BTreeMap;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use e2e::client::Gateway;
use e2e::stack::Stack;
use e2e::wait;
use serde_json::{Value, json};

use super::scene::{Who, apply, asked_since, call, call_by_name, job, results, session, turn};
use super::{Proof, jobs, subagents};

/// A program that is on no list, and one that is.
const UNLISTED: &str = r#"{"command":"uname -s"}"#;
const LISTED: &str = r#"{"command":"id --help"}"#;
/// A file outside of every workspace, and what is in it.
const OUTSIDE: &str = r#"{"path":"/etc/openclaw/openclaw.json"}"#;

const MAIN: Who = Who::Agent("main");
/// Agents whose entries change between the states.
const WARD: Who = Who::Agent("ward");
const PICKED: Who = Who::Agent("picked");
const PLAIN: Who = Who::Agent("plain");
const OPS: Who = Who::Agent("ops");
/// A group on a channel.
const GROUP: Who = Who::Conversation("telegram:group:-1001");

/// A policy that is in force while some of the cases are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// Wide open.
    Open,
    /// The gateway's own clauses.
    Gateway,
    /// Those of agents and of a channel.
    Agents,
    /// OpenClaw's sandbox, of which there is none here.
    Sandbox,
}

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Try {
    /// To have a tool.
    Have(&'static str),
    /// To call one, with arguments.
    Call(&'static str, &'static str),
}

/// What comes of it.
#[derive(Debug, Clone, Copy)]
enum Comes {
    /// It is there.
    Given,
    /// There is no such tool.
    Missing,
    /// The answer holds this.
    Says(&'static str),
    /// The answer does not hold this.
    Lacks(&'static str),
}

struct Case(&'static str, Who, Try, (State, Comes), (State, Comes));

const CASES: &[Case] = {
    use Comes::{Given, Lacks, Missing, Says};
    use State::{Agents, Gateway, Open, Sandbox};
    use Try::{Call, Have};
    // The clause; who tries; what; what comes of it without the clause, and with it.
    &[
        Case(
            "/tools/profile",
            MAIN,
            Have("agents_list"),
            (Open, Missing),
            (Agents, Given),
        ),
        Case(
            "/tools/allow",
            MAIN,
            Have("agents_list"),
            (Open, Missing),
            (Gateway, Given),
        ),
        Case(
            "/tools/deny",
            MAIN,
            Have("web_fetch"),
            (Open, Given),
            (Gateway, Missing),
        ),
        Case(
            "/tools/exec/mode",
            MAIN,
            Call("exec", UNLISTED),
            (Open, Says("Linux")),
            (Gateway, Lacks("Linux")),
        ),
        Case(
            "/tools/exec/allow_commands",
            WARD,
            Call("exec", LISTED),
            (Agents, Lacks("user and group information")),
            (Gateway, Says("user and group information")),
        ),
        Case(
            "/tools/fs",
            MAIN,
            Call("read", OUTSIDE),
            (Open, Says("trusted-proxy")),
            (Gateway, Lacks("trusted-proxy")),
        ),
        Case(
            "/tools/sandbox",
            MAIN,
            Call("exec", UNLISTED),
            (Open, Says("Linux")),
            (Sandbox, Lacks("Linux")),
        ),
        Case(
            "/tools/subagents/allowed",
            MAIN,
            Have("sessions_spawn"),
            (Open, Given),
            (Gateway, Missing),
        ),
        Case(
            "/tools/agents/*/profile",
            PLAIN,
            Have("read"),
            (Open, Given),
            (Gateway, Missing),
        ),
        Case(
            "/tools/agents/*/allow",
            PLAIN,
            Have("memory_get"),
            (Gateway, Missing),
            (Agents, Given),
        ),
        Case(
            "/tools/agents/*/only",
            PICKED,
            Have("read"),
            (Open, Given),
            (Gateway, Missing),
        ),
        Case(
            "/tools/agents/*/deny",
            WARD,
            Have("web_fetch"),
            (Open, Given),
            (Agents, Missing),
        ),
        Case(
            "/tools/agents/*/exec",
            WARD,
            Call("exec", UNLISTED),
            (Open, Says("Linux")),
            (Agents, Lacks("Linux")),
        ),
        Case(
            "/tools/agents/*/fs",
            WARD,
            Call("read", OUTSIDE),
            (Open, Says("trusted-proxy")),
            (Agents, Lacks("trusted-proxy")),
        ),
        Case(
            "/tools/agents/*/subagents",
            WARD,
            Have("sessions_spawn"),
            (Open, Given),
            (Agents, Missing),
        ),
        Case(
            "/tools/channels/*/only",
            GROUP,
            Have("read"),
            (Open, Given),
            (Agents, Missing),
        ),
        Case(
            "/tools/channels/*/deny",
            GROUP,
            Have("memory_get"),
            (Open, Given),
            (Gateway, Missing),
        ),
        Case(
            "/tools/channels/*/groups/*",
            GROUP,
            Have("sessions_list"),
            (Open, Given),
            (Gateway, Missing),
        ),
        Case(
            "/budgets/cron/enabled",
            MAIN,
            Have("automations"),
            (Open, Given),
            (Agents, Missing),
        ),
        Case(
            "/budgets/browser",
            MAIN,
            Have("browser"),
            (Agents, Missing),
            (Gateway, Given),
        ),
        Case(
            "/self_modification/config_keys",
            MAIN,
            Have("gateway"),
            (Open, Given),
            (Gateway, Missing),
        ),
        Case(
            "/self_modification/skills",
            MAIN,
            Have("skill_workshop"),
            (Open, Given),
            (Gateway, Missing),
        ),
        Case(
            "/self_modification/cron",
            MAIN,
            Have("automations"),
            (Open, Given),
            (Gateway, Missing),
        ),
        Case(
            "/self_modification/plugins",
            MAIN,
            Have("plugins"),
            (Open, Given),
            (Gateway, Missing),
        ),
    ]
};

impl State {
    const ALL: [Self; 4] = [Self::Open, Self::Gateway, Self::Agents, Self::Sandbox];

    /// The sections of the policy that make it.
    fn sections(self) -> Value {
        let none = || json!({});
        match self {
            Self::Open => json!({
                "tools": {
                    "profile": "coding", "fs": "all",
                    "agents": { "ward": none(), "picked": none(), "plain": none(), "ops": none() },
                },
                "budgets": {},
                "self_modification": { "config_keys": "auto", "cron": "auto", "plugins": "auto" },
            }),
            Self::Gateway => json!({
                "tools": {
                    "profile": "coding",
                    "allow": ["agents_list", "browser"],
                    "deny": ["web_fetch"],
                    "exec": { "mode": "allowlist", "allow_commands": ["id"] },
                    "subagents": { "allowed": false },
                    "agents": {
                        "ward": none(),
                        "picked": { "only": ["session_status"] },
                        "plain": { "profile": "minimal" },
                        "ops": { "exec": "full" },
                    },
                    "channels": { "telegram": {
                        "deny": ["memory_get"], "groups": { "-1001": { "deny": ["sessions_list"] } },
                    } },
                    "exceptions": [exception()],
                },
                "budgets": { "heartbeat": { "every": "PT5M" }, "browser": { "sessions": 1 } },
                "self_modification": {
                    "config_keys": "deny", "skills": "deny", "cron": "deny", "plugins": "deny",
                },
            }),
            Self::Agents => json!({
                "tools": {
                    "profile": "full",
                    "fs": "all",
                    "subagents": subagents::limits(),
                    "agents": {
                        "ward": {
                            "deny": ["web_fetch"], "exec": "allowlist", "fs": "workspace",
                            "subagents": false,
                        },
                        "picked": none(),
                        "plain": { "profile": "minimal", "allow": ["memory_get"] },
                        "ops": none(),
                    },
                    "channels": { "telegram": { "only": ["session_status"] } },
                },
                "budgets": { "cron": { "enabled": false } },
                "self_modification": { "config_keys": "auto", "cron": "auto", "plugins": "auto" },
            }),
            Self::Sandbox => json!({
                "tools": { "profile": "coding", "fs": "all", "sandbox": "all" },
                "budgets": jobs::limits(),
                "self_modification": { "cron": "auto" },
            }),
        }
    }
}

/// What lets agent `ops` run more than the gateway does.
pub(super) fn exception() -> Value {
    let expires_at = (Utc::now() + TimeDelta::days(1)).to_rfc3339();
    json!({ "clause": "/tools/agents/ops/exec", "reason": "To see that it counts", "expires_at": expires_at })
}

pub(super) async fn prove(
    stack: &Stack,
    gateway: &Gateway,
    proof: &mut Proof,
) -> anyhow::Result<()> {
    for state in State::ALL {
        apply(gateway, &state.sections())
            .await
            .with_context(|| format!("{state:?}"))?;
        let began = Utc::now();
        let word = format!("tick {state:?}");
        let job = add_job(stack, &word).await?;
        if matches!(state, State::Open | State::Sandbox) {
            jobs::add(stack).await?;
        }
        cases_in(stack, state, proof).await?;
        match state {
            State::Open => {
                subagents::prove(stack, gateway, proof, "off").await?;
                let ran = wait::until("a job that is due", wait::HEARTBEATS, async || {
                    Ok(has_run(stack, began, &word).await?.then_some(()))
                })
                .await;
                proof.note("/budgets/cron/enabled", "off", ran.is_ok(), &job);
                jobs::prove(stack, proof, false).await?;
            }
            State::Gateway => {
                let answer = turn(stack, OPS, &format!("/tool exec {UNLISTED}")).await?;
                let ran = answer.contains("Linux");
                proof.note("/tools/exceptions", "on", ran, &answer);
                heartbeat(stack, proof, true).await?;
            }
            State::Agents => {
                subagents::prove(stack, gateway, proof, "on").await?;
                heartbeat(stack, proof, false).await?;
                // It has been due since before all of that.
                let ran = has_run(stack, began, &word).await?;
                proof.note("/budgets/cron/enabled", "on", !ran, &job);
            }
            State::Sandbox => jobs::prove(stack, proof, true).await?,
        }
    }
    Ok(())
}

/// Every case of a state, with one turn for each who has any.
async fn cases_in(stack: &Stack, state: State, proof: &mut Proof) -> anyhow::Result<()> {
    let mut tries: BTreeMap<Who, Vec<Try>> = BTreeMap::new();
    for Case(_, who, what, off, on) in CASES {
        let wanted = tries.entry(*who).or_default();
        if [off.0, on.0].contains(&state) && !wanted.contains(what) {
            wanted.push(*what);
        }
    }
    for (who, wanted) in tries.iter().filter(|(_, wanted)| !wanted.is_empty()) {
        let lines: Vec<String> = wanted.iter().flat_map(|what| what.calls()).collect();
        let answer = turn(stack, *who, &lines.join("\n")).await;
        let answer = answer.unwrap_or_else(|error| format!("{error:#}"));
        let mut answers = results(&answer).into_iter();
        let mut seen: BTreeMap<Try, Vec<String>> = BTreeMap::new();
        for what in wanted {
            let own = what.calls().iter().map_while(|_| answers.next()).collect();
            seen.insert(*what, own);
        }
        for Case(clause, _, what, off, on) in CASES.iter().filter(|case| case.1 == *who) {
            for (name, expected) in [("off", off), ("on", on)] {
                if expected.0 == state {
                    let own = seen.get(what).map(Vec::as_slice).unwrap_or_default();
                    let shown = if own.is_empty() {
                        answer.clone()
                    } else {
                        own.join("\n")
                    };
                    proof.note(clause, name, expected.1.is(*what, own, &answer), &shown);
                }
            }
        }
    }
    Ok(())
}

impl Try {
    /// The calls that try it. A tool may be in sight of the model or in the
    /// catalogue, so to have one is tried both ways.
    fn calls(self) -> Vec<String> {
        match self {
            Self::Have(tool) => vec![call(tool, &json!({})), call_by_name(tool, &json!({}))],
            Self::Call(tool, arguments) => vec![format!("/tool {tool} {arguments}")],
        }
    }
}

impl Comes {
    fn is(self, what: Try, results: &[String], answer: &str) -> bool {
        let missing = |result: &String| {
            let Try::Have(tool) = what else { return false };
            result.contains(&format!("Tool {tool} not found"))
                || result.contains("Tool tool_call not found")
                || result.contains(&format!("Unknown tool id: {tool}"))
        };
        match self {
            Self::Given => !results.is_empty() && !results.iter().all(missing),
            Self::Missing => !results.is_empty() && results.iter().all(missing),
            Self::Says(words) => results.iter().any(|result| result.contains(words)),
            // The whole turn may be refused.
            Self::Lacks(words) => !answer.is_empty() && !results.iter().any(|r| r.contains(words)),
        }
    }
}

/// Adds a job that is due at once and has the model say a word; what became of that.
async fn add_job(stack: &Stack, word: &str) -> anyhow::Result<String> {
    let due = (Utc::now() + TimeDelta::seconds(1)).to_rfc3339();
    let job = job(word, &json!({ "kind": "at", "at": due }));
    let mut session = session(stack).await?;
    let added = session.call("cron.add", job).await;
    let status = session.call("cron.status", json!({})).await;
    Ok(format!("{added:?} {status:?}"))
}

async fn has_run(stack: &Stack, since: DateTime<Utc>, word: &str) -> anyhow::Result<bool> {
    let asked = asked_since(stack, since).await?;
    Ok(asked.iter().any(|one| one.answer == word))
}

/// The job by which OpenClaw's scheduler wakes an agent.
async fn heartbeat(stack: &Stack, proof: &mut Proof, beats: bool) -> anyhow::Result<()> {
    let all = json!({ "includeDisabled": true });
    let listed = session(stack).await?.call("cron.list", all).await?;
    let jobs = listed.get("jobs").and_then(Value::as_array);
    let every = jobs.into_iter().flatten().any(|job| {
        let key = job.get("declarationKey").and_then(Value::as_str);
        key.is_some_and(|key| key.starts_with("heartbeat:"))
            && job.get("enabled") == Some(&Value::Bool(true))
            && job.pointer("/schedule/everyMs") == Some(&json!(300_000))
    });
    let state = if beats { "on" } else { "off" };
    let shown = listed.get("jobs").unwrap_or(&listed).to_string();
    proof.note("/budgets/heartbeat", state, every == beats, &shown);
    Ok(())
}
