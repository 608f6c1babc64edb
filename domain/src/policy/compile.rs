//! From a policy to the configuration that OpenClaw runs with.
//!
//! In scope: what the policy says, and closing what OpenClaw leaves open by
//! itself (its agents may otherwise run, schedule, learn and reconfigure on
//! their own). Out of scope: limits that must hold against the container
//! itself; budgets and credentials are enforced by the gateway Worker.
//!
//! Every key is one of OpenClaw 2026.9.6; it refuses those it does not know.

mod agents;
mod browser;
mod channels;
mod commands;
mod front_door;
mod host_floor;
mod models;
mod tools;
mod version;

pub use channels::{Enforced, enforced};
pub use commands::may_run_commands;
pub use host_floor::exec_approvals;
pub use models::{ModelSpec, OpenaiApi};
pub use version::{VersionSkew, check as check_version};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::document::{ChangeRule, Policy};
use super::exceptions::in_force;
use crate::wire::openclaw::OPENCLAW_VERSION;

/// What a configuration depends on besides the policy.
#[derive(Debug, Clone, Copy)]
pub struct CompileContext<'a> {
    /// Models that agents may use; the first is the default.
    pub models: &'a [ModelSpec],
    /// Public origin of the gateway, such as `https://company.example.com`.
    pub public_url: &'a str,
}

/// The configuration for a policy, for the version in the image. The same input
/// always gives the same text, so [`super::canonical_hash`] of it names a configuration.
///
/// Without a moment no exception holds: see [`compile_at`].
#[must_use]
pub fn compile(policy: &Policy, context: CompileContext<'_>) -> Value {
    config(&in_force(policy, None), context)
}

/// The configuration for a policy as it holds at a moment, for a version of OpenClaw,
/// and as if that had written it: one that comes from a newer version does not get to bring
/// the state up to date that it finds.
///
/// # Errors
/// When that version is not known; says which keys nobody has checked against it.
pub fn compile_at(
    policy: &Policy,
    context: CompileContext<'_>,
    now: DateTime<Utc>,
    openclaw_version: &str,
) -> Result<Value, VersionSkew> {
    let mut config = config(&in_force(policy, Some(now)), context);
    version::check(openclaw_version, &config)?;
    if let Some(touched) = config.pointer_mut("/meta/lastTouchedVersion") {
        *touched = openclaw_version.into();
    }
    Ok(config)
}

/// Whether OpenClaw's scheduler runs, which jobs and heartbeats need.
pub(super) fn runs_jobs(policy: &Policy) -> bool {
    schedules(policy, &tools::Roster::new(policy, &agents::named(policy)))
}

fn schedules(policy: &Policy, roster: &tools::Roster<'_>) -> bool {
    roster.may_run_commands() && policy.budgets.cron.enabled != Some(false)
}

fn config(policy: &Policy, context: CompileContext<'_>) -> Value {
    let rules = &policy.self_modification;
    let named = agents::named(policy);
    let roster = tools::Roster::new(policy, &named);
    let (mode, approval) = match rules.skills {
        Some(ChangeRule::Auto) => ("auto", "auto"),
        Some(ChangeRule::Review) => ("propose", "pending"),
        Some(ChangeRule::Deny) | None => ("off", "pending"),
    };
    let browser = policy.budgets.browser.is_some();
    let mut plugins = vec!["admin-http-rpc", "anthropic", "memory-core", "openai"];
    let channels = channels::plugins(policy);
    plugins.extend(browser.then_some("browser"));
    plugins.extend(channels.iter().map(String::as_str));
    plugins.sort_unstable();
    plugins.dedup();
    let mut config = json!({
        "gateway": front_door::gateway(&policy.access, context.public_url),
        "models": models::catalog(&policy.budgets, context.models),
        "agents": agents::section(policy, &named, &roster, context.models),
        "tools": tools::gateway(&roster),
        "cron": {
            // A job may carry a shell command that no tool rule sees.
            "enabled": schedules(policy, &roster),
            "triggers": { "enabled": false },
        },
        "commands": {
            "bash": false, "config": false, "debug": false,
            "mcp": false, "plugins": false, "restart": false,
        },
        "skills": {
            "install": { "allowUploadedArchives": false },
            "workshop": { "approvalPolicy": approval, "autonomous": { "mode": mode } },
        },
        // Enabled without a command to ask, so every install is refused.
        "security": { "installPolicy": { "enabled": true } },
        "plugins": {
            "allow": plugins,
            "entries": {
                "admin-http-rpc": { "enabled": true },
                "memory-core": { "config": { "dreaming": { "enabled": false } } },
            },
        },
        // Full-text search only: embeddings would be a second kind of model call.
        "memory": { "search": { "provider": "none" } },
        "acp": { "enabled": false },
        "browser": browser::section(browser),
        "discovery": { "mdns": { "mode": "off" } },
        "telemetry": { "enabled": false },
        "update": { "auto": { "enabled": false }, "checkOnStart": false },
        // Without it OpenClaw may take the file for damaged and put an older one back.
        "meta": {
            "lastTouchedVersion": OPENCLAW_VERSION,
            "migrations": { "modelPolicyAllowlist": true, "utilityModelSeparation": true },
        },
    });
    // Below the home directory that tedix-init gives OpenClaw, and out of it: no absolute
    // path, because an engine without namespaces moves them.
    let packs = policy.persistence.skill_packs.keys();
    let packs: Vec<String> = packs.map(|name| format!("~/../packs/{name}")).collect();
    let skills = config.get_mut("skills").and_then(Value::as_object_mut);
    if let (false, Some(skills)) = (packs.is_empty(), skills) {
        skills.insert("load".to_owned(), json!({ "extraDirs": packs }));
    }
    let optional = [
        ("approvals", channels::approvals(policy)),
        ("channels", channels::section(policy)),
        ("mcp", mcp(policy)),
    ];
    if let Some(map) = config.as_object_mut() {
        for (key, value) in optional {
            map.extend(value.map(|value| (key.to_owned(), value)));
        }
    }
    config
}

/// `mcp`; none when the document names no server.
fn mcp(policy: &Policy) -> Option<Value> {
    let servers = &policy.tools.mcp_servers;
    let server = |(name, server): (&super::AgentId, &super::McpServer)| {
        let mut value = json!({ "url": server.url, "transport": "streamable-http" });
        if let (Some(tools), Some(map)) = (&server.tools, value.as_object_mut()) {
            map.insert("toolFilter".to_owned(), json!({ "include": tools }));
        }
        (name.to_string(), value)
    };
    let servers: Map<String, Value> = servers.iter().map(server).collect();
    (!servers.is_empty()).then(|| json!({ "servers": servers }))
}

#[cfg(test)]
mod tests;
