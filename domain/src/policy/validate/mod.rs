//! What a document of the right shape may still get wrong; every fault is named at once.

mod access;
mod budgets;
mod expectations;
mod persistence;
mod self_modification;
mod tools;

use std::ops::RangeInclusive;

use super::document::{Policy, SCHEMA};
use crate::problem::FieldError;

/// Most entries in any list or map of the document.
const MAX_ENTRIES: usize = 500;

/// Faults found so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<FieldError>);

/// Every fault, in the order of the document.
pub(super) fn faults(policy: &Policy) -> Vec<FieldError> {
    let mut faults = Faults::default();
    if policy.schema != SCHEMA {
        faults.add("/schema", format!("must be {SCHEMA}"));
    }
    access::check(&policy.access, &mut faults);
    tools::check(policy, &mut faults);
    budgets::check(&policy.budgets, &mut faults);
    self_modification::check(policy, &mut faults);
    persistence::check(&policy.persistence, &mut faults);
    expectations::check(&policy.tests, &mut faults);
    faults.0
}

impl Faults {
    fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldError::new(pointer, detail));
    }

    fn too_many(&mut self, pointer: &str, entries: usize) {
        if entries > MAX_ENTRIES {
            self.add(pointer, format!("has more than {MAX_ENTRIES} entries"));
        }
    }

    fn range<N: Into<u64>>(
        &mut self,
        pointer: String,
        value: Option<N>,
        range: &RangeInclusive<u64>,
    ) {
        if value.is_some_and(|value| !range.contains(&value.into())) {
            let detail = format!(
                "must be {} to {}, or absent for no limit",
                range.start(),
                range.end()
            );
            self.add(pointer, detail);
        }
    }

    /// Entries that are there already, at the later place.
    fn repeated<T: Eq + std::hash::Hash + std::fmt::Display>(&mut self, pointer: &str, list: &[T]) {
        let mut seen = std::collections::HashSet::new();
        for (index, entry) in list.iter().enumerate() {
            if !seen.insert(entry) {
                self.add(
                    format!("{pointer}/{index}"),
                    format!("{entry} is named twice"),
                );
            }
        }
        self.too_many(pointer, list.len());
    }
}

/// A key as one step of a JSON pointer (RFC 6901).
pub(super) fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
