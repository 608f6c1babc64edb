//! Coverage: which clause is enforced by what, and whether a test has shown it.
//!
//! Declared is not enforced. A clause counts as enforced only when a test runs the
//! real thing with the clause off and on and sees the difference; otherwise it is
//! reported as declared only, whatever it compiles to.

mod table;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::Policy;
use super::validate::step;

pub use table::clauses;

/// What enforces a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforcer {
    /// OpenClaw, by the configuration compiled for it: a guard rail.
    OpenclawConfig,
    /// The gateway Worker, outside the container.
    GatewayWorker,
    /// tedix-init, as root in the container.
    TedixInit,
    /// Nothing, or nothing that a test has shown.
    DeclaredOnly,
}

/// A clause of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Clause {
    /// Pointer to it; `*` stands for a key or an index.
    pub pointer: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What holds when it is absent.
    pub default: &'static str,
    /// What it compiles to, or who reads it.
    pub compiles_to: &'static str,
    /// What is meant to enforce it.
    pub enforcer: Enforcer,
    /// The test that shows it, by its name in the suite.
    pub proof: Option<&'static str>,
}

/// A clause that a document states, and what enforces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// JSON pointer into the document.
    pub pointer: String,
    /// What enforces it as shown by a test; declared only where no test shows it.
    pub enforced_by: Enforcer,
    /// What is meant to enforce it.
    pub meant_for: Enforcer,
    /// What it compiles to, or who reads it.
    pub compiles_to: String,
    /// The test that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

impl Clause {
    /// What enforces it, as far as a test has shown.
    #[must_use]
    pub fn enforced_by(&self) -> Enforcer {
        if self.proof.is_some() {
            self.enforcer
        } else {
            Enforcer::DeclaredOnly
        }
    }

    /// Whether a pointer is this clause or below it.
    fn covers(&self, pointer: &str) -> bool {
        let mut steps = pointer.split('/');
        self.pointer
            .split('/')
            .all(|own| steps.next().is_some_and(|step| own == "*" || own == step))
    }
}

/// The clause that a pointer belongs to: the one with the longest pointer.
#[must_use]
pub fn clause_of(pointer: &str) -> Option<&'static Clause> {
    let covering = clauses().filter(|clause| clause.covers(pointer));
    covering.max_by_key(|clause| clause.pointer.split('/').count())
}

/// Every clause that a document states, in its order.
#[must_use]
pub fn coverage(policy: &Policy) -> Vec<Covered> {
    // INVARIANT: a Policy has string keys only, so it always has a JSON form.
    let document = serde_json::to_value(policy).unwrap_or_default();
    let mut found = Vec::new();
    walk(&document, "", &mut found);
    found
}

fn walk(value: &Value, pointer: &str, found: &mut Vec<Covered>) {
    let exact = |clause: &&Clause| {
        clause.covers(pointer) && clause.pointer.split('/').count() == pointer.split('/').count()
    };
    if let Some(clause) = clauses().find(exact) {
        found.push(Covered {
            pointer: pointer.to_owned(),
            enforced_by: clause.enforced_by(),
            meant_for: clause.enforcer,
            compiles_to: clause.compiles_to.to_owned(),
            proof: clause.proof.map(str::to_owned),
        });
        // Some clauses have others below them: the section, and its numbers.
        let below = |other: &Clause| {
            let rest = other.pointer.strip_prefix(clause.pointer);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        if !clauses().any(below) {
            return;
        }
    }
    if let Value::Object(map) = value {
        for (key, value) in map {
            walk(value, &format!("{pointer}/{}", step(key)), found);
        }
    }
}

#[cfg(test)]
mod tests;
