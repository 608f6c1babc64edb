//! Overrides that give an agent more than the gateway has, and the exceptions
//! without which they do not count.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::catalog::{TOOLS, find, gives, profile_has};
use super::document::{AgentTools, Exception, ExecMode, Policy, ToolProfile};
use super::tools::ToolPattern;
use super::validate::step;

/// A clause of an agent's override that gives more than the gateway does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loosening {
    /// JSON pointer to the clause.
    pub clause: String,
    /// What it gives, to follow "gives the agent".
    pub gives: String,
}

/// Every clause that gives an agent more than the gateway does, in the order of the document.
#[must_use]
pub fn loosenings(policy: &Policy) -> Vec<Loosening> {
    let one = |(agent, own): (&_, &AgentTools)| {
        let agent: &super::value::AgentId = agent;
        let at = format!("/tools/agents/{}", step(agent.as_str()));
        of_agent(policy, own)
            .into_iter()
            .map(move |(field, gives)| Loosening {
                clause: format!("{at}/{field}"),
                gives,
            })
            .collect::<Vec<_>>()
    };
    policy.tools.agents.iter().flat_map(one).collect()
}

fn of_agent(policy: &Policy, own: &AgentTools) -> Vec<(&'static str, String)> {
    let tools = &policy.tools;
    let mut found = Vec::new();
    if let Some(profile) = own.profile
        && let Some(tool) = wider(profile, tools.profile, &tools.allow)
    {
        found.push((
            "profile",
            format!("{tool}, which the gateway's tools do not have"),
        ));
    }
    let given = |pattern: &&ToolPattern| !is_given(pattern.as_str(), tools.profile, &tools.allow);
    if let Some(pattern) = own.allow.iter().find(given) {
        found.push((
            "allow",
            format!("{pattern}, which the gateway's tools do not have"),
        ));
    }
    let mode = tools.exec.mode.unwrap_or(ExecMode::Full);
    if let Some(exec) = own.exec
        && exec > mode
    {
        found.push((
            "exec",
            format!("{} where the gateway has {}", exec.as_str(), mode.as_str()),
        ));
    }
    if own.elevated == Some(true) && !tools.elevated {
        found.push(("elevated", "commands outside a sandbox".to_owned()));
    }
    if own.fs.is_some_and(|fs| fs > tools.fs) {
        found.push(("fs", "files outside its workspace".to_owned()));
    }
    if own.subagents == Some(true) && tools.subagents.allowed == Some(false) {
        found.push(("subagents", "agents of its own".to_owned()));
    }
    found
}

/// A tool that one profile has and another one, with additions, has not.
fn wider(profile: ToolProfile, base: ToolProfile, allow: &[ToolPattern]) -> Option<&'static str> {
    let has = |tool: &str| {
        profile_has(base, tool) || allow.iter().any(|pattern| gives(pattern.as_str(), tool))
    };
    // For those of plugins and of MCP servers, which the catalogue cannot name.
    let samples = ["a_plugin's_tool", "mcp__tool"];
    let names = TOOLS.iter().map(|tool| tool.name).chain(samples);
    names
        .filter(|tool| profile_has(profile, tool))
        .find(|tool| !has(tool))
}

/// Whether a profile with additions has everything that a pattern means.
fn is_given(pattern: &str, base: ToolProfile, allow: &[ToolPattern]) -> bool {
    if base == ToolProfile::Full
        || allow
            .iter()
            .any(|other| matches!(other.as_str(), "*") || other.as_str() == pattern)
    {
        return true;
    }
    // A glob or the plugins' group may mean tools that nobody knows yet.
    let open = pattern.contains('*')
        || pattern == "group:plugins"
        || (!pattern.starts_with("group:") && find(pattern).is_none());
    let has = |tool: &str| {
        profile_has(base, tool) || allow.iter().any(|other| gives(other.as_str(), tool))
    };
    if open {
        return find(pattern).is_none()
            && !pattern.contains('*')
            && pattern != "group:plugins"
            && has(pattern);
    }
    TOOLS
        .iter()
        .filter(|tool| gives(pattern, tool.name))
        .all(|tool| has(tool.name))
}

/// The document as it holds at a moment: without the clauses that give an agent
/// more and whose exception has ended. `None` stands for no moment at all, in
/// which no exception holds.
#[must_use]
pub fn in_force(policy: &Policy, now: Option<DateTime<Utc>>) -> Cow<'_, Policy> {
    if policy.tools.agents.is_empty() {
        return Cow::Borrowed(policy);
    }
    let holds = |exception: &&Exception| now.is_some_and(|now| now < exception.expires_at);
    let covered: Vec<&str> = policy
        .tools
        .exceptions
        .iter()
        .filter(holds)
        .map(|exception| exception.clause.as_str())
        .collect();
    let mut changed = Cow::Borrowed(policy);
    for loosening in loosenings(policy) {
        if covered.contains(&loosening.clause.as_str()) {
            continue;
        }
        let Some((at, field)) = loosening.clause.rsplit_once('/') else {
            continue;
        };
        let tools = &mut changed.to_mut().tools;
        let own = tools
            .agents
            .iter_mut()
            .find(|(id, _)| at.ends_with(&format!("/{}", step(id.as_str()))));
        if let Some((_, own)) = own {
            clear(own, field);
        }
    }
    changed
}

fn clear(own: &mut AgentTools, field: &str) {
    match field {
        "profile" => own.profile = None,
        "allow" => own.allow.clear(),
        "exec" => own.exec = None,
        "elevated" => own.elevated = None,
        "fs" => own.fs = None,
        _ => own.subagents = None,
    }
}

/// When the document next means something else without being changed: the first
/// end of an exception after a moment. Compile again then.
#[must_use]
pub fn next_change(policy: &Policy, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let ends = policy
        .tools
        .exceptions
        .iter()
        .map(|exception| exception.expires_at);
    ends.filter(|end| *end > now).min()
}
