//! What lists have in common.

use domain::problem::{FieldError, Problem};

/// Items of a page where nothing is said.
const DEFAULT_LIMIT: u32 = 50;
/// Items of a page at most.
pub(super) const MAX_LIMIT: u32 = 100;

/// How many items a page should have.
pub(super) fn limit(asked: Option<&str>) -> Result<u32, Problem> {
    let Some(text) = asked else {
        return Ok(DEFAULT_LIMIT);
    };
    let limit = text
        .parse()
        .ok()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| wrong("limit", format!("must be a number from 1 to {MAX_LIMIT}")))
}

/// 422 for a query parameter.
pub(super) fn wrong(parameter: &str, detail: impl Into<String>) -> Problem {
    Problem::fields(vec![FieldError::new(format!("/{parameter}"), detail)])
}
