//! Whether agents may run commands.

use crate::policy::document::{ExecMode, ToolPolicy};

/// Whether agents that the document does not name may run shell commands.
#[must_use]
pub fn may_run_commands(tools: &ToolPolicy) -> bool {
    let covers = |gives: fn(&str, &str) -> bool, list: &[crate::policy::tools::ToolPattern]| {
        list.iter().any(|pattern| gives(pattern.as_str(), "exec"))
    };
    let given = crate::policy::catalog::profile_has(tools.profile, "exec")
        || covers(crate::policy::catalog::gives, &tools.allow);
    given
        && !covers(crate::policy::catalog::takes_away, &tools.deny)
        && tools.exec.mode != Some(ExecMode::Deny)
}

#[cfg(test)]
mod tests {
    use super::may_run_commands;
    use crate::policy::document::{ToolPolicy, ToolProfile};

    fn policy(profile: ToolProfile, allow: &[&str], deny: &[&str]) -> ToolPolicy {
        let patterns = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        ToolPolicy {
            profile,
            allow: patterns(allow),
            deny: patterns(deny),
            ..ToolPolicy::default()
        }
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
