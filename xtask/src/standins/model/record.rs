//! What was asked lately, for tests and for people who wonder.

use std::collections::{BTreeMap, VecDeque};

use axum::http::{HeaderMap, header};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How many requests are remembered.
pub const KEPT_REQUESTS: usize = 100;
/// How many characters of an answer are remembered.
pub(super) const KEPT_ANSWER: usize = 10_000;

/// One request. It holds no credential: only whether the right one came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Counted from 1.
    pub number: u64,
    /// When it came.
    pub at: DateTime<Utc>,
    /// Path.
    pub path: String,
    /// Headers by lower-case name, without those that carry credentials.
    pub headers: BTreeMap<String, String>,
    /// Whether it carried the server's key.
    pub authorized: bool,
    /// Size of its body in bytes.
    pub body_bytes: usize,
    /// Model asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// Names of the tools offered to the model.
    pub tools: Vec<String>,
    /// The beginning of the text that was answered, at most 10,000 characters.
    #[serde(default)]
    pub answer: String,
    /// Status that was answered.
    pub status: u16,
}

/// Messages that a call failed for once, newest last.
#[derive(Debug, Default)]
pub(super) struct FailedOnce(VecDeque<String>);

impl FailedOnce {
    /// Whether this is the first time.
    pub(super) fn is_first(&mut self, message: &str) -> bool {
        if self.0.iter().any(|known| known == message) {
            return false;
        }
        if self.0.len() == KEPT_REQUESTS {
            self.0.pop_front();
        }
        self.0.push_back(message.to_owned());
        true
    }
}

/// A ring of them.
#[derive(Debug, Default)]
pub(super) struct Records {
    count: u64,
    ring: VecDeque<RequestRecord>,
}

impl Records {
    /// Numbers and keeps a request.
    pub(super) fn push(&mut self, mut record: RequestRecord) {
        self.count += 1;
        record.number = self.count;
        if self.ring.len() == KEPT_REQUESTS {
            self.ring.pop_front();
        }
        self.ring.push_back(record);
    }

    pub(super) fn list(&self) -> Vec<RequestRecord> {
        self.ring.iter().cloned().collect()
    }
}

/// Headers that may be kept: all but those with credentials.
pub(super) fn keepable(headers: &HeaderMap) -> BTreeMap<String, String> {
    let secret = [
        header::AUTHORIZATION.as_str(),
        header::COOKIE.as_str(),
        "x-api-key",
    ];
    headers
        .iter()
        .filter(|(name, _)| !secret.contains(&name.as_str()))
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}
