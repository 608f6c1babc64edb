//! What the policy says beside what OpenClaw itself reports.

use domain::policy::Policy;
use serde_json::Value;

/// One clause on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// What the form calls it.
    pub(crate) clause: &'static str,
    /// Where OpenClaw reports it.
    pub(crate) path: &'static str,
    /// What the policy says.
    pub(crate) declared: Vec<String>,
    /// What OpenClaw reports; none when it reports nothing there.
    pub(crate) reported: Option<Vec<String>>,
    /// How the two stand to each other.
    pub(crate) verdict: Verdict,
}

/// How the two sides stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// OpenClaw reports what the policy says.
    Same,
    /// OpenClaw reports all of it and more, which limits agents further.
    Stricter,
    /// They differ.
    Differs,
}

/// The clauses that OpenClaw can report on.
pub(crate) fn rows(policy: &Policy, config: &Value) -> Vec<Row> {
    let tools = config.get("tools");
    let profile = text(tools.and_then(|tools| tools.get("profile"))).map(|one| vec![one]);
    let allow = ["alsoAllow", "allow"]
        .into_iter()
        .find_map(|key| list(tools.and_then(|tools| tools.get(key))));
    let deny = list(tools.and_then(|tools| tools.get("deny")));
    let names = |patterns: &[domain::policy::tools::ToolPattern]| {
        patterns.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    vec![
        row(
            "Tool profile",
            "tools.profile",
            vec![policy.tools.profile.to_string()],
            profile,
            false,
        ),
        row(
            "Also allowed",
            "tools.alsoAllow",
            names(&policy.tools.allow),
            allow,
            false,
        ),
        row(
            "Denied",
            "tools.deny",
            names(&policy.tools.deny),
            deny,
            true,
        ),
    ]
}

/// Whether any clause differs.
pub(crate) fn drifted(rows: &[Row]) -> bool {
    rows.iter().any(|row| row.verdict == Verdict::Differs)
}

fn row(
    clause: &'static str,
    path: &'static str,
    declared: Vec<String>,
    reported: Option<Vec<String>>,
    more_is_stricter: bool,
) -> Row {
    let seen = reported.clone().unwrap_or_default();
    let missing = declared.iter().any(|entry| !seen.contains(entry));
    let extra = seen.iter().any(|entry| !declared.contains(entry));
    let verdict = match (missing, extra) {
        (false, false) => Verdict::Same,
        (false, true) if more_is_stricter => Verdict::Stricter,
        _ => Verdict::Differs,
    };
    Row {
        clause,
        path,
        declared,
        reported,
        verdict,
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value?.as_str().map(str::to_owned)
}

fn list(value: Option<&Value>) -> Option<Vec<String>> {
    let items = value?.as_array()?;
    Some(
        items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::{Verdict, drifted, rows};
    use domain::policy::Policy;
    use serde_json::json;

    fn policy() -> Policy {
        let mut policy = Policy::bootstrap(&["ada@example.com".parse().expect("address")]);
        policy.tools.deny.push("exec".parse().expect("tool"));
        policy
    }

    #[test]
    fn the_same_on_both_sides_is_no_drift() {
        let config = json!({"tools": {"profile": "coding", "deny": ["exec"]}});
        assert!(!drifted(&rows(&policy(), &config)));
    }

    #[test]
    fn more_denied_than_declared_is_stricter_and_less_differs() {
        let more = rows(
            &policy(),
            &json!({"tools": {"profile": "coding", "deny": ["gateway", "exec"]}}),
        );
        assert_eq!(more[2].verdict, Verdict::Stricter);
        let less = rows(
            &policy(),
            &json!({"tools": {"profile": "coding", "deny": []}}),
        );
        assert_eq!(less[2].verdict, Verdict::Differs);
    }

    #[test]
    fn a_report_of_another_shape_differs_and_does_not_break() {
        for odd in [
            json!(null),
            json!([]),
            json!({"tools": 3}),
            json!({"tools": {"profile": 1, "deny": "exec"}}),
        ] {
            let rows = rows(&policy(), &odd);
            assert!(drifted(&rows), "{odd}");
            assert_eq!(rows[2].reported, None);
        }
    }
}
