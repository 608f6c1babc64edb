//! What is allowed and yet deserves a second look.

use super::document::{ExecMode, Policy};
use super::layers::agent_view;
use crate::problem::FieldError;

/// Warnings, with pointers: the document can be saved all the same.
#[must_use]
pub fn warnings(policy: &Policy) -> Vec<FieldError> {
    let mut found = Vec::new();
    let named = policy.tools.agents.keys().map(|agent| agent.as_str());
    let asks = |agent: &str| {
        matches!(
            agent_view(policy, agent).exec.value,
            ExecMode::Ask | ExecMode::Auto
        )
    };
    if named.chain([""]).any(asks) && policy.access.approvals.targets.is_empty() {
        let detail = "nobody is asked on any channel, so a command waits until somebody opens \
                      OpenClaw's own page, and is then refused; name a target";
        found.push(FieldError::new("/access/approvals/targets", detail));
    }
    if policy.budgets.heartbeat.is_some() && !super::compile::runs_jobs(policy) {
        let detail = "OpenClaw wakes agents by its scheduler, which is off here: say \
                      budgets.cron.enabled, and let an agent run commands, or take the heartbeat \
                      away";
        found.push(FieldError::new("/budgets/heartbeat", detail));
    }
    if policy
        .tools
        .egress
        .as_ref()
        .is_some_and(|hosts| !hosts.is_empty())
    {
        let detail = "nothing opens these hosts yet: the container reaches only the gateway's own, \
                      whatever is listed";
        found.push(FieldError::new("/tools/egress", detail));
    }
    if policy.access.approvals.timeout.is_some() {
        let detail = "OpenClaw waits half an hour, whatever is said here: it has no key for it";
        found.push(FieldError::new("/access/approvals/timeout", detail));
    }
    for (id, channel) in &policy.tools.channels {
        let can = super::compile::enforced(id.as_str());
        let everybody = channel.only.is_some() || !channel.deny.is_empty();
        if (everybody && !can.direct) || (!channel.groups.is_empty() && !can.groups) {
            let detail = "OpenClaw has no rule for all of this channel, so parts of it are declared \
                          only; rules for senders hold";
            found.push(FieldError::new(format!("/tools/channels/{id}"), detail));
        }
    }
    for (index, exception) in policy.tools.exceptions.iter().enumerate() {
        let loosens = super::exceptions::loosenings(policy);
        if !loosens
            .iter()
            .any(|loosening| loosening.clause == exception.clause)
        {
            let detail = format!(
                "{} gives no agent more, so it needs no exception",
                exception.clause
            );
            found.push(FieldError::new(
                format!("/tools/exceptions/{index}"),
                detail,
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::warnings;
    use crate::policy::samples;

    #[test]
    fn a_heartbeat_that_never_comes_is_said() {
        let mut policy = samples::full();
        let said = |policy: &crate::policy::Policy| {
            warnings(policy)
                .iter()
                .any(|fault| fault.pointer == "/budgets/heartbeat")
        };
        assert!(!said(&policy));
        policy.budgets.cron.enabled = Some(false);
        assert!(said(&policy));
        policy.budgets.heartbeat = None;
        assert!(!said(&policy));
        let mut company = samples::full();
        company.tools.deny = vec!["exec".parse().unwrap()];
        company.budgets.cron.enabled = Some(true);
        assert!(said(&company), "the scheduler is off where no commands run");
    }

    #[test]
    fn approvals_that_reach_nobody_are_said() {
        let mut policy = samples::full();
        let at = |policy: &crate::policy::Policy| -> Vec<String> {
            warnings(policy)
                .into_iter()
                .map(|fault| fault.pointer)
                .collect()
        };
        policy.tools.egress = None;
        policy.access.approvals.timeout = None;
        assert_eq!(at(&policy), ["/tools/channels/slack"]);
        policy.access.approvals.targets.clear();
        policy.tools.agents.clear();
        let expected = [
            "/access/approvals/targets",
            "/tools/channels/slack",
            "/tools/exceptions/0",
            "/tools/exceptions/1",
        ];
        assert_eq!(at(&policy), expected);
    }
}
