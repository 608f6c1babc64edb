//! The format itself, and who may do what.

use super::clause;
use crate::policy::coverage::Clause;
use crate::policy::coverage::Enforcer::{DeclaredOnly, GatewayWorker, OpenclawConfig, TedixInit};

pub(super) const CLAUSES: &[Clause] = &[
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
];
