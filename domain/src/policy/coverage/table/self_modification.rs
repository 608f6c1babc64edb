//! What agents may change about themselves.

use super::clause;
use crate::policy::coverage::Clause;
use crate::policy::coverage::Enforcer::{DeclaredOnly, GatewayWorker, OpenclawConfig, TedixInit};

pub(super) const CLAUSES: &[Clause] = &[
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
];
