//! What tedix-init says about snapshots.

use chrono::{DateTime, TimeDelta, Utc};
use domain::problem::Problem;
use domain::wire::state::StateReport;

use super::{Core, Restored};
use crate::ports::{Db, StorageError};
use crate::sandbox::core::INIT;
use crate::sandbox::lifecycle::Input;
use crate::sandbox::store::generations;

/// Minutes until a snapshot that failed is tried again.
const RETRY_MINUTES: i64 = 5;
/// Most of a text that is kept, in characters.
const MAX_DETAIL: usize = 500;

impl<D: Db> Core<D> {
    pub(super) fn state_report(
        &mut self,
        report: StateReport,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        match report {
            StateReport::Restored {
                generation,
                took_ms,
            } => self.restored(generation, took_ms, now)?,
            StateReport::Damaged { generation, detail } => {
                self.damaged(generation, &short(&detail), now)?;
            }
            StateReport::Refused { detail } => self.refused(&short(&detail), now)?,
            StateReport::Unchanged { generation, order } => {
                // The newest, or the one that was restored and not changed since.
                self.note_unchanged(generation, now);
                self.link_unchanged(generation, order)?;
                self.answered(order);
                self.keep_snapshots()?;
            }
            StateReport::Failed {
                reason,
                order,
                detail,
            } => {
                let detail = short(&detail);
                self.note(
                    INIT,
                    "snapshot.failed",
                    &format!("{reason:?}: {detail}"),
                    now,
                )?;
                self.snapshots.problem = Some(format!(
                    "The last snapshot failed ({detail}); it is tried again on schedule, or \
                     with POST snapshots."
                ));
                self.snapshots.retry_at = Some(now + TimeDelta::minutes(RETRY_MINUTES));
                self.answered(order);
                self.keep_snapshots()?;
                self.announce();
            }
        }
        Ok(())
    }

    fn note_unchanged(&mut self, generation: u64, now: DateTime<Utc>) {
        let restored = self
            .snapshots
            .restored
            .and_then(|restored| restored.generation);
        if generation == self.snapshots.newest || Some(generation) == restored {
            self.snapshots.saved_at = Some(now);
            self.snapshots.retry_at = None;
            self.snapshots.problem = None;
        }
    }

    fn restored(
        &mut self,
        generation: Option<u64>,
        took_ms: u64,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let detail = match generation {
            Some(generation) => format!("generation {generation}, in {took_ms} ms"),
            None => "it starts with nothing".to_owned(),
        };
        self.note(INIT, "state.restored", &detail, now)?;
        let known = generation.map(|number| generations::get(&self.db, number));
        if let Some(mut snapshot) = known.transpose()?.flatten() {
            snapshot.verified_at = Some(now);
            snapshot.damage = None;
            generations::save(&self.db, &snapshot)?;
        }
        // An admin who chose an older generation wants what it held, and nothing since.
        self.make_again(self.snapshots.chosen.is_some(), now)?;
        self.snapshots.restored = Some(Restored {
            run: self.state.run,
            generation,
            at: now,
        });
        self.snapshots.problem = None;
        // An order of the run before was about a tree that is gone.
        self.snapshots.order = None;
        self.restored_for_trial(generation, now)?;
        self.keep_snapshots()
    }

    fn damaged(
        &mut self,
        generation: u64,
        detail: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let text = format!("generation {generation} cannot be restored: {detail}");
        self.note(INIT, "state.damaged", &text, now)?;
        if let Some(mut snapshot) = generations::get(&self.db, generation)? {
            snapshot.damage = Some(detail.to_owned());
            generations::save(&self.db, &snapshot)?;
        }
        self.announce();
        Ok(())
    }

    fn refused(&mut self, detail: &str, now: DateTime<Utc>) -> Result<(), Problem> {
        self.note(INIT, "state.refused", detail, now)?;
        self.snapshots.problem = Some(format!(
            "The gateway does not start with nothing in place of its state: {detail}. Repair the \
             objects in the bucket and start it, choose another generation with POST \
             snapshots/N/restore, or give the state up with POST snapshots/0/restore."
        ));
        self.keep_snapshots()?;
        self.happen(Input::NoState, INIT, now)
    }
}

fn short(text: &str) -> String {
    text.chars().take(MAX_DETAIL).collect()
}
