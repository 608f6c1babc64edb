//! When a snapshot is due.

use chrono::{DateTime, TimeDelta, Utc};
use domain::state::SnapshotReason;
use domain::wire::state::SnapshotOrder;

use super::{Core, Order};
use crate::ports::{Db, StorageError};
use crate::sandbox::core::{GATEWAY, Task};

/// Minutes after which an order that was not answered is given again, and noted.
const OVERDUE_MINUTES: i64 = 15;

impl<D: Db> Core<D> {
    /// Has a snapshot taken; one that waits already serves this as well. Its number.
    pub(in crate::sandbox::core) fn order_snapshot(
        &mut self,
        reason: SnapshotReason,
        now: DateTime<Utc>,
    ) -> Result<u64, StorageError> {
        self.snapshots.orders = self.snapshots.orders.saturating_add(1);
        let id = self.snapshots.orders;
        self.snapshots.order = Some(Order {
            order: SnapshotOrder { id, reason },
            at: now,
        });
        self.keep_snapshots()?;
        self.tasks.push(Task::Reload);
        Ok(id)
    }

    /// Orders what is due, and gives an order again that nobody answered.
    pub(in crate::sandbox::core) fn tick_snapshots(
        &mut self,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        if self.snapshots_due_at().is_none_or(|due| due > now) {
            return Ok(());
        }
        let Some(order) = &mut self.snapshots.order else {
            self.order_snapshot(SnapshotReason::Schedule, now)?;
            return Ok(());
        };
        order.at = now;
        let detail = format!(
            "order {} was not answered; it is given again",
            order.order.id
        );
        self.keep_snapshots()?;
        self.tasks.push(Task::Reload);
        self.note(GATEWAY, "snapshot.overdue", &detail, now)
    }

    /// When the next is due, or the one that was ordered is overdue.
    pub(in crate::sandbox::core) fn snapshots_due_at(&self) -> Option<DateTime<Utc>> {
        let restored = self.snapshots.restored.filter(|_| self.has_state())?;
        if !self.state.is_ready() {
            return None;
        }
        if let Some(order) = &self.snapshots.order {
            return Some(order.at + TimeDelta::minutes(OVERDUE_MINUTES));
        }
        let last = self
            .snapshots
            .saved_at
            .map_or(restored.at, |at| at.max(restored.at));
        let due = last + self.rhythm();
        Some(self.snapshots.retry_at.map_or(due, |retry| retry.max(due)))
    }
}
