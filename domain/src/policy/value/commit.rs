//! Git commits, by their whole name.

use serde::{Deserialize, Serialize};

use super::text_value;

/// A Git commit: 40 (SHA-1) or 64 (SHA-256) hexadecimal digits, in lower case. A
/// branch, a tag or a short name could mean something else tomorrow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

impl CommitId {
    fn check(text: &str) -> Result<Self, &'static str> {
        let hex = text.bytes().all(|b| b.is_ascii_hexdigit()) && matches!(text.len(), 40 | 64);
        hex.then(|| Self(text.to_ascii_lowercase()))
            .ok_or("a whole Git commit of 40 or 64 hexadecimal digits")
    }

    /// The commit as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_value!(CommitId);
