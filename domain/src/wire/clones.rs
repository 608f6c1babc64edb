//! A gateway's state copied into another one: the source lends a generation, under
//! `/_gateway/v1/snapshots/N/grants`, and the target fetches it, under
//! `/_gateway/v1/snapshots/clone`.
//!
//! What the target asks of the source, with `Authorization: Bearer <code>`:
//!
//! | call | answer |
//! |---|---|
//! | `GET /_gateway/v1/granted/N` | the manifest, byte for byte |
//! | `GET /_gateway/v1/granted/N/packs/SHA` | a pack or the index that the manifest names, streamed |
//!
//! 401 when the code is none, or no longer one, for that generation.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// Below the API's prefix: what a code opens.
pub const GRANTED_PATH: &str = "/granted";
/// Longest that a code is good for, in minutes.
pub const MAX_GRANT_MINUTES: u32 = 24 * 60;
/// Longest code that is looked at, in bytes.
pub const MAX_CODE: usize = 200;

/// Body of `POST snapshots/N/grants`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantSnapshot {
    /// How long the code is good for, 1 to [`MAX_GRANT_MINUTES`].
    pub minutes: u32,
    /// What for, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A code's grant, without the code: a line of `GET snapshots/N/grants`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Number of the grant.
    pub id: u64,
    /// The generation that it opens.
    pub generation: u64,
    /// Who gave it.
    pub by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
    /// When the manifest was first fetched with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<DateTime<Utc>>,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Answer of `POST snapshots/N/grants`: the only one that has the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewGrant {
    /// What was granted.
    #[serde(flatten)]
    pub grant: Grant,
    /// The code: reads that generation until the grant ends.
    #[serde(with = "crate::secret::at_rest")]
    pub code: Secret,
}

/// `GET snapshots/N/grants`, and the answer of `DELETE snapshots/N/grants/ID`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Those that have not ended, newest first.
    pub items: Vec<Grant>,
}

/// Body of `POST snapshots/clone`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloneSnapshot {
    /// Origin of the gateway to copy from, such as `https://company.example.com`.
    pub from: String,
    /// Which generation of it.
    pub generation: u64,
    /// The code that opens it; goes nowhere but to that gateway.
    #[serde(with = "crate::secret::at_rest")]
    pub code: Secret,
    /// Why, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whether it may take the place of state that is here. That is saved first.
    #[serde(default)]
    pub replace: bool,
}

/// `GET snapshots/clone`: the clone that was asked for last. 404 when none ever was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloneStatus {
    /// How far it is.
    pub state: CloneState,
    /// Origin of the gateway that it comes from.
    pub from: String,
    /// Which generation of it.
    pub generation: u64,
    /// Who asked for it.
    pub by: String,
    /// When.
    pub asked_at: DateTime<Utc>,
    /// When it came to an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// What is here and what there is, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<CloneProgress>,
    /// Its number here, once it is a generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub becomes: Option<u64>,
    /// What stands against it, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// How far a clone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloneState {
    /// Bytes are fetched. What runs goes on.
    Copying,
    /// Everything is here; what runs is saved and ends.
    TakingOver,
    /// It is a generation, and the gateway starts from it.
    Done,
    /// It was given up; nothing has changed.
    Failed,
    /// Somebody called it off.
    Cancelled,
}

/// What is here of what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloneProgress {
    /// Packs that are here, the index included.
    pub packs: u64,
    /// All of them.
    pub packs_total: u64,
    /// Their stored bytes.
    pub bytes: u64,
    /// The stored bytes of all.
    pub bytes_total: u64,
}

impl CloneState {
    /// Whether something is still to be done.
    #[must_use]
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Copying | Self::TakingOver)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn clones_json_format_unchanged() {
        let at = DateTime::from_timestamp(1_795_336_453, 0).expect("a time");
        let grant = json!({"id": 2, "generation": 7, "by": "ada@example.com", "note": "moving",
            "created_at": at, "expires_at": at, "used_at": at, "code": "tgr_x"});
        let new: NewGrant = serde_json::from_value(grant.clone()).expect("a grant");
        assert!(!format!("{new:?}").contains("tgr_x"));
        assert_eq!(serde_json::to_value(&new).expect("json"), grant);
        let ask = json!({"from": "https://a.example", "generation": 7, "code": "tgr_x",
            "note": "why", "replace": true});
        let clone: CloneSnapshot = serde_json::from_value(ask.clone()).expect("a request");
        assert!(!format!("{clone:?}").contains("tgr_x"));
        assert_eq!(serde_json::to_value(&clone).expect("json"), ask);
        let status = json!({"state": "taking_over", "from": "https://a.example", "generation": 7,
            "by": "ada@example.com", "asked_at": at, "ended_at": at, "becomes": 3,
            "progress": {"packs": 1, "packs_total": 2, "bytes": 3, "bytes_total": 4},
            "problem": "why"});
        let read: CloneStatus = serde_json::from_value(status.clone()).expect("a status");
        assert_eq!(serde_json::to_value(&read).expect("json"), status);
    }
}
