//! The gateway's `tools` section, and the `tools` of each agent.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::policy::catalog::{ALIASES, glob};
use crate::policy::closures::closures;
use crate::policy::document::{AgentTools, FsScope, Policy};
use crate::policy::layers::{AgentView, agent_view};
use crate::policy::tools::ToolPattern;

/// Name that no agent has: what holds for agents that the document does not name.
const UNNAMED: &str = "";

/// The `tools` section. `agents` are those with an entry of their own.
pub(super) fn gateway(policy: &Policy, agents: &[&str]) -> Value {
    let tools = &policy.tools;
    let view = agent_view(policy, UNNAMED);
    let mut deny = names(&tools.deny);
    deny.extend(closed_for_all(policy, agents));
    let elevated = agents
        .iter()
        .any(|agent| agent_view(policy, agent).elevated.value);
    let mut section = json!({
        "profile": tools.profile.as_str(),
        "deny": deny,
        // An agent's own switch can only restrict this one.
        "elevated": { "enabled": tools.elevated || elevated },
        "exec": {
            // The second lock, for what runs commands without being a tool.
            "mode": view.exec.value.as_str(),
            // Otherwise each background command that ends costs a model call.
            "notifyOnExit": false,
        },
        // Or `read` reaches OpenClaw's environment and databases.
        "fs": { "workspaceOnly": tools.fs == FsScope::Workspace },
    });
    if let Some(map) = section.as_object_mut() {
        if !tools.allow.is_empty() {
            map.insert("alsoAllow".to_owned(), patterns(&tools.allow));
        }
        if let Some(senders) = super::channels::by_sender(policy) {
            map.insert("toolsBySender".to_owned(), senders);
        }
    }
    section
}

/// The `tools` of an agent's entry; none when nothing differs from the gateway's.
pub(super) fn agent(policy: &Policy, agent: &str, agents: &[&str]) -> Option<Value> {
    let view = agent_view(policy, agent);
    let own = policy
        .tools
        .agents
        .iter()
        .find(|(id, _)| id.as_str() == agent)
        .map(|(_, own)| own);
    let mut section = Map::new();
    let mut deny: BTreeSet<String> = closed(policy, &view);
    let everywhere = closed_for_all(policy, agents);
    deny.retain(|name| !everywhere.contains(name));
    if let Some(own) = own {
        overrides(policy, own, &mut section);
        deny.extend(names(&own.deny));
    }
    let unnamed = agent_view(policy, UNNAMED);
    if view.exec.value != unnamed.exec.value {
        section.insert(
            "exec".to_owned(),
            json!({ "mode": view.exec.value.as_str() }),
        );
    }
    let others = agents
        .iter()
        .any(|agent| agent_view(policy, agent).elevated.value);
    if view.elevated.value != (policy.tools.elevated || others) {
        section.insert(
            "elevated".to_owned(),
            json!({ "enabled": view.elevated.value }),
        );
    }
    if !deny.is_empty() {
        section.insert("deny".to_owned(), json!(deny));
    }
    (!section.is_empty()).then_some(Value::Object(section))
}

fn overrides(policy: &Policy, own: &AgentTools, section: &mut Map<String, Value>) {
    if let Some(profile) = own.profile {
        section.insert("profile".to_owned(), json!(profile.as_str()));
    }
    if !own.allow.is_empty() {
        // An agent's additions stand instead of the gateway's in OpenClaw.
        let all: Vec<&ToolPattern> = policy.tools.allow.iter().chain(&own.allow).collect();
        section.insert("alsoAllow".to_owned(), json!(all));
    }
    if let Some(only) = &own.only {
        section.insert("allow".to_owned(), patterns(only));
    }
    if let Some(fs) = own.fs {
        section.insert(
            "fs".to_owned(),
            json!({ "workspaceOnly": fs == FsScope::Workspace }),
        );
    }
}

/// What closures take away from every agent, those without an entry included.
fn closed_for_all(policy: &Policy, agents: &[&str]) -> BTreeSet<String> {
    let sets = agents
        .iter()
        .map(|agent| closed(policy, &agent_view(policy, agent)));
    let unnamed = closed(policy, &agent_view(policy, UNNAMED));
    // With an entry for each agent there is none without, but OpenClaw must not
    // fall back to more than the document says either: an agent without an entry
    // has no more than the gateway's clauses.
    sets.fold(unnamed, |all, set| {
        all.intersection(&set).cloned().collect()
    })
}

fn closed(policy: &Policy, view: &AgentView) -> BTreeSet<String> {
    let closures = closures(policy, view);
    closures
        .iter()
        .flat_map(|closure| closure.tools)
        .map(|name| (*name).to_owned())
        .collect()
}

/// Patterns to take away, with the tools that they mean by an alias: OpenClaw
/// compares globs with its own names alone.
pub(super) fn names(deny: &[ToolPattern]) -> BTreeSet<String> {
    let by_alias = |pattern: &ToolPattern| {
        let pattern = pattern.as_str().to_owned();
        let meant = ALIASES.iter().filter(move |(alias, name)| {
            pattern.contains('*') && glob(&pattern, alias) && !glob(&pattern, name)
        });
        meant.map(|(_, name)| (*name).to_owned())
    };
    deny.iter()
        .map(|pattern| pattern.as_str().to_owned())
        .chain(deny.iter().flat_map(by_alias))
        .collect()
}

/// Patterns as OpenClaw takes them.
pub(super) fn patterns(list: &[ToolPattern]) -> Value {
    json!(list)
}
