//! Changes of the clauses that have no words of their own: compared as JSON, by the
//! table of clauses.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Change, ChangeKind, Direction, kind};
use crate::policy::coverage::clause_of;
use crate::policy::document::Policy;
use crate::policy::validate::step;

/// Pointers that [`super::diff`] puts into words of its own.
const IN_WORDS: [&str; 7] = [
    "/schema",
    "/access/operators",
    "/access/users",
    "/tools/profile",
    "/tools/allow",
    "/tools/deny",
    "/budgets/tokens_per_day",
];

/// The section that gives agents a browser.
const BROWSER: &str = "/budgets/browser";
/// Longest value shown, in characters.
const MAX_SHOWN: usize = 200;

pub(super) fn changes(old: &Policy, new: &Policy) -> Vec<Change> {
    // INVARIANT: a Policy has string keys only, so it always has a JSON form.
    let values = [old, new].map(|policy| serde_json::to_value(policy).unwrap_or_default());
    let mut found = Vec::new();
    let [before, after] = &values;
    walk(Some(before), Some(after), String::new(), &mut found);
    found
}

fn walk(before: Option<&Value>, after: Option<&Value>, pointer: String, found: &mut Vec<Change>) {
    if before == after || IN_WORDS.contains(&pointer.as_str()) {
        return;
    }
    let maps = [before, after].map(|value| value.and_then(Value::as_object));
    // Without the section there is no browser, so its limits alone say nothing.
    if pointer == BROWSER && before.is_some() != after.is_some() {
        found.push(Change {
            direction: if after.is_some() {
                Direction::Loosens
            } else {
                Direction::Tightens
            },
            kind: kind(before.is_some(), after.is_some()),
            before: before.map(shown),
            after: after.map(shown),
            effect: match after {
                Some(_) => "Agents whose tools include it have a browser".to_owned(),
                None => "No agent has a browser any longer".to_owned(),
            },
            pointer,
        });
        return;
    }
    // Objects are gone into, whatever clause they are, so that one field that
    // changes is one change.
    if maps.iter().any(Option::is_some) {
        let keys: BTreeSet<&String> = maps.iter().flatten().flat_map(|map| map.keys()).collect();
        let [before, after] = maps;
        for key in keys {
            let at = |map: Option<&serde_json::Map<String, Value>>| {
                map.and_then(|map| map.get(key)).cloned()
            };
            let (before, after) = (at(before), at(after));
            walk(
                before.as_ref(),
                after.as_ref(),
                format!("{pointer}/{}", step(key)),
                found,
            );
        }
        return;
    }
    if same_set(before, after) {
        return;
    }
    let meaning = clause_of(&pointer).map_or("Another value", |clause| clause.meaning);
    found.push(Change {
        direction: direction(&pointer, before, after),
        kind: kind(before.is_some(), after.is_some()),
        before: before.map(shown),
        after: after.map(shown),
        effect: match kind(before.is_some(), after.is_some()) {
            ChangeKind::Removed => format!("{meaning}: says nothing any longer"),
            ChangeKind::Added | ChangeKind::Changed => meaning.to_owned(),
        },
        pointer,
    });
}

/// Order inside a list carries no meaning.
fn same_set(before: Option<&Value>, after: Option<&Value>) -> bool {
    let texts = |value: Option<&Value>| -> Option<Vec<String>> {
        let mut texts: Vec<String> = value?.as_array()?.iter().map(Value::to_string).collect();
        texts.sort_unstable();
        Some(texts)
    };
    texts(before).is_some_and(|before| Some(before) == texts(after))
}

fn shown(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    if text.chars().count() <= MAX_SHOWN {
        return text;
    }
    let cut: String = text.chars().take(MAX_SHOWN).collect();
    format!("{cut}…")
}

/// Whether a change allows less or more, by the clause: a limit, a scale of
/// words, or a list.
fn direction(pointer: &str, before: Option<&Value>, after: Option<&Value>) -> Direction {
    let last = pointer.rsplit('/').next().unwrap_or_default();
    let more = match last {
        "only" | "egress" | "models" => grows(before, after, true),
        "deny" | "protected_keys" | "tests" => grows(after, before, false),
        "allow" | "allow_commands" | "exceptions" | "groups" | "services" | "answered_by"
        | "targets" | "approvers" => grows(before, after, false),
        "rollback" => after == Some(&Value::Bool(false)),
        // Without a heartbeat agents never wake by themselves.
        "every" if pointer.starts_with("/budgets") => {
            seconds(before).unwrap_or(u64::MAX) > seconds(after).unwrap_or(u64::MAX)
        }
        "min_interval" | "every" | "health_window" | "soft_limit_percent" => {
            seconds(before).unwrap_or(0) > seconds(after).unwrap_or(0)
        }
        "workspace"
            if after.is_some_and(Value::is_array) || before.is_some_and(Value::is_array) =>
        {
            grows(before, after, false)
        }
        "promote" => after == Some(&Value::from("merged")),
        "pull_requests" => after.is_some(),
        // Other code, or other words that agents begin with.
        _ if pointer.starts_with("/persistence/skill_packs/")
            || pointer.starts_with("/persistence/workspace") =>
        {
            true
        }
        _ => rank(after) > rank(before),
    };
    if more {
        Direction::Loosens
    } else {
        Direction::Tightens
    }
}

/// Whether the list after has something that the one before lacks; an absent list
/// means everything (`open`) or nothing.
fn grows(before: Option<&Value>, after: Option<&Value>, open: bool) -> bool {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned();
    match (list(before), list(after)) {
        (None, None) => false,
        (None, Some(after)) => !open && !after.is_empty(),
        (Some(_), None) => open,
        (Some(before), Some(after)) => after.iter().any(|entry| !before.contains(entry)),
    }
}

fn seconds(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    value.as_u64().or_else(|| {
        let duration: crate::policy::IsoDuration = value.as_str()?.parse().ok()?;
        Some(duration.seconds())
    })
}

/// How much a value allows: words from least to most, a limit by its number, no
/// limit above any.
fn rank(value: Option<&Value>) -> u64 {
    const WORDS: [&[&str]; 6] = [
        &["deny", "minimal", "all-sandboxed", "refuse"],
        &[
            "allowlist",
            "review",
            "workspace",
            "messaging",
            "viewer",
            "count",
        ],
        &["ask", "non_main", "coding", "operator"],
        &["auto", "all"],
        &["full", "admin"],
        &["off"],
    ];
    match value {
        None => u64::MAX,
        Some(Value::Bool(allowed)) => u64::from(*allowed),
        Some(Value::Number(number)) => number.as_u64().unwrap_or(0),
        Some(value) => seconds(Some(value)).unwrap_or_else(|| {
            let text = value.as_str().unwrap_or_default();
            let found = WORDS.iter().position(|words| words.contains(&text));
            found.and_then(|at| u64::try_from(at).ok()).unwrap_or(0)
        }),
    }
}
