//! A document that uses every clause, for tests; docs/policy.md explains it.

use super::document::Policy;
use super::parse::parse;

/// Its text.
pub(super) const FULL: &str = include_str!("samples/full.json");

/// The document.
pub(super) fn full() -> Policy {
    parse(FULL).unwrap_or_else(|faults| panic!("{faults:?}"))
}
