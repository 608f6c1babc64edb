//! The gateway's `tools` section, and the `tools` of each agent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::policy::catalog::{ALIASES, glob};
use crate::policy::closures::closures;
use crate::policy::document::{AgentTools, FsScope, Policy};
use crate::policy::layers::{AgentView, agent_view};
use crate::policy::tools::ToolPattern;

/// Agents with an entry of their own, and what holds for each; worked out once.
pub(super) struct Roster<'a> {
    policy: &'a Policy,
    agents: BTreeMap<&'a str, (AgentView, BTreeSet<String>)>,
    unnamed: AgentView,
    /// What closures take away from every agent, those without an entry included.
    closed_for_all: BTreeSet<String>,
    /// The gateway's switch, which an agent's own can only restrict.
    elevated: bool,
}

impl<'a> Roster<'a> {
    pub(super) fn new(policy: &'a Policy, named: &[&'a str]) -> Self {
        let with_closed = |view: AgentView| {
            let closed = closed(policy, &view);
            (view, closed)
        };
        let agents: BTreeMap<_, _> = named
            .iter()
            .map(|agent| (*agent, with_closed(agent_view(policy, agent))))
            .collect();
        let (unnamed, closed_for_all) = with_closed(agent_view(policy, UNNAMED));
        let sets = agents.values().map(|(_, closed)| closed);
        let closed_for_all = sets.fold(closed_for_all, |all, set| {
            all.intersection(set).cloned().collect()
        });
        let elevated = agents.values().any(|(view, _)| view.elevated.value);
        Self {
            policy,
            agents,
            unnamed,
            closed_for_all,
            elevated: policy.tools.elevated || elevated,
        }
    }

    /// Whether any agent may run commands.
    pub(super) fn may_run_commands(&self) -> bool {
        let mut views = self
            .agents
            .values()
            .map(|(view, _)| view)
            .chain([&self.unnamed]);
        views.any(AgentView::may_run_commands)
    }
}

/// Name that no agent has: what holds for agents that the document does not name.
const UNNAMED: &str = "";

/// The `tools` section.
pub(super) fn gateway(roster: &Roster<'_>) -> Value {
    let tools = &roster.policy.tools;
    let mut deny = names(&tools.deny);
    deny.extend(roster.closed_for_all.iter().cloned());
    let mut section = json!({
        "profile": tools.profile.as_str(),
        "deny": deny,
        "elevated": { "enabled": roster.elevated },
        "exec": {
            // The second lock, for what runs commands without being a tool.
            "mode": roster.unnamed.exec.value.as_str(),
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
        if let Some(senders) = super::channels::by_sender(roster.policy) {
            map.insert("toolsBySender".to_owned(), senders);
        }
    }
    section
}

/// The `tools` of an agent's entry; none when nothing differs from the gateway's.
pub(super) fn agent(roster: &Roster<'_>, agent: &str) -> Option<Value> {
    let (view, closed) = roster.agents.get(agent)?;
    let policy = roster.policy;
    let own = policy
        .tools
        .agents
        .iter()
        .find(|(id, _)| id.as_str() == agent)
        .map(|(_, own)| own);
    let mut section = Map::new();
    let mut deny: BTreeSet<String> = closed.difference(&roster.closed_for_all).cloned().collect();
    if let Some(own) = own {
        overrides(policy, own, &mut section);
        deny.extend(names(&own.deny));
    }
    if view.exec.value != roster.unnamed.exec.value {
        section.insert(
            "exec".to_owned(),
            json!({ "mode": view.exec.value.as_str() }),
        );
    }
    if view.elevated.value != roster.elevated {
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
