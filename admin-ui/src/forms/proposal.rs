//! What agents want to change about themselves: which of it waits, and what it would do.

use domain::policy::{Policy, parse_value};
use domain::proposal::{Draft, Health, Kind, Proposal, State};
use serde_json::Value;

/// States as the address and the page spell them.
pub(crate) const STATES: [(State, &str, &str); 6] = [
    (State::Pending, "pending", "Waiting"),
    (State::Approved, "approved", "Approved"),
    (State::Rejected, "rejected", "Rejected"),
    (State::Applied, "applied", "Applied by itself"),
    (State::Refused, "refused", "Refused at once"),
    (State::Expired, "expired", "Lapsed"),
];

/// The state that the address names; none for all.
pub(crate) fn state_of(slug: &str) -> Option<State> {
    let found = STATES.iter().find(|(_, known, _)| *known == slug);
    found.map(|(state, _, _)| *state)
}

/// A state in words.
pub(crate) fn state_words(state: State) -> &'static str {
    let found = STATES.iter().find(|(known, _, _)| *known == state);
    found.map_or("", |(_, _, words)| words)
}

/// What kind of thing is to change.
pub(crate) const fn kind_words(kind: Kind) -> &'static str {
    match kind {
        Kind::ConfigKey => "Clause of the policy",
        Kind::Skill => "Skill",
        Kind::WorkspaceFile => "File of the workspace",
        Kind::Cron => "Scheduled job",
        Kind::Plugin => "Plugin",
    }
}

/// How OpenClaw lives with what was applied.
pub(crate) const fn health_words(health: Health) -> &'static str {
    match health {
        Health::Unknown => "It has not shown yet whether OpenClaw lives well with it.",
        Health::Healthy => "OpenClaw stayed healthy with it.",
        Health::Failed => "OpenClaw could not run with it; the version before came back.",
    }
}

/// Between which snapshots a change lies; none while there is nothing to say.
pub(crate) fn generations_words(proposal: &Proposal) -> Option<String> {
    match (proposal.generation_before, proposal.generation_after) {
        (Some(before), Some(after)) if before == after => {
            Some(format!("Generation {after} holds it"))
        }
        (Some(before), Some(after)) => Some(format!("Generation {before} before, {after} with it")),
        (Some(before), None) => Some(format!("Generation {before} before")),
        (None, Some(after)) => Some(format!("Generation {after} is the first with it")),
        (None, None) => None,
    }
}

/// The number in a proposal's id, by which they are ordered.
pub(crate) fn number(proposal: &Proposal) -> u64 {
    let digits = proposal
        .id
        .trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.parse().unwrap_or(0)
}

/// The newest policy with a proposal in it, to be compared; none when the proposal is
/// not about a clause, or leads nowhere.
pub(crate) fn candidate(policy: &Policy, draft: &Draft) -> Option<Value> {
    if draft.kind != Kind::ConfigKey {
        return None;
    }
    let mut document = serde_json::to_value(policy).ok()?;
    let mut parts: Vec<String> = draft
        .target
        .split('/')
        .skip(1)
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect();
    let last = parts.pop()?;
    let mut at = &mut document;
    for part in parts {
        let map = at.as_object_mut()?;
        at = map
            .entry(part)
            .or_insert_with(|| Value::Object(Default::default()));
    }
    let map = at.as_object_mut()?;
    if draft.content.is_null() {
        map.remove(&last)?;
    } else {
        map.insert(last, draft.content.clone());
    }
    parse_value(document.clone()).is_ok().then_some(document)
}

#[cfg(test)]
mod tests {
    use super::{STATES, candidate, state_of, state_words};
    use domain::policy::{Policy, parse_value};
    use domain::proposal::{Draft, Kind, State};
    use serde_json::{Value, json};

    fn draft(target: &str, content: Value) -> Draft {
        Draft {
            kind: Kind::ConfigKey,
            target: target.to_owned(),
            content,
            reason: "why".to_owned(),
        }
    }

    fn policy() -> Policy {
        Policy::bootstrap(&["ada@example.com".parse().expect("address")])
    }

    #[test]
    fn a_proposal_becomes_the_document_that_it_asks_for() {
        let asked = draft("/tools/deny", json!(["exec"]));
        let next = parse_value(candidate(&policy(), &asked).expect("a document")).expect("valid");
        assert_eq!(next.tools.deny[0].as_str(), "exec");
        let deeper = draft("/tools/exec/mode", json!("ask"));
        assert!(candidate(&policy(), &deeper).is_some());
    }

    #[test]
    fn what_leads_nowhere_or_is_not_valid_has_no_document() {
        for (target, content) in [
            ("/tools/nonsense", json!(1)),
            ("/budgets/time_zone", Value::Null),
            ("/schema/x", json!(1)),
            ("", json!(1)),
            ("/tools/deny", json!("exec")),
        ] {
            assert_eq!(
                candidate(&policy(), &draft(target, content)),
                None,
                "{target}"
            );
        }
        let mut skill = draft("weather", json!("text"));
        skill.kind = Kind::Skill;
        assert_eq!(candidate(&policy(), &skill), None);
    }

    #[test]
    fn every_state_has_its_own_words_and_reads_back() {
        for (state, slug, words) in STATES {
            assert_eq!((state_of(slug), state_words(state)), (Some(state), words));
        }
        assert_eq!(state_of("nonsense"), None);
        assert_eq!(state_words(State::Pending), "Waiting");
    }
}
