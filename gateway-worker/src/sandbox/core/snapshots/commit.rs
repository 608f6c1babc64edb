//! Writing a manifest, and removing old ones: never both at once.

use chrono::{DateTime, TimeDelta, Utc};
use domain::problem::Problem;
use domain::state::{DEFAULT_KEEP, Kept, Retention};
use domain::wire::snapshots::Snapshot;

use super::Core;
use crate::command::SweepPlan;
use crate::ports::{Db, StorageError};
use crate::sandbox::core::{GATEWAY, INIT};
use crate::sandbox::store::generations;

/// Longest that writing a manifest takes, in seconds; after that whoever did it is gone.
const COMMIT_SECONDS: i64 = 60;
/// Longest that a sweep takes, in seconds.
const SWEEP_SECONDS: i64 = 60;
/// Hours between two looks through all packs.
const SWEEP_HOURS: i64 = 6;
/// Hours that a pack which nothing names is left alone: a snapshot under way has not
/// written its manifest yet.
const GRACE_HOURS: i64 = 24;

impl<D: Db> Core<D> {
    pub(super) fn commit_under_way(&self, now: DateTime<Utc>) -> bool {
        self.snapshots.commit.is_some_and(|(_, until)| until > now)
    }

    pub(super) fn begin_commit(
        &mut self,
        lease: &str,
        generation: u64,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        self.check_lease(lease)?;
        let busy = |what: &str| Problem::unavailable(what).with_retry_after(1);
        if self.commit_under_way(now) {
            return Err(busy("Another generation is being written; try again."));
        }
        if self.snapshots.sweep.is_some_and(|until| until > now) {
            return Err(busy("Old generations are being removed; try again."));
        }
        // The same one again is an earlier try whose answer got lost.
        let next = self.snapshots.newest.saturating_add(1);
        if generation != next && (generation != self.snapshots.newest || generation == 0) {
            return Err(Problem::conflict(format!(
                "The next generation is {next}, not {generation}."
            )));
        }
        self.begin_writing(generation, now)?;
        Ok(())
    }

    /// Nobody else commits from here on, for a while.
    pub(super) fn begin_writing(
        &mut self,
        generation: u64,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let until = now + TimeDelta::seconds(COMMIT_SECONDS);
        self.snapshots.commit = Some((generation, until));
        self.keep_snapshots()
    }

    pub(super) fn end_commit(
        &mut self,
        lease: &str,
        generation: u64,
        snapshot: Option<Snapshot>,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        self.check_lease(lease)?;
        let begun = self.snapshots.commit.take();
        if begun.is_none_or(|(number, _)| number != generation) {
            return Err(Problem::conflict("That generation was not begun."));
        }
        if let Some(snapshot) = snapshot {
            self.committed(&snapshot, now)?;
            if snapshot.order.is_some() {
                self.answered(snapshot.order);
            }
        }
        self.keep_snapshots()?;
        Ok(())
    }

    fn committed(&mut self, snapshot: &Snapshot, now: DateTime<Utc>) -> Result<(), StorageError> {
        let before = generations::newest(&self.db)?;
        if before
            .as_ref()
            .is_some_and(|before| before.generation == snapshot.generation)
        {
            return Ok(());
        }
        let totals = &snapshot.totals;
        let detail = format!(
            "generation {}: {} files, {} bytes, {} sent",
            snapshot.generation, totals.files, totals.bytes, totals.sent_bytes
        );
        let hashes = (
            before.map(|before| before.sha256.to_string()),
            snapshot.sha256.to_string(),
        );
        let hashes = (hashes.0.as_deref(), Some(hashes.1.as_str()));
        self.note_change(INIT, "snapshot.taken", &detail, hashes, now)?;
        generations::save(&self.db, snapshot)?;
        self.link_generation(snapshot)?;
        self.snapshots.newest = self.snapshots.newest.max(snapshot.generation);
        self.snapshots.problem = None;
        self.snapshots.saved_at = Some(now);
        self.snapshots.retry_at = None;
        // What the run before the choice still wrote is what the choice turns away from.
        let run = self.state.run;
        self.snapshots.chosen = self.snapshots.chosen.filter(|chosen| chosen.run >= run);
        if self.snapshots.chosen.is_some() {
            self.left_behind(snapshot)?;
        }
        self.announce();
        Ok(())
    }

    /// Settles an order that a commit or a report answers.
    pub(super) fn answered(&mut self, order: Option<u64>) {
        let open = self.snapshots.order;
        self.snapshots.order = open.filter(|open| order.is_none_or(|id| id != open.order.id));
    }

    /// What is to be removed now; `None` when nothing is, or when this is no moment for it.
    pub(super) fn begin_sweep(
        &mut self,
        line: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<SweepPlan>, Problem> {
        let own = &self.snapshots;
        let sweeping = own.sweep.is_some_and(|until| until > now);
        // Before a container has its state, it may be reading any of them.
        if self.commit_under_way(now) || sweeping || !self.has_state() {
            return Ok(None);
        }
        let remove = self.expired(now)?;
        let due = own
            .swept_at
            .is_none_or(|at| now - at >= TimeDelta::hours(SWEEP_HOURS));
        if remove.is_empty() && !due {
            return Ok(None);
        }
        let grace = now - TimeDelta::hours(GRACE_HOURS);
        let line = own.line.clone().unwrap_or_else(|| line.to_owned());
        let until = now + TimeDelta::seconds(SWEEP_SECONDS);
        self.snapshots.sweep = Some(until);
        self.keep_snapshots()?;
        Ok(Some(SweepPlan {
            line,
            remove,
            packs_older_than: due.then_some(grace),
            until,
        }))
    }

    fn expired(&self, now: DateTime<Utc>) -> Result<Vec<u64>, StorageError> {
        let policy = &self.newest.document.persistence.snapshots;
        let seconds = policy.keep_for.as_ref().map(|time| time.seconds());
        let retention = Retention {
            keep: policy.keep.unwrap_or(DEFAULT_KEEP),
            keep_for: seconds.and_then(|s| TimeDelta::try_seconds(i64::try_from(s).ok()?)),
        };
        let known = generations::all(&self.db)?;
        let known: Vec<Kept> = known
            .iter()
            .map(|known| Kept {
                generation: known.generation,
                created_at: known.created_at,
                damaged: known.damage.is_some(),
            })
            .collect();
        let restored = self.snapshots.restored.and_then(|r| r.generation);
        let chosen = self.snapshots.chosen.map(|chosen| chosen.generation);
        let lent = self.lent(now)?;
        let trial = self.generation_of_trial();
        let protected = restored.into_iter().chain(chosen).chain(lent).chain(trial);
        let protected: Vec<u64> = protected.collect();
        Ok(retention.expired(&known, &protected, now))
    }

    pub(super) fn end_sweep(
        &mut self,
        removed: &[u64],
        packs: Option<u64>,
        failure: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        self.snapshots.sweep = None;
        for generation in removed {
            generations::remove(&self.db, *generation)?;
        }
        if packs.is_some() {
            self.snapshots.swept_at = Some(now);
        }
        self.keep_snapshots()?;
        if let Some(failure) = failure {
            self.note(GATEWAY, "snapshot.sweep_failed", failure, now)?;
        }
        let packs = packs.unwrap_or_default();
        if removed.is_empty() && packs == 0 {
            return Ok(());
        }
        let names: Vec<String> = removed.iter().map(u64::to_string).collect();
        let detail = format!("generations {}; {packs} packs", names.join(", "));
        self.note(GATEWAY, "snapshot.removed", &detail, now)
    }
}
