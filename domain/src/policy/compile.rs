//! From a policy to the configuration that OpenClaw runs with.
//!
//! In scope: what the policy says, and closing what OpenClaw leaves open by
//! itself (its agents may otherwise run, schedule, learn and reconfigure on
//! their own). Out of scope: limits that must hold against the container
//! itself; budgets and credentials are enforced by the gateway Worker.
//!
//! Every key is one of OpenClaw 2026.9.6; it refuses those it does not know.

mod commands;
mod front_door;
mod models;

pub use commands::may_run_commands;
pub use models::ModelSpec;

use serde_json::{Value, json};

use super::document::Policy;
use crate::wire::openclaw::OPENCLAW_VERSION;

/// What a configuration depends on besides the policy.
#[derive(Debug, Clone, Copy)]
pub struct CompileContext<'a> {
    /// Models that agents may use; the first is the default.
    pub models: &'a [ModelSpec],
    /// Public origin of the gateway, such as `https://company.example.com`.
    pub public_url: &'a str,
}

/// The configuration for a policy. The same input always gives the same text,
/// so [`super::canonical_hash`] of it names a configuration.
#[must_use]
pub fn compile(policy: &Policy, context: CompileContext<'_>) -> Value {
    let commands = may_run_commands(&policy.tools);
    json!({
        "gateway": front_door::gateway(&policy.access, context.public_url),
        "models": models::catalog(context.models),
        "agents": { "defaults": models::agent_defaults(context.models) },
        "tools": commands::tools(&policy.tools),
        // A job may carry a shell command that no tool rule sees.
        "cron": { "enabled": commands, "triggers": { "enabled": false } },
        "commands": {
            "bash": false, "config": false, "debug": false,
            "mcp": false, "plugins": false, "restart": false,
        },
        "skills": {
            "install": { "allowUploadedArchives": false },
            "workshop": { "approvalPolicy": "pending", "autonomous": { "mode": "off" } },
        },
        // Enabled without a command to ask, so every install is refused.
        "security": { "installPolicy": { "enabled": true } },
        "plugins": {
            "allow": ["admin-http-rpc", "anthropic", "memory-core", "openai"],
            "entries": {
                "admin-http-rpc": { "enabled": true },
                "memory-core": { "config": { "dreaming": { "enabled": false } } },
            },
        },
        // Full-text search only: embeddings would be a second kind of model call.
        "memory": { "search": { "provider": "none" } },
        "acp": { "enabled": false },
        "browser": { "enabled": false },
        "discovery": { "mdns": { "mode": "off" } },
        "telemetry": { "enabled": false },
        "update": { "auto": { "enabled": false }, "checkOnStart": false },
        // Without it OpenClaw may take the file for damaged and put an older one back.
        "meta": {
            "lastTouchedVersion": OPENCLAW_VERSION,
            "migrations": { "modelPolicyAllowlist": true, "utilityModelSeparation": true },
        },
    })
}

#[cfg(test)]
mod tests;
