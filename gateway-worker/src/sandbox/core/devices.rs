//! Devices: what OpenClaw says of them, and what somebody wants done about them. Orders
//! wait until a container runs, so that what was revoked stays so while it sleeps.

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Role;
use domain::devices::{self, MAX_ACTIONS};
use domain::problem::{FieldError, Problem};
use domain::wire::devices::{
    ActionState, DeviceAction, DeviceOrder, DeviceReport, DeviceVerb, Devices, PairingRequest,
};
use serde::{Deserialize, Serialize};

use super::{Core, INIT, Principal, Task, with_note};
use crate::ports::{Db, StorageError};
use crate::sandbox::store::records::{self, Record};

/// Longest reason that is taken from a report, in characters.
const MAX_WORDS: usize = 500;
/// For how long a change of a device is what somebody asked for, in minutes.
const EXPECTED_MINUTES: i64 = 5;

/// What is kept of devices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    report: DeviceReport,
    #[serde(default)]
    changed_at: Option<DateTime<Utc>>,
    /// Oldest first.
    #[serde(default)]
    actions: Vec<DeviceAction>,
    /// How many there ever were.
    #[serde(default)]
    count: u64,
}

impl<D: Db> Core<D> {
    /// Devices as OpenClaw last reported them.
    ///
    /// # Errors
    /// When the database fails.
    pub fn devices(&self, now: DateTime<Utc>) -> Result<Devices, StorageError> {
        let mut kept = self.kept_devices()?;
        let running = self.state.expects_container();
        let report = &mut kept.report;
        report
            .pending
            .retain(|request| running && devices::is_open(request, now));
        for paired in &mut report.paired {
            paired.connected &= running;
        }
        kept.actions.reverse();
        Ok(Devices {
            changed_at: kept.changed_at,
            pending: kept.report.pending,
            paired: kept.report.paired,
            actions: kept.actions,
        })
    }

    /// Has OpenClaw do something about a device. Granting takes an admin, as it does in
    /// OpenClaw; refusing and taking away take an operator.
    ///
    /// # Errors
    /// 403 for who may not, and see [`devices::target`]; 429 when too many wait.
    pub fn decide_device(
        &mut self,
        who: &Principal,
        verb: DeviceVerb,
        id: &str,
        note: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<DeviceAction, Problem> {
        who.require(match verb {
            DeviceVerb::Approve => Role::Admin,
            DeviceVerb::Reject | DeviceVerb::Revoke => Role::Operator,
        })?;
        let mut kept = self.kept_devices()?;
        if verb != DeviceVerb::Revoke && !self.state.expects_container() {
            // Requests end with their connections.
            kept.report.pending.clear();
        }
        let device_id = devices::target(&kept.report, &kept.actions, verb, id, now)?;
        if kept.actions.len() >= MAX_ACTIONS {
            let settled = |action: &DeviceAction| action.state != ActionState::Waiting;
            let Some(oldest) = kept.actions.iter().position(settled) else {
                return Err(Problem::too_many(
                    "Too many decisions about devices wait for the container; start it first.",
                ));
            };
            kept.actions.remove(oldest);
        }
        kept.count = kept.count.saturating_add(1);
        let action = DeviceAction {
            id: format!("d{}", kept.count),
            verb,
            target: id.to_owned(),
            device_id,
            by: who.subject.clone(),
            at: now,
            note,
            state: ActionState::Waiting,
            detail: None,
            settled_at: None,
        };
        let detail = with_note(words(&action), action.note.as_deref());
        let asked = match verb {
            DeviceVerb::Approve => "device.approval_asked",
            DeviceVerb::Reject => "device.rejection_asked",
            DeviceVerb::Revoke => "device.revocation_asked",
        };
        self.note(&who.subject, asked, &detail, now)?;
        kept.actions.push(action.clone());
        records::save(&self.db, Record::Devices, &kept)?;
        self.choose_offer(now)?;
        if self.state.expects_container() && self.tracking.acknowledged.is_some() {
            self.tasks.push(Task::Reload);
        }
        Ok(action)
    }

    /// What is still to be done in the container.
    pub(super) fn device_orders(&self) -> Result<Vec<DeviceOrder>, StorageError> {
        let waiting = |action: DeviceAction| {
            (action.state == ActionState::Waiting).then_some(DeviceOrder {
                id: action.id,
                verb: action.verb,
                target: action.target,
            })
        };
        let kept = self.kept_devices()?;
        Ok(kept.actions.into_iter().filter_map(waiting).collect())
    }

    /// tedix-init had OpenClaw do it, or could not.
    pub(super) fn device_done(
        &mut self,
        id: &str,
        error: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let mut kept = self.kept_devices()?;
        let waits =
            |action: &&mut DeviceAction| action.id == id && action.state == ActionState::Waiting;
        let Some(action) = kept.actions.iter_mut().find(waits) else {
            return Ok(());
        };
        action.settled_at = Some(now);
        action.state = match error {
            None => ActionState::Done,
            Some(_) => ActionState::Failed,
        };
        action.detail = error.map(|error| error.chars().take(MAX_WORDS).collect());
        let done = match (error, action.verb) {
            (Some(_), _) => "device.failed",
            (None, DeviceVerb::Approve) => "device.approved",
            (None, DeviceVerb::Reject) => "device.rejected",
            (None, DeviceVerb::Revoke) => "device.revoked",
        };
        let detail = match &action.detail {
            Some(why) => format!("{}: {why}", words(action)),
            None => words(action),
        };
        self.note(INIT, done, &detail, now)?;
        records::save(&self.db, Record::Devices, &kept)?;
        self.choose_offer(now)?;
        Ok(())
    }

    /// OpenClaw said something new about devices.
    pub(super) fn devices_reported(
        &mut self,
        report: DeviceReport,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        if !devices::is_bounded(&report) {
            return Err(Problem::fields(vec![FieldError::new(
                "/report",
                "is more than is kept",
            )]));
        }
        let mut kept = self.kept_devices()?;
        if kept.report == report && kept.changed_at.is_some() {
            return Ok(());
        }
        // One entry however many there are: whoever reaches OpenClaw can make requests.
        let fresh = |request: &&PairingRequest| {
            let mut before = kept.report.pending.iter();
            !before.any(|known| known.request_id == request.request_id)
        };
        let fresh: Vec<&PairingRequest> = report.pending.iter().filter(fresh).collect();
        if let Some(first) = fresh.first() {
            let (id, device) = (&first.request_id, &first.device.device_id);
            let detail = match fresh.len() {
                1 => format!("request {id} of device {device}"),
                more => format!("{more} requests, the first {id} of device {device}"),
            };
            self.note(INIT, "device.requested", &detail, now)?;
        }
        kept.report = report;
        kept.changed_at = Some(now);
        Ok(records::save(&self.db, Record::Devices, &kept)?)
    }

    /// Whether somebody just had this device changed.
    pub(super) fn device_was_decided(
        &self,
        device_id: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StorageError> {
        let since = now - TimeDelta::minutes(EXPECTED_MINUTES);
        let kept = self.kept_devices()?;
        Ok(kept.actions.iter().any(|action| {
            action.device_id == device_id
                && action.state == ActionState::Done
                && action.settled_at.is_some_and(|at| at >= since)
        }))
    }

    fn kept_devices(&self) -> Result<Kept, StorageError> {
        Ok(records::load(&self.db, Record::Devices)?.unwrap_or_default())
    }
}

fn words(action: &DeviceAction) -> String {
    match action.verb {
        DeviceVerb::Revoke => format!("{}: device {}", action.id, action.device_id),
        _ => format!(
            "{}: request {} of device {}",
            action.id, action.target, action.device_id
        ),
    }
}

#[cfg(test)]
mod tests;
