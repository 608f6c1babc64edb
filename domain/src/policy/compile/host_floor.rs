//! OpenClaw's exec approvals: the floor under every exec mode, which it keeps in
//! its database, where configuration does not reach.

use serde_json::{Map, Value, json};

use crate::policy::document::{ExecMode, OnTimeout, Policy};
use crate::policy::exceptions::in_force;
use crate::policy::layers::agent_view;
use chrono::{DateTime, Utc};

/// The document that `exec.approvals.set` takes (`file`), as of a moment.
///
/// For tedix-init, which sets it after each start and reads it again: OpenClaw's
/// read-only mode does not cover it.
#[must_use]
pub fn exec_approvals(policy: &Policy, now: Option<DateTime<Utc>>) -> Value {
    let policy = &in_force(policy, now);
    let floor = |agent: &str| {
        let (security, ask) = match agent_view(policy, agent).exec.value {
            ExecMode::Deny => ("deny", "off"),
            ExecMode::Allowlist => ("allowlist", "off"),
            ExecMode::Ask | ExecMode::Auto => ("allowlist", "on-miss"),
            ExecMode::Full => ("full", "off"),
        };
        let fallback = match policy.access.approvals.on_timeout {
            OnTimeout::Deny => "deny",
            OnTimeout::Allowlist => "allowlist",
        };
        json!({ "security": security, "ask": ask, "askFallback": fallback, "autoAllowSkills": false })
    };
    let allowlist: Vec<Value> = policy
        .tools
        .exec
        .allow_commands
        .iter()
        .map(|pattern| json!({ "pattern": pattern }))
        .collect();
    let mut agents = Map::new();
    let named = policy.tools.agents.keys().map(|agent| agent.as_str());
    for agent in named.chain(["main"]) {
        let mut entry = floor(agent);
        if let (false, Some(map)) = (allowlist.is_empty(), entry.as_object_mut()) {
            map.insert("allowlist".to_owned(), json!(allowlist));
        }
        agents.insert(agent.to_owned(), entry);
    }
    json!({ "version": 1, "defaults": floor(""), "agents": agents })
}
