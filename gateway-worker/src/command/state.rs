//! What the container's door asks about snapshots.

use chrono::{DateTime, Utc};
use domain::wire::snapshots::Snapshot;
use domain::wire::state::StateReport;
use serde::{Deserialize, Serialize};

/// Something asked with tedix-init's credential.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum StateAsk {
    /// May it read, and with a lease, write? Answer: [`StateTicket`].
    Check {
        /// The lease that came with it.
        lease: Option<String>,
    },
    /// First half of taking the lease. Answer: [`StatePrepared`].
    Prepare {
        /// Who wants it.
        instance: String,
    },
    /// Second half. Answer: [`domain::wire::state::LeaseGrant`].
    Grant {
        /// Who wants it.
        instance: String,
        /// Generations in the bucket.
        listed: Vec<u64>,
        /// What those say that the Durable Object did not know.
        learnt: Vec<Snapshot>,
        /// Versions of OpenClaw that the image offers, its own first.
        #[serde(default)]
        openclaw_versions: Vec<String>,
    },
    /// Keep the lease. Answer: [`domain::wire::state::LeaseRenewal`].
    Renew {
        /// The lease.
        lease: String,
    },
    /// Give it back.
    Release {
        /// The lease.
        lease: String,
    },
    /// A manifest is about to be written. Answer: [`StateTicket`].
    BeginCommit {
        /// The lease.
        lease: String,
        /// Which.
        generation: u64,
    },
    /// It was written, or not. Follows every `BeginCommit`.
    EndCommit {
        /// The lease.
        lease: String,
        /// Which.
        generation: u64,
        /// What was written; none when nothing was.
        snapshot: Option<Box<Snapshot>>,
    },
    /// Is anything to be removed? Answer: an optional [`SweepPlan`].
    BeginSweep,
    /// It was removed. Follows every [`SweepPlan`].
    EndSweep {
        /// Generations that are gone.
        removed: Vec<u64>,
        /// Packs that are gone; none when they were not looked through.
        packs: Option<u64>,
        /// Why it was broken off, if it was.
        failure: Option<String>,
    },
    /// tedix-init reports.
    Report {
        /// What.
        report: StateReport,
    },
}

/// Whose state a request is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateTicket {
    /// Part of every key in the bucket.
    pub line: String,
}

/// Answer to [`StateAsk::Prepare`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatePrepared {
    /// Part of every key in the bucket.
    pub line: String,
    /// Generations that are known.
    pub known: Vec<u64>,
}

/// What to remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepPlan {
    /// Part of every key in the bucket.
    pub line: String,
    /// Generations, oldest first.
    pub remove: Vec<u64>,
    /// Packs that nothing names and that are older than this; none leaves packs alone.
    pub packs_older_than: Option<DateTime<Utc>>,
    /// When it must have ended.
    pub until: DateTime<Utc>,
}
