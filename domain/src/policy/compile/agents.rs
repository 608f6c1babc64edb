//! The `agents` section: which models, and no model calls that nobody asked for.

use serde_json::{Map, Value, json};

use super::models::{ModelSpec, allowed};
use super::tools::{self, Roster};
use crate::policy::document::{Policy, SandboxMode};

/// The agent that OpenClaw starts with.
const DEFAULT_AGENT: &str = "main";
/// Its workspace, as OpenClaw has it in the container while no agent is named. Among named
/// agents it would be `workspace-main`: the agent would begin anew, and what proposals
/// wrote would lie where nobody reads it.
const DEFAULT_WORKSPACE: &str = "/data/openclaw/workspace";

/// Agents that need an entry of their own, the default one first; none when no
/// clause names an agent.
pub(super) fn named(policy: &Policy) -> Vec<&str> {
    let tools = policy.tools.agents.keys();
    let with_models = policy
        .budgets
        .agents
        .iter()
        .filter(|(_, budget)| budget.models.is_some());
    let mut names: Vec<&str> = tools
        .chain(with_models.map(|(agent, _)| agent))
        .map(|agent| agent.as_str())
        .collect();
    if !names.is_empty() {
        names.push(DEFAULT_AGENT);
    }
    names.sort_unstable_by_key(|name| (*name != DEFAULT_AGENT, *name));
    names.dedup();
    names
}

/// The `agents` section.
pub(super) fn section(
    policy: &Policy,
    named: &[&str],
    roster: &Roster<'_>,
    models: &[ModelSpec],
) -> Value {
    let mut defaults = defaults(policy, models);
    let mut section = Map::new();
    if !named.is_empty() {
        // With several agents OpenClaw has no default by itself, and refuses to guess.
        section.insert("ownership".to_owned(), json!("explicit"));
        defaults.insert(
            "systemAgent".to_owned(),
            json!({ "agentId": DEFAULT_AGENT }),
        );
        let entry = |agent: &&str| ((*agent).to_owned(), entry(policy, agent, roster, models));
        let entries: Map<String, Value> = named.iter().map(entry).collect();
        section.insert("entries".to_owned(), Value::Object(entries));
    }
    section.insert("defaults".to_owned(), Value::Object(defaults));
    Value::Object(section)
}

fn defaults(policy: &Policy, models: &[ModelSpec]) -> Map<String, Value> {
    let heartbeat = policy.budgets.heartbeat.as_ref();
    let minutes = heartbeat.map_or(0, |heartbeat| heartbeat.every.seconds() / 60);
    let mut defaults = Map::new();
    model_policy(&allowed(&policy.budgets, None, models), &mut defaults);
    defaults.insert("utilityModel".to_owned(), json!(""));
    defaults.insert(
        "heartbeat".to_owned(),
        json!({ "every": format!("{minutes}m") }),
    );
    if policy.tools.sandbox != SandboxMode::Off {
        defaults.insert(
            "sandbox".to_owned(),
            json!({ "mode": policy.tools.sandbox.as_str() }),
        );
    }
    let subagents = &policy.tools.subagents;
    let limits = [
        ("maxSpawnDepth", subagents.max_depth),
        ("maxChildrenPerAgent", subagents.max_children),
        ("maxConcurrent", subagents.max_concurrent),
    ];
    let limits: Map<String, Value> = limits
        .into_iter()
        .filter_map(|(key, value)| value.map(|value| (key.to_owned(), json!(value))))
        .collect();
    if !limits.is_empty() {
        defaults.insert("subagents".to_owned(), Value::Object(limits));
    }
    defaults
}

fn entry(policy: &Policy, agent: &str, roster: &Roster<'_>, models: &[ModelSpec]) -> Value {
    let mut entry = Map::new();
    if policy
        .budgets
        .agent(agent)
        .is_some_and(|budget| budget.models.is_some())
    {
        model_policy(&allowed(&policy.budgets, Some(agent), models), &mut entry);
    }
    if agent == DEFAULT_AGENT {
        entry.insert("workspace".to_owned(), json!(DEFAULT_WORKSPACE));
    }
    entry.extend(tools::agent(roster, agent).map(|tools| ("tools".to_owned(), tools)));
    Value::Object(entry)
}

fn model_policy(models: &[&ModelSpec], section: &mut Map<String, Value>) {
    let names: Vec<String> = models.iter().map(|model| model.reference()).collect();
    if let Some(first) = names.first() {
        section.insert("model".to_owned(), json!({ "primary": first }));
    }
    section.insert("modelPolicy".to_owned(), json!({ "allow": names }));
}
