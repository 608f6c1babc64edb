//! What operators do with snapshots.

use chrono::{DateTime, Utc};
use domain::problem::Problem;
use domain::state::SnapshotReason;
use domain::wire::gateway::Page;
use domain::wire::snapshots::Snapshot;

use super::{Chosen, Core};
use crate::ports::{Db, StorageError};
use crate::sandbox::core::with_note;
use crate::sandbox::lifecycle::Input;
use crate::sandbox::store::generations;

impl<D: Db> Core<D> {
    /// A page of generations, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn snapshot_page(&self, before: Option<u64>) -> Result<Page<Snapshot>, StorageError> {
        generations::page(&self.db, before)
    }

    /// One generation.
    ///
    /// # Errors
    /// 404 when there is none of that number.
    pub fn snapshot(&self, generation: u64) -> Result<Snapshot, Problem> {
        generations::get(&self.db, generation)?.ok_or_else(|| {
            Problem::not_found(format!(
                "There is no generation {generation}; GET snapshots lists them."
            ))
        })
    }

    /// Has a snapshot taken now, for somebody. The order's number.
    ///
    /// # Errors
    /// 409 when nothing runs.
    pub fn take_snapshot(&mut self, who: &str, now: DateTime<Utc>) -> Result<u64, Problem> {
        if !self.state.expects_container() || !self.has_state() {
            return Err(Problem::conflict(
                "Nothing runs, so there is nothing new to save; start the gateway first.",
            ));
        }
        self.note(who, "snapshot.asked", "", now)?;
        Ok(self.order_snapshot(SnapshotReason::Demand, now)?)
    }

    /// Has the next start begin with a generation, and starts anew. What runs now is
    /// saved first, so that this can be taken back. 0 stands for nothing.
    ///
    /// # Errors
    /// 404 when there is no such generation.
    pub fn choose_snapshot(
        &mut self,
        generation: u64,
        note: Option<&str>,
        who: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        if generation > 0 {
            self.snapshot(generation)?;
        }
        let what = match generation {
            0 => "nothing".to_owned(),
            number => format!("generation {number}"),
        };
        self.note(who, "state.restore_asked", &with_note(what, note), now)?;
        self.choose_generation(generation, self.state.run)?;
        self.happen(Input::Restart, who, now)
    }

    /// Has the next start begin with a generation; 0 stands for nothing. What starts up to
    /// `run` still write does not answer that.
    pub(in crate::sandbox::core) fn choose_generation(
        &mut self,
        generation: u64,
        run: u64,
    ) -> Result<(), StorageError> {
        self.snapshots.chosen = Some(Chosen { generation, run });
        self.snapshots.problem = None;
        self.keep_snapshots()
    }
}
