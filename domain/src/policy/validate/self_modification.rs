//! What agents may change about themselves.

use super::Faults;
use super::access::is_line;
use crate::access::Role;
use crate::policy::document::{Policy, SelfModification};

pub(super) fn check(policy: &Policy, faults: &mut Faults) {
    let rules: &SelfModification = &policy.self_modification;
    let at = "/self_modification";
    let paths: Vec<&str> = rules
        .workspace
        .iter()
        .map(|rule| rule.path.trim_end_matches('/'))
        .collect();
    faults.repeated(&format!("{at}/workspace"), &paths);
    for (index, path) in paths.iter().enumerate() {
        if !is_path(path) {
            let detail = "must be a file or folder in the workspace, without .. and not from /";
            faults.add(format!("{at}/workspace/{index}/path"), detail);
        }
    }
    faults.repeated(&format!("{at}/protected_keys"), &rules.protected_keys);
    for (index, key) in rules.protected_keys.iter().enumerate() {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
        let shaped = key
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(plain));
        if !shaped || key.len() > 200 {
            faults.add(
                format!("{at}/protected_keys/{index}"),
                "must be a key such as gateway or tools.exec",
            );
        }
    }
    faults.repeated(&format!("{at}/approvers"), &rules.approvers);
    for (index, email) in rules.approvers.iter().enumerate() {
        if policy
            .role_of(email)
            .is_none_or(|role| role < Role::Operator)
        {
            let detail = "must be an operator or admin under /access/operators";
            faults.add(format!("{at}/approvers/{index}"), detail);
        }
    }
    let windows = [
        (
            "health_window",
            &rules.health_window,
            10..=3600,
            "PT10S to PT1H",
        ),
        (
            "proposals_lapse_after",
            &rules.proposals_lapse_after,
            3600..=90 * 86_400,
            "PT1H to P90D",
        ),
    ];
    for (field, value, range, named) in windows {
        if value
            .as_ref()
            .is_some_and(|value| !range.contains(&value.seconds()))
        {
            faults.add(format!("{at}/{field}"), format!("must be {named}"));
        }
    }
}

/// A path inside a folder.
pub(super) fn is_path(path: &str) -> bool {
    is_line(path, 200)
        && !path.contains('\\')
        && path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
}
