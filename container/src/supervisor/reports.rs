//! Reports that wait until the gateway Worker takes them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use domain::wire::devices::DeviceOrder;
use domain::wire::init::{Order, Report, ReportAck};

use super::Supervisor;
use crate::log;

/// Most reports that wait; the oldest go first.
const WAITING: usize = 32;
/// How long to wait after a report was not taken.
const AGAIN: Duration = Duration::from_secs(2);

/// Reports in the order they were made.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Report>,
    again_at: Option<Instant>,
}

impl Outbox {
    fn push(&mut self, report: Report) {
        if matches!(report, Report::Observed { .. }) {
            // Only the newest observation says anything.
            self.waiting
                .retain(|other| !matches!(other, Report::Observed { .. }));
        }
        if matches!(report, Report::Approved { .. }) {
            // It says all of it, each time.
            self.waiting
                .retain(|other| !matches!(other, Report::Approved { .. }));
        }
        if self.waiting.len() >= WAITING {
            let mut waiting = self.waiting.iter();
            let oldest = waiting.position(|other| !matches!(other, Report::Approved { .. }));
            self.waiting.remove(oldest.unwrap_or_default());
        }
        self.waiting.push_back(report);
    }

    /// When to try again; none when nothing waits.
    pub(super) fn due(&self) -> Option<Instant> {
        self.again_at.filter(|_| !self.waiting.is_empty())
    }
}

impl Supervisor {
    /// Says something, now if possible.
    pub(super) fn report(&mut self, report: Report) {
        self.outbox.push(report);
        self.send_reports();
    }

    /// Sends what waits, unless that failed a moment ago.
    pub(super) fn send_reports(&mut self) {
        if self.outbox.again_at.is_some_and(|at| at > Instant::now()) {
            return;
        }
        while let Some(report) = self.outbox.waiting.front() {
            match self.governance.report(report) {
                Ok(ack) => {
                    self.outbox.waiting.pop_front();
                    self.outbox.again_at = None;
                    self.compare(&ack);
                }
                Err(error) => {
                    if self.outbox.again_at.is_none() {
                        log::line(&format!("{error}; reports wait"));
                    }
                    self.outbox.again_at = Some(Instant::now() + AGAIN);
                    return;
                }
            }
        }
    }

    /// A signal may get lost: what is wanted is compared with what is there.
    fn compare(&mut self, ack: &ReportAck) {
        let desired_hash = ack.desired_hash.as_str();
        let installed = self
            .installed
            .as_ref()
            .map(|bundle| bundle.config_hash.as_str());
        let known = installed == Some(desired_hash)
            || self.rejected.iter().any(|hash| hash == desired_hash);
        let orders = self.installed.as_ref().map_or(0, |bundle| {
            let open = |order: &&Order| !self.carried_out.contains(&order.id);
            bundle.watch.orders.iter().filter(open).count()
        });
        let devices = self.device_orders();
        let open = |order: &&DeviceOrder| !self.carried_out.contains(&order.id);
        let orders = orders + devices.iter().filter(open).count();
        // An order that is done already may still be counted while its report waits.
        let ordered = ack.orders > orders + self.carried_out.len();
        // What is watched besides the configuration may have changed with the policy alone.
        let of_another_version = self.installed.as_ref().is_some_and(|bundle| {
            let theirs = ack.policy_version;
            bundle.config_hash == desired_hash
                && theirs.is_some_and(|theirs| theirs != bundle.policy_version)
        });
        if (!known || ordered || of_another_version) && self.fetch_at.is_none() {
            self.fetch_at = Some(Instant::now());
        }
    }
}
