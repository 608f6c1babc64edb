//! What agents may use.

use super::clause;
use crate::policy::coverage::Clause;
use crate::policy::coverage::Enforcer::{DeclaredOnly, GatewayWorker, OpenclawConfig, TedixInit};

pub(super) const CLAUSES: &[Clause] = &[
    clause(
        "/tools/profile",
        "The set of tools to start from",
        "messaging",
        "tools.profile",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/allow",
        "Tools, groups or globs added to the profile",
        "none",
        "tools.alsoAllow",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/deny",
        "Tools, groups or globs taken away whatever else says otherwise",
        "none",
        "tools.deny, with all that leads to commands when `exec` goes",
        OpenclawConfig,
    )
    .shown_by("chat::denied_exec_is_refused_on_company_and_runs_on_personal"),
    clause(
        "/tools/exec/mode",
        "Which commands run, and which are asked about",
        "full",
        "tools.exec.mode; tools.deny and cron.enabled when deny; exec.approvals.set",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/exec/allow_commands",
        "Programs that modes below full run unasked",
        "none",
        "exec.approvals.set: allowlist",
        TedixInit,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/elevated",
        "Whether people on a channel may have commands run outside a sandbox",
        "false",
        "tools.elevated.enabled",
        OpenclawConfig,
    ),
    clause(
        "/tools/fs",
        "Which files the file tools reach",
        "workspace",
        "tools.fs.workspaceOnly",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/sandbox",
        "Which sessions run in OpenClaw's own sandbox",
        "off",
        "agents.defaults.sandbox.mode",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/subagents/allowed",
        "Whether agents may start agents",
        "true",
        "tools.deny: sessions_spawn, subagents",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/subagents/max_depth",
        "How deep agents may start agents",
        "OpenClaw's 5",
        "agents.defaults.subagents.maxSpawnDepth",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/subagents/max_children",
        "How many one agent may have running",
        "OpenClaw's 5",
        "agents.defaults.subagents.maxChildrenPerAgent",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/subagents/max_concurrent",
        "How many may run at once",
        "OpenClaw's 8",
        "agents.defaults.subagents.maxConcurrent",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/mcp_servers/*",
        "An MCP server whose tools agents may use",
        "none",
        "mcp.servers",
        OpenclawConfig,
    ),
    clause(
        "/tools/egress",
        "Hosts that the container may reach",
        "none but the gateway's own",
        "nothing: the container starts without the internet and reaches only the gateway's own hosts, whatever is listed",
        DeclaredOnly,
    ),
    clause(
        "/tools/agents/*/profile",
        "The set that one agent starts from",
        "/tools/profile",
        "agents.entries.*.tools.profile",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/agents/*/allow",
        "Additions for one agent",
        "none",
        "agents.entries.*.tools.alsoAllow",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/agents/*/only",
        "If present, one agent has nothing else",
        "everything given",
        "agents.entries.*.tools.allow",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/agents/*/deny",
        "Taken away from one agent",
        "none",
        "agents.entries.*.tools.deny",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/agents/*/exec",
        "Which commands one agent runs",
        "/tools/exec/mode",
        "agents.entries.*.tools.exec.mode; exec.approvals.set",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/agents/*/elevated",
        "Whether one agent's commands may run outside a sandbox",
        "/tools/elevated",
        "agents.entries.*.tools.elevated.enabled",
        OpenclawConfig,
    ),
    clause(
        "/tools/agents/*/fs",
        "Which files one agent reaches",
        "/tools/fs",
        "agents.entries.*.tools.fs.workspaceOnly",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/agents/*/subagents",
        "Whether one agent may start agents",
        "/tools/subagents/allowed",
        "agents.entries.*.tools.deny",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/channels/*/only",
        "If present, a channel has nothing else",
        "everything given",
        "channels.*.groups.*.tools.allow, channels.telegram.direct.*.tools.allow",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/channels/*/deny",
        "Taken away on a channel",
        "none",
        "channels.*.groups.*.tools.deny, channels.telegram.direct.*.tools.deny",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/channels/*/groups/*",
        "What a group has less than its channel",
        "nothing",
        "channels.*.groups.*.tools",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/tools/channels/*/senders/*",
        "What a sender has less than the channel",
        "nothing",
        "tools.toolsBySender",
        OpenclawConfig,
    ),
    clause(
        "/tools/exceptions",
        "Which clauses of agents may give more than the gateway, why and until when",
        "none",
        "clauses without one do not compile; compiled anew when one ends",
        GatewayWorker,
    )
    .shown_by("proof::what_governs_the_policy_itself"),
];
