//! The table: every clause, in the order of the document.

use super::Enforcer::{DeclaredOnly, GatewayWorker, OpenclawConfig, TedixInit};
use super::{Clause, Enforcer};

/// Every clause of the model. A test keeps it in step with the document's fields,
/// with docs/policy.md and with the tests that `proof` names.
pub const CLAUSES: &[Clause] = &[
    clause(
        "/schema",
        "The number of the format; 1",
        "required",
        "read strictly on every save",
        GatewayWorker,
    )
    .shown_by("policy::every_fault_is_refused_with_a_pointer"),
    clause(
        "/access/operators",
        "People who may see or change the gateway, and as what",
        "required, one admin",
        "checked on every request; gateway.auth.trustedProxy.allowUsers, gateway.auth.identityScopes",
        GatewayWorker,
    )
    .shown_by("policy::each_role_may_do_what_it_may_and_no_more"),
    clause(
        "/access/users",
        "People who may only talk to it",
        "nobody",
        "checked on every request; gateway.auth.trustedProxy.allowUsers",
        GatewayWorker,
    )
    .shown_by("policy::each_role_may_do_what_it_may_and_no_more"),
    clause(
        "/access/groups",
        "Groups of the identity provider, and what members may do",
        "none",
        "checked on every request by the `groups` claim; gateway.auth.identityScopes",
        GatewayWorker,
    )
    .shown_by("governance::groups_and_service_tokens_have_the_role_that_the_policy_gives"),
    clause(
        "/access/services",
        "Service tokens, and what scripts may do",
        "none",
        "checked on every request by `common_name`; gateway.auth.identityScopes",
        GatewayWorker,
    )
    .shown_by("governance::groups_and_service_tokens_have_the_role_that_the_policy_gives"),
    clause(
        "/access/approvals/targets",
        "Who is asked whether a command may run",
        "nobody but people at OpenClaw's own page",
        "approvals.exec.targets; channels.telegram.execApprovals.approvers",
        OpenclawConfig,
    ),
    clause(
        "/access/approvals/answered_by",
        "Who may answer on a channel",
        "the recipients of targets",
        "channels.telegram.execApprovals.approvers",
        OpenclawConfig,
    ),
    clause(
        "/access/approvals/on_timeout",
        "What happens to a request that nobody answers",
        "deny",
        "exec.approvals.set: askFallback",
        TedixInit,
    ),
    clause(
        "/access/approvals/timeout",
        "How long a request waits",
        "PT30M",
        "nothing: OpenClaw 2026.9.6 waits half an hour and has no key for it",
        DeclaredOnly,
    ),
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
    clause(
        "/budgets/tokens_per_day",
        "Tokens a day",
        "no limit",
        "checked before each model call",
        GatewayWorker,
    )
    .shown_by("chat::a_spent_budget_is_said_and_a_raised_one_works_at_once"),
    clause(
        "/budgets/cost_per_day_micro_usd",
        "Millionths of a dollar a day",
        "no limit",
        "checked before each model call",
        GatewayWorker,
    )
    .shown_by("proof::model_calls_keep_to_each_limit"),
    clause(
        "/budgets/time_zone",
        "Where the day of a budget begins",
        "UTC",
        "`TimeZone::day_of`",
        GatewayWorker,
    )
    .shown_by("proof::model_calls_keep_to_each_limit"),
    clause(
        "/budgets/calls_per_task",
        "Model calls in one run",
        "no limit",
        "checked before each model call",
        GatewayWorker,
    )
    .shown_by("proof::model_calls_keep_to_each_limit"),
    clause(
        "/budgets/concurrent_calls",
        "Model calls under way at once",
        "no limit",
        "checked before each model call",
        GatewayWorker,
    )
    .shown_by("proof::model_calls_keep_to_each_limit"),
    clause(
        "/budgets/calls_per_minute",
        "Model calls in any 60 seconds",
        "no limit",
        "checked before each model call",
        GatewayWorker,
    )
    .shown_by("proof::model_calls_keep_to_each_limit"),
    clause(
        "/budgets/max_output_tokens",
        "Most output of one call",
        "the model's own",
        "models.providers.*.models[].maxTokens; written into each call",
        GatewayWorker,
    )
    .shown_by("proof::model_calls_keep_to_each_limit"),
    clause(
        "/budgets/models",
        "Models that may be called",
        "all that the gateway offers",
        "models.providers, agents.defaults.modelPolicy.allow; checked before each call",
        GatewayWorker,
    )
    .shown_by("proof::model_calls_keep_to_each_limit"),
    clause(
        "/budgets/soft_limit_percent",
        "Share of a daily limit from which a warning is raised",
        "no warning",
        "an event of the gateway",
        GatewayWorker,
    )
    .shown_by("proof::model_calls_keep_to_each_limit"),
    clause(
        "/budgets/unpriced_models",
        "What becomes of a call whose price is unknown under a cost limit",
        "refuse",
        "checked before each model call",
        GatewayWorker,
    )
    .shown_by("proof::model_calls_keep_to_each_limit"),
    clause(
        "/budgets/agents/*",
        "Tighter limits of one agent",
        "the gateway's",
        "checked before each model call; models: agents.entries.*.modelPolicy.allow",
        GatewayWorker,
    )
    .shown_by("proof::model_calls_keep_to_each_limit"),
    clause(
        "/budgets/heartbeat",
        "How often agents wake by themselves",
        "never",
        "agents.defaults.heartbeat.every",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/budgets/cron/enabled",
        "Whether jobs run",
        "where agents may run commands",
        "cron.enabled; tools.deny",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/budgets/cron/min_interval",
        "Least time between two runs of a job",
        "any",
        "tedix-init switches jobs off that run more often",
        TedixInit,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/budgets/cron/max_jobs",
        "Most jobs",
        "any number",
        "tedix-init switches the newest off beyond it",
        TedixInit,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/budgets/browser",
        "Whether agents have a browser: the one at browser.internal",
        "no browser",
        "browser.enabled, browser.profiles.gateway.cdpUrl, browser.ssrfPolicy.allowedHostnames; checked before each session",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/budgets/browser/sessions",
        "Browser sessions at once",
        "no limit",
        "checked before each session",
        GatewayWorker,
    )
    .shown_by("models::a_browser_keeps_to_its_sessions_and_minutes"),
    clause(
        "/budgets/browser/sessions_per_day",
        "Browser sessions opened in a day",
        "no limit",
        "checked before each session",
        GatewayWorker,
    )
    .shown_by("models::a_browser_keeps_to_its_sessions_and_minutes"),
    clause(
        "/budgets/browser/minutes_per_day",
        "Minutes a day over all browser sessions",
        "no limit",
        "checked before each session; those that are open when they are used up are closed",
        GatewayWorker,
    )
    .shown_by("models::a_browser_keeps_to_its_sessions_and_minutes"),
    clause(
        "/self_modification/config_keys",
        "Keys of OpenClaw's configuration",
        "proposals wait for review",
        "the ledger of proposals; tools.deny: gateway, openclaw; the file is root's and OPENCLAW_CONFIG_READONLY=1",
        GatewayWorker,
    )
    .shown_by("proof::what_governs_the_policy_itself"),
    clause(
        "/self_modification/skills",
        "Skills that agents write for themselves",
        "off, by hand alone",
        "skills.workshop; tools.deny: skill_workshop when deny; tedix-init puts skills back unless auto",
        OpenclawConfig,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/self_modification/cron",
        "Scheduled jobs",
        "by the tool, where commands may run",
        "the ledger of proposals; tools.deny: automations unless auto; tedix-init takes away what nobody approved",
        TedixInit,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/self_modification/plugins",
        "Plugins",
        "deny",
        "tools.deny: plugins; security.installPolicy, plugins.allow; tedix-init takes planted ones away unless auto",
        TedixInit,
    )
    .shown_by("proof::openclaw_s_tools_follow_each_clause"),
    clause(
        "/self_modification/workspace",
        "Files of the workspace, by path",
        "auto",
        "the ledger of proposals; tedix-init puts back what is changed directly",
        TedixInit,
    )
    .shown_by("proof::closed_files_of_the_workspace_wait_for_a_person"),
    clause(
        "/self_modification/protected_keys",
        "Keys that no proposal may touch",
        "none",
        "the ledger of proposals",
        GatewayWorker,
    )
    .shown_by("proof::what_governs_the_policy_itself"),
    clause(
        "/self_modification/approvers",
        "Who may decide proposals, never their author",
        "operators and admins",
        "the ledger of proposals",
        GatewayWorker,
    )
    .shown_by("proof::what_governs_the_policy_itself"),
    clause(
        "/self_modification/health_window",
        "How long OpenClaw must stay healthy after a change",
        "PT2M",
        "`SelfModification::health_window_seconds`",
        TedixInit,
    )
    .shown_by("proof::a_change_that_harms_is_undone_within_its_window"),
    clause(
        "/self_modification/rollback",
        "Whether a change that harms is undone",
        "true",
        "`SelfModification::rolls_back`",
        TedixInit,
    )
    .shown_by("proof::a_change_that_harms_is_undone_within_its_window"),
    clause(
        "/self_modification/proposals_lapse_after",
        "When an undecided proposal lapses",
        "P7D",
        "`SelfModification::lapse_seconds`",
        DeclaredOnly,
    ),
    clause(
        "/persistence/snapshots/every",
        "Time between two snapshots",
        "PT15M",
        "`snapshots_due_at`, on every tick of the Sandbox object",
        GatewayWorker,
    )
    .shown_by("state::a_destroyed_gateway_comes_back_as_openclaw_knew_it"),
    clause(
        "/persistence/snapshots/keep",
        "How many are kept",
        "30",
        "`Retention::expired`, after every snapshot",
        GatewayWorker,
    )
    .shown_by("state::a_destroyed_gateway_comes_back_as_openclaw_knew_it"),
    clause(
        "/persistence/snapshots/keep_for",
        "For how long they are kept",
        "any time",
        "`Retention::expired`, after every snapshot",
        GatewayWorker,
    ),
    clause(
        "/persistence/sleep_after",
        "How long nobody needs a gateway before it sleeps",
        "never",
        "`tick_sleep`, on every tick of the Sandbox object",
        GatewayWorker,
    )
    .shown_by("sleep::a_gateway_that_nobody_needs_sleeps_until_somebody_comes"),
    clause(
        "/persistence/skill_packs/*",
        "Skills from a repository, at a commit",
        "none",
        "`skills.load.extraDirs`; tedix-init brings the commit",
        TedixInit,
    )
    .shown_by("sources::a_skill_pack_comes_from_its_repository_at_its_commit"),
    clause(
        "/persistence/workspace",
        "Repository and commit that a new workspace begins with",
        "none",
        "tedix-init, before OpenClaw makes the workspace",
        TedixInit,
    ),
    clause(
        "/tests",
        "What must stay true; a save that breaks one is refused",
        "none",
        "`expectations::failures`, on every validate and save",
        GatewayWorker,
    )
    .shown_by("proof::what_governs_the_policy_itself"),
];

const fn clause(
    pointer: &'static str,
    meaning: &'static str,
    default: &'static str,
    compiles_to: &'static str,
    enforcer: Enforcer,
) -> Clause {
    Clause {
        pointer,
        meaning,
        default,
        compiles_to,
        enforcer,
        proof: None,
    }
}

impl Clause {
    const fn shown_by(mut self, proof: &'static str) -> Self {
        self.proof = Some(proof);
        self
    }
}
