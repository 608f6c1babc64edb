//! A step that failed.

use std::fmt;
use std::path::{Path, PathBuf};

use super::log;

/// How many lines of a failed step's output are shown.
const TAIL_LINES: usize = 30;

/// Why a step failed, with the end of its output and where the rest is.
#[derive(Debug)]
pub struct StepFailed {
    label: String,
    why: String,
    tail: Vec<String>,
    log: PathBuf,
}

impl StepFailed {
    pub(super) fn new(label: &str, why: &str, log: &Path) -> Self {
        Self {
            label: label.to_owned(),
            why: why.to_owned(),
            tail: log::tail(log, TAIL_LINES),
            log: log.to_owned(),
        }
    }
}

impl fmt::Display for StepFailed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} failed: {}", self.label, self.why)?;
        for line in &self.tail {
            writeln!(formatter, "  | {line}")?;
        }
        write!(formatter, "full output: {}", self.log.display())
    }
}

impl std::error::Error for StepFailed {}
