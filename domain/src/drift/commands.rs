//! Commands that still run when a stricter policy comes into force.

use std::collections::BTreeSet;

use serde_json::Value;

/// Whether exec approvals let some agent run less than others did: what it started under
/// those is then ended.
///
/// Both are what `exec.approvals.set` takes, see [`crate::policy::exec_approvals`].
#[must_use]
pub fn takes_commands_away(before: &Value, after: &Value) -> bool {
    let agents = |file: &Value| -> BTreeSet<String> {
        let named = file.get("agents").and_then(Value::as_object);
        named
            .into_iter()
            .flat_map(|map| map.keys().cloned())
            .collect()
    };
    let mut names = agents(before);
    names.extend(agents(after));
    let scope = |file: &Value, name: Option<&String>| {
        let own = name.and_then(|name| file.get("agents")?.get(name).cloned());
        own.or_else(|| file.get("defaults").cloned())
            .unwrap_or_default()
    };
    let names = names.iter().map(Some).chain([None]);
    names.into_iter().any(|name| {
        let (before, after) = (scope(before, name), scope(after, name));
        freedom(&after) < freedom(&before)
            || (freedom(&after).0 == LISTED && !patterns(&after).is_superset(&patterns(&before)))
    })
}

/// Rank of a list among what may run.
const LISTED: u8 = 1;

/// What may run, and whether people are asked about the rest; what is not said is free.
fn freedom(scope: &Value) -> (u8, bool) {
    let text = |key| scope.get(key).and_then(Value::as_str);
    let security = match text("security") {
        Some("deny") => 0,
        Some("allowlist") => LISTED,
        _ => 2,
    };
    (
        security,
        security == LISTED && text("ask") == Some("on-miss"),
    )
}

fn patterns(scope: &Value) -> BTreeSet<&str> {
    let list = scope.get("allowlist").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|entry| entry.get("pattern")?.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::{ExecMode, Policy, exec_approvals};

    fn approvals(mode: ExecMode, commands: &[&str]) -> Value {
        let mut policy = Policy::bootstrap(&["ada@example.com".parse().unwrap()]);
        policy.tools.exec.mode = Some(mode);
        policy.tools.exec.allow_commands = commands.iter().map(|c| (*c).to_owned()).collect();
        exec_approvals(&policy, None)
    }

    #[test]
    fn a_stricter_mode_and_a_shorter_list_take_commands_away() {
        use ExecMode::{Allowlist, Ask, Auto, Deny, Full};
        for (before, after, takes) in [
            (Full, Ask, true),
            (Full, Allowlist, true),
            (Ask, Allowlist, true),
            (Ask, Deny, true),
            (Allowlist, Deny, true),
            (Auto, Ask, false),
            (Full, Full, false),
            (Deny, Full, false),
            (Allowlist, Ask, false),
        ] {
            let found = takes_commands_away(&approvals(before, &[]), &approvals(after, &[]));
            assert_eq!(found, takes, "{before:?} to {after:?}");
        }
        let (both, one) = (approvals(Ask, &["git", "ls"]), approvals(Ask, &["git"]));
        assert!(takes_commands_away(&both, &one));
        assert!(!takes_commands_away(&one, &both));
        assert!(!takes_commands_away(
            &approvals(Full, &["git"]),
            &approvals(Full, &[])
        ));
        // A list that takes the place of everything is less, whatever is on it.
        assert!(takes_commands_away(&approvals(Full, &[]), &both));
    }

    #[test]
    fn one_agent_is_enough() {
        let before = json!({"defaults": {"security": "full"}});
        let after =
            json!({"defaults": {"security": "full"}, "agents": {"ops": {"security": "deny"}}});
        assert!(takes_commands_away(&before, &after));
        assert!(!takes_commands_away(&after, &before));
        assert!(!takes_commands_away(&Value::Null, &Value::Null));
    }
}
