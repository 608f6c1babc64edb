//! Tools that go away because of a clause that does not name them.

use super::document::{ChangeRule, Policy};
use super::layers::{AgentView, Layer, Sourced};

/// What else leads to a command: `process` types into shells that still run from
/// before; `terminal` shares an operator's shell; `code_execution`, `nodes` and
/// `computer` run code elsewhere; `automations` (alias `cron`) schedules jobs
/// that may carry a command; `plugins` and `openclaw` install code.
pub(super) const LEADS_TO_COMMANDS: &[&str] = &[
    "automations",
    "bash",
    "code_execution",
    "computer",
    "cron",
    "exec",
    "nodes",
    "openclaw",
    "plugins",
    "process",
    "terminal",
];

/// Tools that a clause takes away without naming them, and that clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Closure {
    /// Names and aliases.
    pub(super) tools: &'static [&'static str],
    /// Why.
    pub(super) reason: Sourced<()>,
}

/// Every closure for an agent.
pub(super) fn closures(policy: &Policy, view: &AgentView) -> Vec<Closure> {
    let gateway = |tools, clause: &str| Closure {
        tools,
        reason: Sourced {
            value: (),
            layer: Layer::Gateway,
            clause: clause.to_owned(),
        },
    };
    let mut found = Vec::new();
    if !view.may_run_commands() {
        found.push(Closure {
            tools: LEADS_TO_COMMANDS,
            reason: view.exec.reason(),
        });
    }
    if !view.subagents.value {
        found.push(Closure {
            tools: &["sessions_spawn", "subagents"],
            reason: view.subagents.reason(),
        });
    }
    let rules = &policy.self_modification;
    // What needs a review goes through the ledger: the tool would go past it.
    let past_the_ledger =
        |rule: Option<ChangeRule>| matches!(rule, Some(ChangeRule::Deny | ChangeRule::Review));
    if past_the_ledger(rules.config_keys) {
        found.push(gateway(
            &["gateway", "openclaw"],
            "/self_modification/config_keys",
        ));
    }
    if rules.skills == Some(ChangeRule::Deny) {
        found.push(gateway(&["skill_workshop"], "/self_modification/skills"));
    }
    if past_the_ledger(rules.cron) {
        found.push(gateway(&["automations", "cron"], "/self_modification/cron"));
    }
    if past_the_ledger(rules.plugins) {
        found.push(gateway(&["plugins"], "/self_modification/plugins"));
    }
    if policy.budgets.cron.enabled == Some(false) {
        found.push(gateway(&["automations", "cron"], "/budgets/cron/enabled"));
    }
    found
}
