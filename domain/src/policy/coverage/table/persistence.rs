//! What is kept, and what must stay true.

use super::clause;
use crate::policy::coverage::Clause;
use crate::policy::coverage::Enforcer::{GatewayWorker, TedixInit};

pub(super) const CLAUSES: &[Clause] = &[
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
