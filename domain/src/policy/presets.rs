//! Complete documents to start from. Both close what OpenClaw leaves open.

use serde_json::Value;

use super::document::{OperatorEntry, Policy};
use super::parse::parse;
use super::value::EmailAddress;
use crate::access::Role;

/// A document to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub summary: &'static str,
    text: &'static str,
}

/// Every preset.
pub const PRESETS: [Preset; 2] = [
    Preset {
        name: "personal",
        summary: "One person's agent that may run commands and schedule jobs, within a budget; it proposes other changes to itself.",
        text: include_str!("presets/personal.json"),
    },
    Preset {
        name: "company",
        summary: "An agent for many that talks, searches and remembers; no commands, files, jobs or changes to itself.",
        text: include_str!("presets/company.json"),
    },
];

impl Preset {
    /// The preset of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        PRESETS.into_iter().find(|preset| preset.name == name)
    }

    /// Its document, with the given people as admins instead of its example.
    #[must_use]
    pub fn policy(self, admins: &[EmailAddress]) -> Option<Policy> {
        // INVARIANT: a test reads every preset.
        let mut policy = parse(self.text).ok()?;
        let admin = |email: &EmailAddress| OperatorEntry {
            email: email.clone(),
            role: Role::Admin,
        };
        policy.access.operators = admins.iter().map(admin).collect();
        Some(policy)
    }

    /// Its document as it is published, for its example admin.
    #[must_use]
    pub fn document(self) -> Value {
        serde_json::from_str(self.text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{PRESETS, Preset};
    use crate::policy::parse;

    #[test]
    fn every_preset_is_valid_and_complete() {
        for preset in PRESETS {
            let policy =
                parse(preset.text).unwrap_or_else(|faults| panic!("{}: {faults:?}", preset.name));
            assert_eq!(parse(&preset.document().to_string()).as_ref(), Ok(&policy));
            let written = serde_json::to_value(&policy).unwrap();
            for section in [
                "access",
                "tools",
                "budgets",
                "self_modification",
                "persistence",
                "tests",
            ] {
                assert!(
                    written.get(section).is_some(),
                    "{} has no {section}",
                    preset.name
                );
            }
        }
    }

    #[test]
    fn its_admins_are_those_who_chose_it() {
        let admins = ["ada@example.com".parse().unwrap()];
        let policy = Preset::named("company").unwrap().policy(&admins).unwrap();
        assert_eq!(policy.access.operators[0].email, admins[0]);
        assert!(Preset::named("nonsense").is_none());
    }
}
