//! Sleep: a gateway that nobody needs ends its container, and is there again before the next
//! scheduled job runs, or when somebody comes. Budgets, policy and revocations live in the
//! Durable Object, which does not sleep.

use chrono::{DateTime, TimeDelta, Utc};
use domain::problem::Problem;

use super::{Core, GATEWAY};
use crate::ports::{Db, StorageError};
use crate::sandbox::lifecycle::Input;
use crate::sandbox::store::records::{self, Record};

/// How long before a job runs the gateway is woken, in minutes: a start takes one or two on
/// a busy machine.
const AHEAD_MINUTES: i64 = 3;
/// Shortest sleep that is worth a stop and a start, in minutes.
const WORTH_MINUTES: i64 = 15;

/// Who needs the gateway, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Activity {
    /// When somebody last did; a moment ahead while it is known that somebody will.
    last: DateTime<Utc>,
    /// When the next scheduled job runs.
    next_run: Option<DateTime<Utc>>,
}

impl Activity {
    /// What is not known counts as needed now.
    pub(super) fn load<D: Db>(db: &D, now: DateTime<Utc>) -> Result<Self, StorageError> {
        Ok(Self {
            last: now,
            next_run: records::load(db, Record::NextRun)?.flatten(),
        })
    }
}

impl<D: Db> Core<D> {
    /// Somebody needs the gateway: a request for OpenClaw, or a model call of its agents.
    pub fn needed(&mut self, now: DateTime<Utc>) {
        self.activity.last = self.activity.last.max(now);
    }

    /// tedix-init says when OpenClaw's next scheduled job runs.
    pub(super) fn next_run_reported(&mut self, at: Option<DateTime<Utc>>) -> Result<(), Problem> {
        if self.activity.next_run != at {
            self.activity.next_run = at;
            records::save(&self.db, Record::NextRun, &at)?;
        }
        Ok(())
    }

    /// When the gateway goes to sleep if nobody needs it before; none when it never does.
    pub(super) fn sleep_due_at(&self) -> Option<DateTime<Utc>> {
        let after = self.newest.document.persistence.sleep_after.as_ref()?;
        let after = TimeDelta::seconds(i64::try_from(after.seconds()).ok()?);
        let ready = self.state.ready_since.filter(|_| self.state.is_ready())?;
        Some(self.activity.last.max(ready) + after)
    }

    /// Goes to sleep when that is due and nothing speaks against it.
    pub(super) fn tick_sleep(&mut self, now: DateTime<Utc>) -> Result<(), Problem> {
        if self.sleep_due_at().is_none_or(|due| due > now) {
            return Ok(());
        }
        if self.is_under_way(now)? {
            self.needed(now);
            return Ok(());
        }
        let ahead = TimeDelta::minutes(AHEAD_MINUTES);
        // One that should have run already is not waited for for ever.
        let next = self.activity.next_run.filter(|next| *next > now);
        let wake_at = next.map(|next| next - ahead);
        if let Some(next) = next
            && next - ahead < now + TimeDelta::minutes(WORTH_MINUTES)
        {
            self.needed(next);
            return Ok(());
        }
        self.happen(Input::Sleep { wake_at }, GATEWAY, now)
    }

    /// Whether a model call, a device, or something that waits for the container keeps it up.
    fn is_under_way(&self, now: DateTime<Utc>) -> Result<bool, StorageError> {
        // A page that is open would come back at once and wake what has just gone to sleep.
        let devices = self.devices(now)?;
        Ok(self.is_on_trial()
            || self.models.next_expiry().is_some()
            || self.is_browsing()
            || devices.paired.iter().any(|device| device.connected)
            || !devices.pending.is_empty()
            || !self.orders()?.is_empty()
            || !self.device_orders()?.is_empty()
            || self.state_status().snapshot_ordered)
    }
}

#[cfg(test)]
mod tests;
