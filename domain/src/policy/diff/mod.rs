//! What would change between two documents, clause by clause.

mod clauses;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::document::{Policy, ToolProfile};
use super::tools::ToolPattern;
use crate::access::Role;

/// One clause that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// JSON pointer to the clause in the document.
    pub pointer: String,
    /// What kind of change it is.
    pub kind: ChangeKind,
    /// The clause before, as people read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The clause after, as people read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whether it allows less or more than before.
    pub direction: Direction,
    /// What it does, in one sentence.
    pub effect: String,
}

/// Whether a clause appears, disappears or changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// New.
    Added,
    /// Gone.
    Removed,
    /// Another value.
    Changed,
}

/// Whether a change allows less or more than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Allows less.
    Tightens,
    /// Allows more.
    Loosens,
}

/// Changes from `old` to `new`: people, tools and the token budget in words, then
/// every other clause; empty when they say the same.
///
/// Order inside a list carries no meaning, so it is not a change.
#[must_use]
pub fn diff(old: &Policy, new: &Policy) -> Vec<Change> {
    let mut changes = people(old, new);
    profile(&mut changes, old.tools.profile, new.tools.profile);
    let lists = [
        (
            "/tools/allow",
            &old.tools.allow,
            &new.tools.allow,
            Direction::Loosens,
        ),
        (
            "/tools/deny",
            &old.tools.deny,
            &new.tools.deny,
            Direction::Tightens,
        ),
    ];
    for (pointer, before, after, direction) in lists {
        patterns(&mut changes, pointer, before, after, direction);
    }
    budget(
        &mut changes,
        old.budgets.tokens_per_day,
        new.budgets.tokens_per_day,
    );
    changes.extend(clauses::changes(old, new));
    changes
}

fn roles(policy: &Policy) -> BTreeMap<&str, Role> {
    let operators = policy
        .access
        .operators
        .iter()
        .map(|entry| (entry.email.as_str(), entry.role));
    let users = policy
        .access
        .users
        .iter()
        .map(|email| (email.as_str(), Role::User));
    operators.chain(users).collect()
}

fn people(old: &Policy, new: &Policy) -> Vec<Change> {
    let (before, after) = (roles(old), roles(new));
    let mut names: Vec<_> = before.keys().chain(after.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let change = |email: &str| {
        let (was, is) = (before.get(email).copied(), after.get(email).copied());
        if was == is {
            return None;
        }
        let list = |role: Role| {
            if role == Role::User {
                "users"
            } else {
                "operators"
            }
        };
        let effect = match (was, is) {
            (_, None) => format!("{email} can no longer use or administer this gateway"),
            (None, Some(role)) => format!("{email} may {}", role.may()),
            (Some(_), Some(role)) => format!("{email} now may {}", role.may()),
        };
        Some(Change {
            pointer: format!("/access/{}/{email}", list(is.or(was).unwrap_or(Role::User))),
            kind: kind(was.is_some(), is.is_some()),
            before: was.map(|role| role.to_string()),
            after: is.map(|role| role.to_string()),
            // No role orders below every role.
            direction: if is > was {
                Direction::Loosens
            } else {
                Direction::Tightens
            },
            effect,
        })
    };
    names.into_iter().filter_map(change).collect()
}

fn profile(changes: &mut Vec<Change>, was: ToolProfile, is: ToolProfile) {
    if was != is {
        changes.push(Change {
            pointer: "/tools/profile".to_owned(),
            kind: ChangeKind::Changed,
            before: Some(was.to_string()),
            after: Some(is.to_string()),
            direction: if is > was {
                Direction::Loosens
            } else {
                Direction::Tightens
            },
            effect: format!("Agents start from OpenClaw's {is} tools instead of its {was} tools"),
        });
    }
}

fn patterns(
    changes: &mut Vec<Change>,
    pointer: &str,
    was: &[ToolPattern],
    is: &[ToolPattern],
    adding: Direction,
) {
    let removing = match adding {
        Direction::Tightens => Direction::Loosens,
        Direction::Loosens => Direction::Tightens,
    };
    for pattern in is.iter().filter(|pattern| !was.contains(pattern)) {
        changes.push(Change {
            pointer: pointer.to_owned(),
            kind: ChangeKind::Added,
            before: None,
            after: Some(pattern.to_string()),
            direction: adding,
            effect: match adding {
                Direction::Tightens => {
                    format!("No agent may use {pattern}, whatever else allows it")
                }
                Direction::Loosens => format!("Agents may use {pattern} besides their profile"),
            },
        });
    }
    for pattern in was.iter().filter(|pattern| !is.contains(pattern)) {
        changes.push(Change {
            pointer: pointer.to_owned(),
            kind: ChangeKind::Removed,
            before: Some(pattern.to_string()),
            after: None,
            direction: removing,
            effect: match adding {
                Direction::Tightens => format!("{pattern} is denied no longer"),
                Direction::Loosens => format!("{pattern} is allowed only where the profile has it"),
            },
        });
    }
}

fn budget(changes: &mut Vec<Change>, was: Option<u64>, is: Option<u64>) {
    if was == is {
        return;
    }
    let amount = |tokens: u64| format!("{tokens} tokens a day");
    changes.push(Change {
        pointer: "/budgets/tokens_per_day".to_owned(),
        kind: kind(was.is_some(), is.is_some()),
        before: was.map(amount),
        after: is.map(amount),
        direction: match (was, is) {
            (_, None) => Direction::Loosens,
            (Some(was), Some(is)) if is > was => Direction::Loosens,
            _ => Direction::Tightens,
        },
        effect: is.map_or_else(
            || "Model calls are counted and never refused".to_owned(),
            |tokens| format!("Model calls are refused once {} are used", amount(tokens)),
        ),
    });
}

fn kind(was: bool, is: bool) -> ChangeKind {
    match (was, is) {
        (false, _) => ChangeKind::Added,
        (true, false) => ChangeKind::Removed,
        (true, true) => ChangeKind::Changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Policy {
        Policy::bootstrap(&["ada@example.com".parse().expect("address")])
    }

    #[test]
    fn the_same_document_in_another_order_has_no_changes() {
        let mut old = base();
        old.tools.deny = vec![
            "exec".parse().expect("tool"),
            "write".parse().expect("tool"),
        ];
        let mut new = old.clone();
        new.tools.deny.reverse();
        assert_eq!(diff(&old, &new), []);
    }

    #[test]
    fn denying_a_tool_tightens_and_lifting_it_loosens() {
        let (old, mut new) = (base(), base());
        new.tools.deny.push("exec".parse().expect("tool"));
        let there = diff(&old, &new);
        let back = diff(&new, &old);
        assert_eq!(there.len(), 1);
        assert_eq!(there[0].direction, Direction::Tightens);
        assert_eq!(there[0].kind, ChangeKind::Added);
        assert_eq!(back[0].direction, Direction::Loosens);
        assert_eq!(back[0].kind, ChangeKind::Removed);
    }

    #[test]
    fn lifting_a_budget_loosens() {
        let (old, mut new) = (base(), base());
        new.budgets.tokens_per_day = None;
        assert_eq!(diff(&old, &new)[0].direction, Direction::Loosens);
        assert_eq!(diff(&new, &old)[0].direction, Direction::Tightens);
    }

    #[test]
    fn a_person_who_is_promoted_may_do_more() {
        let mut old = base();
        old.access
            .users
            .push("bob@example.com".parse().expect("address"));
        let mut new = base();
        new.access
            .operators
            .push(super::super::document::OperatorEntry {
                email: "bob@example.com".parse().expect("address"),
                role: Role::Operator,
            });
        let changes = diff(&old, &new);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].kind, ChangeKind::Changed);
        assert_eq!(changes[0].direction, Direction::Loosens);
    }

    #[test]
    fn every_clause_that_changes_is_there_with_its_direction() {
        use crate::policy::samples;
        let change = |edit: fn(&mut Policy)| {
            let (old, mut new) = (samples::full(), samples::full());
            edit(&mut new);
            let there: Vec<_> = diff(&old, &new)
                .into_iter()
                .map(|change| (change.pointer, change.direction))
                .collect();
            assert_eq!(there.len(), 1, "{there:?}");
            there[0].clone()
        };
        use Direction::{Loosens, Tightens};
        type Case = (fn(&mut Policy), &'static str, Direction);
        let cases: [Case; 9] = [
            (
                |new| new.tools.exec.mode = Some(crate::policy::ExecMode::Full),
                "/tools/exec/mode",
                Loosens,
            ),
            (
                |new| new.tools.egress = Some(vec![]),
                "/tools/egress",
                Tightens,
            ),
            (|new| new.tools.egress = None, "/tools/egress", Loosens),
            (
                |new| new.budgets.calls_per_minute = Some(10),
                "/budgets/calls_per_minute",
                Tightens,
            ),
            (
                |new| new.budgets.cost_per_day_micro_usd = None,
                "/budgets/cost_per_day_micro_usd",
                Loosens,
            ),
            (
                |new| new.budgets.heartbeat = None,
                "/budgets/heartbeat/every",
                Tightens,
            ),
            (
                |new| new.self_modification.rollback = Some(false),
                "/self_modification/rollback",
                Loosens,
            ),
            (
                |new| new.tools.exceptions.truncate(1),
                "/tools/exceptions",
                Tightens,
            ),
            (|new| new.tests.clear(), "/tests", Loosens),
        ];
        for (edit, pointer, direction) in cases {
            assert_eq!(change(edit), (pointer.to_owned(), direction));
        }
    }
}
