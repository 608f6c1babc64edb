//! The table: every clause, in the order of the document.

mod access;
mod budgets;
mod persistence;
mod self_modification;
mod tools;

use super::{Clause, Enforcer};

/// The table in sections.
const SECTIONS: [&[Clause]; 5] = [
    access::CLAUSES,
    tools::CLAUSES,
    budgets::CLAUSES,
    self_modification::CLAUSES,
    persistence::CLAUSES,
];

/// Every clause of the model. A test keeps it in step with the document's fields,
/// with docs/policy.md and with the tests that `proof` names.
pub fn clauses() -> impl Iterator<Item = &'static Clause> {
    SECTIONS.into_iter().flatten()
}

const fn clause(
    pointer: &'static str,
    meaning: &'static str,
    default: &'static str,
    compiles_to: &'static str,
    enforcer: Enforcer,
) -> Clause {
    Clause {
        pointer,
        meaning,
        default,
        compiles_to,
        enforcer,
        proof: None,
    }
}

impl Clause {
    const fn shown_by(mut self, proof: &'static str) -> Self {
        self.proof = Some(proof);
        self
    }
}
