//! How long something is that the container has stored.

use domain::problem::Problem;

/// The length that a request declares, in bytes: R2 takes no stream without one. `what` is
/// what the container sends, and `most` the most of it.
///
/// # Errors
/// 411 without a length, or with none to speak of; 413 beyond `most`.
pub(super) fn stored_length(length: Option<u64>, most: u64, what: &str) -> Result<u64, Problem> {
    let length = length.filter(|length| *length > 0).ok_or_else(|| {
        Problem::new(
            411,
            "length-required",
            "Say how long it is",
            "Send the pack with its Content-Length.",
        )
    })?;
    if length > most {
        return Err(Problem::too_large(format!(
            "{what} has at most {most} bytes."
        )));
    }
    Ok(length)
}
