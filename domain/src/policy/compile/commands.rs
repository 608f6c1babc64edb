//! Tools, and what else has to go when agents may not run commands.

use serde_json::{Value, json};

use crate::policy::document::{ToolPolicy, ToolProfile};

/// Names under which OpenClaw runs a shell command for an agent, and the group they are in.
const EXEC: [&str; 3] = ["exec", "bash", "group:runtime"];

/// What else leads to a command: `process` types into shells that still run from
/// before; `terminal` shares an operator's shell; `code_execution`, `nodes` and
/// `computer` run code elsewhere; `automations` (alias `cron`) schedules jobs
/// that may carry a command; `plugins` and `openclaw` install code.
const LEADS_TO_COMMANDS: [&str; 11] = [
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

/// Whether agents may run shell commands under a tool policy.
#[must_use]
pub fn may_run_commands(tools: &ToolPolicy) -> bool {
    let in_profile = matches!(tools.profile, ToolProfile::Coding | ToolProfile::Full);
    let covers_exec = |pattern: &str| EXEC.iter().any(|name| matches(pattern, name));
    let allowed = in_profile
        || tools
            .allow
            .iter()
            .any(|pattern| covers_exec(pattern.as_str()));
    allowed
        && !tools
            .deny
            .iter()
            .any(|pattern| covers_exec(pattern.as_str()))
}

/// The `tools` section.
pub(super) fn tools(policy: &ToolPolicy) -> Value {
    let commands = may_run_commands(policy);
    let mut deny: Vec<&str> = policy.deny.iter().map(|pattern| pattern.as_str()).collect();
    if !commands {
        deny.extend(LEADS_TO_COMMANDS);
    }
    deny.sort_unstable();
    deny.dedup();
    let allow: Vec<&str> = policy
        .allow
        .iter()
        .map(|pattern| pattern.as_str())
        .collect();
    let mut section = json!({
        "profile": policy.profile.as_str(),
        "deny": deny,
        "elevated": { "enabled": false },
        "exec": {
            // The second lock, for what runs commands without being a tool.
            "mode": if commands { "full" } else { "deny" },
            // Otherwise each background command that ends costs a model call.
            "notifyOnExit": false,
        },
        // Or `read` reaches OpenClaw's environment and databases.
        "fs": { "workspaceOnly": true },
    });
    if let (false, Some(map)) = (allow.is_empty(), section.as_object_mut()) {
        map.insert("alsoAllow".to_owned(), json!(allow));
    }
    section
}

/// Whether a pattern with `*` for any run of characters matches a name.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| rest.get(at..).is_some_and(|rest| matches(tail, rest)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{matches, may_run_commands};
    use crate::policy::document::{ToolPolicy, ToolProfile};

    fn policy(profile: ToolProfile, allow: &[&str], deny: &[&str]) -> ToolPolicy {
        let patterns = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        ToolPolicy {
            profile,
            allow: patterns(allow),
            deny: patterns(deny),
        }
    }

    #[test]
    fn globs_match_like_openclaws() {
        assert!(matches("exec", "exec") && matches("e*c", "exec") && matches("*", "exec"));
        assert!(matches("ex*", "exec") && matches("*xe*", "exec") && matches("exec*", "exec"));
        assert!(!matches("exe", "exec") && !matches("e*d", "exec") && !matches("", "exec"));
    }

    #[test]
    fn a_denial_wins_however_it_is_written() {
        for deny in ["exec", "bash", "group:runtime", "*", "ex*", "EXEC"] {
            assert!(
                !may_run_commands(&policy(ToolProfile::Full, &["exec"], &[deny])),
                "{deny}"
            );
        }
        assert!(may_run_commands(&policy(
            ToolProfile::Coding,
            &[],
            &["process", "web_*"]
        )));
    }

    #[test]
    fn narrow_profiles_run_commands_only_when_told_to() {
        for profile in [ToolProfile::Minimal, ToolProfile::Messaging] {
            assert!(!may_run_commands(&policy(profile, &["read"], &[])));
            for allow in ["exec", "bash", "group:runtime", "*", "e*"] {
                assert!(may_run_commands(&policy(profile, &[allow], &[])), "{allow}");
            }
        }
    }
}
