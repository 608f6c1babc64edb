//! A difference of policies, grouped for reading before it is applied.

use domain::policy::{Change, ChangeKind, Direction};

/// One part of the document with its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// What the form calls it.
    pub(crate) title: &'static str,
    /// Its changes, in the order of the document.
    pub(crate) changes: Vec<Change>,
}

/// The parts of the document, by the start of their pointers.
const PARTS: [(&str, &str); 3] = [
    ("/access", "People"),
    ("/tools", "Tools"),
    ("/budgets", "Budgets"),
];

/// Changes by part of the document; what belongs to no known part comes last.
pub(crate) fn groups(changes: &[Change]) -> Vec<Group> {
    let part = |change: &Change| {
        PARTS
            .iter()
            .find(|(prefix, _)| change.pointer.starts_with(prefix))
            .map(|(_, title)| *title)
    };
    let known = PARTS.iter().map(|(_, title)| (Some(*title), *title));
    known
        .chain([(None, "Other")])
        .map(|(wanted, title)| Group {
            title,
            changes: changes
                .iter()
                .filter(|change| part(change) == wanted)
                .cloned()
                .collect(),
        })
        .filter(|group| !group.changes.is_empty())
        .collect()
}

/// The whole in one sentence: how many changes, and which way they go.
pub(crate) fn summary(changes: &[Change]) -> String {
    let loosens = changes
        .iter()
        .filter(|c| c.direction == Direction::Loosens)
        .count();
    let total = changes.len();
    match (total, loosens) {
        (0, _) => "Nothing would change.".to_owned(),
        (1, 0) => "1 change. It tightens.".to_owned(),
        (1, _) => "1 change. It loosens.".to_owned(),
        (_, 0) => format!("{total} changes, all tighten."),
        (_, l) if l == total => format!("{total} changes, all loosen."),
        (_, l) => format!(
            "{total} changes: {l} loosen{}, {} tighten{}.",
            s(l),
            total - l,
            s(total - l)
        ),
    }
}

const fn s(n: usize) -> &'static str {
    if n == 1 { "s" } else { "" }
}

/// What a change does to its clause, in a word.
pub(crate) const fn verb(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Changed => "changed",
    }
}

/// Which way a change goes, in a word.
pub(crate) const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Tightens => "tightens",
        Direction::Loosens => "loosens",
    }
}

/// The clause as the form names it, from its pointer.
pub(crate) fn clause(change: &Change) -> String {
    let known = [
        ("/access/operators", "Operators"),
        ("/access/users", "Users"),
        ("/tools/profile", "Tool profile"),
        ("/tools/allow", "Also allowed"),
        ("/tools/deny", "Denied"),
        ("/budgets/tokens_per_day", "Tokens per day"),
    ];
    let named = known
        .iter()
        .find(|(prefix, _)| change.pointer.starts_with(prefix));
    match named {
        Some((prefix, name)) => match change.pointer.strip_prefix(prefix).unwrap_or_default() {
            "" => (*name).to_owned(),
            rest => format!("{name}: {}", rest.trim_start_matches('/')),
        },
        None => change.pointer.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{clause, groups, summary};
    use domain::policy::{Policy, ToolProfile, diff};

    fn base() -> Policy {
        Policy::bootstrap(&["ada@example.com".parse().expect("address")])
    }

    #[test]
    fn changes_are_grouped_as_the_form_is() {
        let mut new = base();
        new.tools.deny.push("exec".parse().expect("tool"));
        new.tools.profile = ToolProfile::Full;
        new.budgets.tokens_per_day = Some(5);
        new.access
            .users
            .push("bob@example.com".parse().expect("address"));
        let changes = diff(&base(), &new);
        let grouped = groups(&changes);
        let titles: Vec<_> = grouped.iter().map(|group| group.title).collect();
        assert_eq!(titles, ["People", "Tools", "Budgets"]);
        assert_eq!(
            grouped
                .iter()
                .map(|group| group.changes.len())
                .sum::<usize>(),
            changes.len()
        );
        assert_eq!(summary(&changes), "4 changes: 2 loosen, 2 tighten.");
        assert_eq!(clause(&changes[0]), "Users: bob@example.com");
    }

    #[test]
    fn a_change_of_no_known_part_is_still_shown() {
        let mut change = {
            let mut new = base();
            new.budgets.tokens_per_day = None;
            diff(&base(), &new)
        };
        change[0].pointer = "/later/field".to_owned();
        assert_eq!(groups(&change)[0].title, "Other");
        assert_eq!(clause(&change[0]), "/later/field");
        assert_eq!(summary(&change), "1 change. It loosens.");
        assert_eq!(summary(&[]), "Nothing would change.");
    }
}
