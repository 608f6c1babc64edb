//! What the governance API says about snapshots, under `/_gateway/v1/snapshots`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::gateway::R2Pointer;
use crate::state::{ClonedFrom, Digest, Manifest, SnapshotReason, Totals};

/// One generation: a line of `GET snapshots`, newest first, and `GET snapshots/N`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Number, counted from 1.
    pub generation: u64,
    /// The generation that it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u64>,
    /// When the files were looked at.
    pub created_at: DateTime<Utc>,
    /// Why it was taken.
    pub reason: SnapshotReason,
    /// The order that it answers, see [`SnapshotOrdered`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<u64>,
    /// Version of OpenClaw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openclaw_version: Option<String>,
    /// Policy version in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<u64>,
    /// Hash of the configuration in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_hash: Option<String>,
    /// What it adds up to.
    pub totals: Totals,
    /// Object key of the manifest.
    pub key: String,
    /// Size of the manifest in bytes.
    pub manifest_bytes: u64,
    /// SHA-256 of the manifest.
    pub sha256: Digest,
    /// When a container last read every byte of it back and found it right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<DateTime<Utc>>,
    /// What was wrong with it when a container last tried to restore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
    /// The generation of another gateway that it is a copy of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloned_from: Option<ClonedFrom>,
}

/// Where the gateway's state stands: part of `GET status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateStatus {
    /// Generation that the running container began with; none when it began with nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<u64>,
    /// Generation that an admin chose and the next start restores; 0 is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<u64>,
    /// When it was last made sure that the newest generation holds what there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_at: Option<DateTime<Utc>>,
    /// Whether a snapshot was ordered and has not been answered yet.
    #[serde(default)]
    pub snapshot_ordered: bool,
    /// Why the gateway does not start, or its last snapshot failed, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Repositories that the policy names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<super::git::SourceStatus>,
}

/// Answer of `POST snapshots`: it will be taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotOrdered {
    /// Number of the order.
    pub order: u64,
}

/// Body of `POST snapshots/N/restore`, which may be empty. N = 0 starts with nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreSnapshot {
    /// Why, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Body of `POST sandbox/destroy`, which may be empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestroySandbox {
    /// End it at once: what changed since the last snapshot is lost.
    #[serde(default)]
    pub at_once: bool,
}

impl Snapshot {
    /// What a manifest says, and where it is.
    #[must_use]
    pub fn of(manifest: Manifest, key: String, bytes: &[u8]) -> Self {
        Self {
            generation: manifest.generation,
            parent: manifest.parent,
            created_at: manifest.created_at,
            reason: manifest.reason,
            order: manifest.order,
            openclaw_version: manifest.openclaw_version,
            policy_version: manifest.policy_version,
            policy_hash: manifest.policy_hash,
            totals: manifest.totals,
            key,
            manifest_bytes: bytes.len() as u64,
            sha256: Digest::of(bytes),
            verified_at: None,
            damage: None,
            cloned_from: manifest.cloned_from,
        }
    }

    /// Where it lies, as the registry knows it.
    #[must_use]
    pub fn pointer(&self) -> R2Pointer {
        R2Pointer {
            key: self.key.clone(),
            bytes: self.manifest_bytes,
            sha256: self.sha256.to_string(),
            at: self.created_at,
            generation: Some(self.generation),
            state_bytes: Some(self.totals.bytes),
            verified_at: self.verified_at,
        }
    }
}
