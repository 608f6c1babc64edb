//! Snapshots: who may write them, what a container starts from, when one is due and
//! which are kept. The bytes never come here.

mod adopt;
mod api;
mod commit;
mod lease;
mod orders;
mod reports;
#[cfg(test)]
pub(super) mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use domain::wire::gateway::Pointers;
use domain::wire::snapshots::StateStatus;
use domain::wire::state::SnapshotOrder;
use serde::{Deserialize, Serialize};

use super::Core;
use crate::ports::{Db, StorageError};
use crate::sandbox::store::generations;
use crate::sandbox::store::records::{self, Record};

/// What the Durable Object remembers of a gateway's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    /// Part of every key in the bucket; none before the first container asked.
    line: Option<String>,
    /// Highest number that was ever written or seen: never given out again.
    newest: u64,
    /// Numbers of clones that were given up while they were written: they are no generations,
    /// whatever lies in the bucket.
    void: Vec<u64>,
    /// Who may write.
    lease: Option<Lease>,
    /// The manifest that is being written, and until when.
    commit: Option<(u64, DateTime<Utc>)>,
    /// Until when old objects are being removed.
    sweep: Option<DateTime<Utc>>,
    /// When packs were last looked through.
    swept_at: Option<DateTime<Utc>>,
    /// Orders given so far.
    orders: u64,
    /// The order that waits for an answer.
    order: Option<Order>,
    /// The generation that an admin chose to start from.
    chosen: Option<Chosen>,
    /// What the newest container that got so far began with.
    restored: Option<Restored>,
    /// When it was last made sure that the newest generation holds what there is.
    saved_at: Option<DateTime<Utc>>,
    /// When one that failed is tried again.
    retry_at: Option<DateTime<Utc>>,
    /// What stands against it, and what to do.
    problem: Option<String>,
}

/// Who may write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lease {
    /// SHA-256 of it.
    hash: String,
    /// Start of tedix-init that holds it.
    instance: String,
    /// Start of the container that it belongs to.
    run: u64,
    /// When another instance may have it.
    expires_at: DateTime<Utc>,
}

/// An order that waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Order {
    /// What tedix-init is told.
    #[serde(flatten)]
    order: SnapshotOrder,
    /// When it was given, or last given again.
    at: DateTime<Utc>,
}

/// A generation that an admin chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Chosen {
    /// Which; 0 is nothing.
    generation: u64,
    /// The newest start when it was chosen: what that one still writes does not
    /// answer the choice.
    run: u64,
}

/// What a container began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Restored {
    /// Which start.
    run: u64,
    /// Which generation; none for nothing.
    generation: Option<u64>,
    /// When.
    at: DateTime<Utc>,
}

impl<D: Db> Core<D> {
    /// Where the state lies, for status and heartbeats.
    pub(super) fn pointers(&self) -> Result<Pointers, StorageError> {
        Ok(Pointers {
            r2: generations::newest(&self.db)?.map(|newest| newest.pointer()),
            git: self.git_pointers()?,
        })
    }

    /// Where the state stands.
    pub(super) fn state_status(&self) -> StateStatus {
        let own = &self.snapshots;
        let restored = own
            .restored
            .filter(|restored| restored.run == self.state.run);
        StateStatus {
            restored: restored.and_then(|restored| restored.generation),
            chosen: own.chosen.map(|chosen| chosen.generation),
            saved_at: own.saved_at,
            snapshot_ordered: own.order.is_some(),
            problem: own.problem.clone(),
            sources: Vec::new(),
        }
    }

    /// Whether this run's container has its state and OpenClaw may change it.
    pub(super) fn has_state(&self) -> bool {
        let restored = self.snapshots.restored;
        restored.is_some_and(|restored| restored.run == self.state.run)
    }

    /// Time between two snapshots.
    fn rhythm(&self) -> TimeDelta {
        let every = &self.newest.document.persistence.snapshots.every;
        let seconds = every
            .as_ref()
            .map_or(DEFAULT_EVERY_SECONDS, |every| every.seconds());
        TimeDelta::seconds(i64::try_from(seconds).unwrap_or(DEFAULT_EVERY_SECONDS as i64))
    }

    fn keep_snapshots(&self) -> Result<(), StorageError> {
        records::save(&self.db, Record::Snapshots, &self.snapshots)
    }
}

/// Seconds between two snapshots when the policy does not say: what a container that
/// is cut off loses at most.
pub(super) const DEFAULT_EVERY_SECONDS: u64 = 900;
