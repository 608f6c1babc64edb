//! Two edits of the same version: what each changed, and one put onto the other.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::Role;
use serde_json::{Map, Value};

use super::document::compact;
use super::draft::{OperatorRow, PolicyDraft};

/// A field as the comparison names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    /// Operators and their roles.
    Operators,
    /// People who only use it.
    Users,
    /// The tool profile.
    Profile,
    /// Patterns added.
    Allow,
    /// Patterns taken away.
    Deny,
    /// The daily budget.
    Tokens,
    /// Every clause that the form does not show.
    Rest,
}

impl Field {
    /// Every field, in the order of the form.
    pub(crate) const ALL: [Self; 7] = [
        Self::Operators,
        Self::Users,
        Self::Profile,
        Self::Allow,
        Self::Deny,
        Self::Tokens,
        Self::Rest,
    ];

    /// What the form calls it.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Operators => "Operators",
            Self::Users => "Users",
            Self::Profile => "Tool profile",
            Self::Allow => "Also allowed",
            Self::Deny => "Denied",
            Self::Tokens => "Tokens per day",
            Self::Rest => "Other clauses",
        }
    }

    /// The field's entries as people read them; one entry for a single value.
    pub(crate) fn entries(self, draft: &PolicyDraft) -> Vec<String> {
        match self {
            Self::Operators => draft
                .operators
                .iter()
                .map(|row| format!("{} ({})", row.email, row.role))
                .collect(),
            Self::Users => draft.users.clone(),
            Self::Profile => vec![draft.profile.to_string()],
            Self::Allow => draft.allow.clone(),
            Self::Deny => draft.deny.clone(),
            Self::Tokens => vec![match super::draft::parse_tokens(&draft.tokens_per_day) {
                Ok(None) => "no limit".to_owned(),
                Ok(Some(tokens)) => crate::ui::text::count(tokens),
                Err(_) => draft.tokens_per_day.clone(),
            }],
            Self::Rest => {
                let mut found = Vec::new();
                leaves(&draft.rest, "", &mut found);
                found
            }
        }
    }
}

/// Who changed a field since the version both began from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangedBy {
    /// The version saved meanwhile.
    Theirs,
    /// The edit in this form.
    Mine,
    /// Both, to the same.
    BothAlike,
    /// Both, differently.
    Both,
}

/// An entry and how it stands to the version both began from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// As people read it.
    pub(crate) text: String,
    /// Kept, added or removed.
    pub(crate) mark: Mark,
}

/// How an entry stands to the version both began from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// In both.
    Kept,
    /// New.
    Added,
    /// Gone.
    Removed,
}

/// One field side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// Which field.
    pub(crate) field: Field,
    /// Who changed it.
    pub(crate) by: ChangedBy,
    /// The version saved meanwhile.
    pub(crate) theirs: Vec<Entry>,
    /// The edit in this form.
    pub(crate) mine: Vec<Entry>,
    /// What the field becomes when the edit is put onto that version.
    pub(crate) rebased: Vec<String>,
}

/// Fields that either side changed since `base`.
pub(crate) fn compare(
    base: &PolicyDraft,
    theirs: &PolicyDraft,
    mine: &PolicyDraft,
) -> Vec<Comparison> {
    let rebased = rebase(base, theirs, mine);
    let compared = |field: Field| {
        let was = field.entries(base);
        let (their, my) = (field.entries(theirs), field.entries(mine));
        let by = match (same(&was, &their), same(&was, &my)) {
            (true, true) => return None,
            (false, true) => ChangedBy::Theirs,
            (true, false) => ChangedBy::Mine,
            (false, false) if same(&their, &my) => ChangedBy::BothAlike,
            (false, false) => ChangedBy::Both,
        };
        let mut compared = Comparison {
            field,
            by,
            theirs: marked(&was, &their),
            mine: marked(&was, &my),
            rebased: field.entries(&rebased),
        };
        if field == Field::Rest {
            // A whole document: what nobody touched would hide what somebody did.
            let changed =
                |text: &String| !(was.contains(text) && their.contains(text) && my.contains(text));
            compared.theirs.retain(|entry| changed(&entry.text));
            compared.mine.retain(|entry| changed(&entry.text));
            compared.rebased.retain(changed);
        }
        Some(compared)
    };
    Field::ALL.into_iter().filter_map(compared).collect()
}

/// Puts the edit from `base` to `mine` onto `theirs`. Lists merge entry by entry;
/// of a single value that both changed, mine stays.
pub(crate) fn rebase(base: &PolicyDraft, theirs: &PolicyDraft, mine: &PolicyDraft) -> PolicyDraft {
    PolicyDraft {
        operators: rebase_operators(&base.operators, &theirs.operators, &mine.operators),
        users: rebase_list(&base.users, &theirs.users, &mine.users),
        profile: if mine.profile == base.profile {
            theirs.profile
        } else {
            mine.profile
        },
        allow: rebase_list(&base.allow, &theirs.allow, &mine.allow),
        deny: rebase_list(&base.deny, &theirs.deny, &mine.deny),
        tokens_per_day: if mine.tokens_per_day == base.tokens_per_day {
            theirs.tokens_per_day.clone()
        } else {
            mine.tokens_per_day.clone()
        },
        rest: rebase_value(&base.rest, &theirs.rest, &mine.rest),
    }
}

fn rebase_list<T: Clone + PartialEq>(base: &[T], theirs: &[T], mine: &[T]) -> Vec<T> {
    let removed = |entry: &&T| base.contains(entry) && !mine.contains(entry);
    let added = mine
        .iter()
        .filter(|entry| !base.contains(entry) && !theirs.contains(entry));
    theirs
        .iter()
        .filter(|entry| !removed(entry))
        .chain(added)
        .cloned()
        .collect()
}

/// Clauses merge key by key and lists entry by entry; of what both changed, mine stays.
fn rebase_value(base: &Value, theirs: &Value, mine: &Value) -> Value {
    if mine == base {
        return theirs.clone();
    }
    if theirs == base {
        return mine.clone();
    }
    let empty = Map::new();
    let fields = |value: &'_ Value| value.as_object().cloned();
    match (fields(theirs), fields(mine)) {
        (Some(their), Some(my)) => {
            let was = base.as_object().unwrap_or(&empty);
            let keys: BTreeSet<&String> = their.keys().chain(my.keys()).collect();
            let merged = keys.into_iter().filter_map(|key| {
                let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                let value = rebase_value(&of(was), &of(&their), &of(&my));
                (!value.is_null()).then(|| (key.clone(), value))
            });
            Value::Object(merged.collect())
        }
        _ => match (base.as_array(), theirs.as_array(), mine.as_array()) {
            (Some(base), Some(theirs), Some(mine)) => Value::Array(rebase_list(base, theirs, mine)),
            _ => mine.clone(),
        },
    }
}

/// Every value of a document with its pointer; entries of lists without their place.
fn leaves(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (key, value) in map {
                leaves(value, &format!("{pointer}/{key}"), found);
            }
        }
        Value::Array(list) => {
            found.extend(
                list.iter()
                    .map(|entry| format!("{pointer}: {}", compact(entry))),
            );
        }
        other => found.push(format!("{pointer}: {}", compact(other))),
    }
}

fn rebase_operators(
    base: &[OperatorRow],
    theirs: &[OperatorRow],
    mine: &[OperatorRow],
) -> Vec<OperatorRow> {
    let by_email = |rows: &[OperatorRow]| -> BTreeMap<String, Role> {
        rows.iter()
            .map(|row| (row.email.clone(), row.role))
            .collect()
    };
    let (was, their, my) = (by_email(base), by_email(theirs), by_email(mine));
    let mut rows = Vec::new();
    for row in theirs {
        match (was.get(&row.email), my.get(&row.email)) {
            // Removed here.
            (Some(_), None) => {}
            // Changed or added here as well: this edit stays.
            (before, Some(role)) if before != Some(role) => {
                rows.push(OperatorRow {
                    email: row.email.clone(),
                    role: *role,
                });
            }
            _ => rows.push(row.clone()),
        }
    }
    let mine_only = mine
        .iter()
        .filter(|row| !their.contains_key(&row.email) && was.get(&row.email) != Some(&row.role));
    rows.extend(mine_only.cloned());
    rows
}

fn same(a: &[String], b: &[String]) -> bool {
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort_unstable();
        list
    };
    sorted(a) == sorted(b)
}

fn marked(was: &[String], is: &[String]) -> Vec<Entry> {
    let mark = |text: &String| Entry {
        text: text.clone(),
        mark: if was.contains(text) {
            Mark::Kept
        } else {
            Mark::Added
        },
    };
    let gone = was.iter().filter(|text| !is.contains(text));
    is.iter()
        .map(mark)
        .chain(gone.map(|text| Entry {
            text: text.clone(),
            mark: Mark::Removed,
        }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{ChangedBy, Field, Mark, compare, rebase};
    use crate::forms::policy::draft::{OperatorRow, PolicyDraft};
    use domain::access::Role;
    use domain::policy::{Policy, ToolProfile};
    use serde_json::json;

    fn base() -> PolicyDraft {
        let policy = Policy::bootstrap(&["ada@example.com".parse().expect("address")]);
        let mut draft = PolicyDraft::from_policy(&policy);
        draft.deny = vec!["browser".to_owned(), "cron".to_owned()];
        draft
    }

    fn row(email: &str, role: Role) -> OperatorRow {
        OperatorRow {
            email: email.to_owned(),
            role,
        }
    }

    #[test]
    fn edits_of_different_fields_meet_without_loss() {
        let (mut theirs, mut mine) = (base(), base());
        theirs.tokens_per_day = "500".to_owned();
        mine.deny.push("exec".to_owned());
        let both = rebase(&base(), &theirs, &mine);
        assert_eq!(both.tokens_per_day, "500");
        assert_eq!(both.deny, ["browser", "cron", "exec"]);
    }

    #[test]
    fn lists_merge_entry_by_entry() {
        let (mut theirs, mut mine) = (base(), base());
        theirs.deny = vec!["cron".to_owned(), "web_*".to_owned()];
        mine.deny = vec!["browser".to_owned(), "exec".to_owned()];
        assert_eq!(rebase(&base(), &theirs, &mine).deny, ["web_*", "exec"]);
    }

    #[test]
    fn a_value_that_both_changed_stays_mine_and_is_said() {
        let (mut theirs, mut mine) = (base(), base());
        theirs.profile = ToolProfile::Minimal;
        mine.profile = ToolProfile::Full;
        assert_eq!(rebase(&base(), &theirs, &mine).profile, ToolProfile::Full);
        let compared = compare(&base(), &theirs, &mine);
        assert_eq!(compared.len(), 1);
        assert_eq!(
            (compared[0].field, compared[0].by),
            (Field::Profile, ChangedBy::Both)
        );
        assert_eq!(compared[0].rebased, ["full"]);
    }

    #[test]
    fn other_clauses_merge_key_by_key_and_only_changes_are_shown() {
        let with = |value: serde_json::Value| PolicyDraft {
            rest: value,
            ..base()
        };
        let start =
            with(json!({"budgets": {"time_zone": "UTC", "calls_per_task": 5}, "tests": [1]}));
        let theirs = with(
            json!({"budgets": {"time_zone": "Europe/Berlin", "calls_per_task": 5}, "tests": [1, 2]}),
        );
        let mine =
            with(json!({"budgets": {"time_zone": "UTC"}, "tests": [1, 3], "persistence": {}}));
        let both = rebase(&start, &theirs, &mine).rest;
        assert_eq!(
            both,
            json!({"budgets": {"time_zone": "Europe/Berlin"}, "tests": [1, 2, 3], "persistence": {}})
        );
        let compared = compare(&start, &theirs, &mine);
        assert_eq!((compared.len(), compared[0].field), (1, Field::Rest));
        let texts: Vec<_> = compared[0].theirs.iter().map(|e| e.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "/budgets/calls_per_task: 5",
                "/budgets/time_zone: Europe/Berlin",
                "/tests: 2",
                "/budgets/time_zone: UTC"
            ]
        );
        // Nothing of the rest that nobody edited is lost.
        assert_eq!(rebase(&start, &theirs, &start).rest, theirs.rest);
    }

    #[test]
    fn operators_merge_by_person() {
        let (mut theirs, mut mine) = (base(), base());
        theirs.operators.push(row("bob@example.com", Role::Viewer));
        theirs.operators.push(row("eve@example.com", Role::Viewer));
        mine.operators.push(row("bob@example.com", Role::Admin));
        mine.operators.remove(0);
        assert_eq!(
            rebase(&base(), &theirs, &mine).operators,
            [
                row("bob@example.com", Role::Admin),
                row("eve@example.com", Role::Viewer)
            ]
        );
    }

    #[test]
    fn a_person_whom_they_removed_and_i_left_alone_stays_removed() {
        let mut start = base();
        start.operators.push(row("bob@example.com", Role::Viewer));
        let (mut theirs, mine) = (start.clone(), start.clone());
        theirs.operators.pop();
        assert_eq!(rebase(&start, &theirs, &mine).operators, base().operators);
    }

    #[test]
    fn nothing_changed_compares_to_nothing_and_order_is_no_change() {
        let mut reordered = base();
        reordered.deny.reverse();
        assert_eq!(compare(&base(), &reordered, &base()), []);
    }

    #[test]
    fn entries_are_marked_against_the_common_version() {
        let (theirs, mut mine) = (base(), base());
        mine.deny = vec!["cron".to_owned(), "exec".to_owned()];
        let compared = compare(&base(), &theirs, &mine);
        assert_eq!(compared[0].by, ChangedBy::Mine);
        let marks: Vec<_> = compared[0]
            .mine
            .iter()
            .map(|e| (e.text.as_str(), e.mark))
            .collect();
        assert_eq!(
            marks,
            [
                ("cron", Mark::Kept),
                ("exec", Mark::Added),
                ("browser", Mark::Removed)
            ]
        );
    }
}
