//! What may be spent.

use super::clause;
use crate::policy::coverage::Clause;
use crate::policy::coverage::Enforcer::{GatewayWorker, OpenclawConfig, TedixInit};

pub(super) const CLAUSES: &[Clause] = &[
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
];
