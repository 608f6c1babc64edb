//! `snapshots`: what there is, one more, and going back to one.

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::problem::Problem;
use domain::wire::snapshots::{RestoreSnapshot, SnapshotOrdered};

use super::{ApiRequest, policy_put};
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// Reads which page.
pub(super) fn read_page(request: &ApiRequest) -> Result<Operation, Problem> {
    Ok(Operation::Snapshots {
        before: request.before()?,
    })
}

/// Reads which.
pub(super) fn read_one(request: &ApiRequest) -> Result<Operation, Problem> {
    Ok(Operation::Snapshot {
        generation: request.version(1)?,
    })
}

/// Reads which, and why.
pub(super) fn read_restore(request: &ApiRequest) -> Result<Operation, Problem> {
    let generation = match request.segment(1) {
        "0" => 0,
        _ => request.version(1)?,
    };
    let RestoreSnapshot { note } = if request.body.is_empty() {
        RestoreSnapshot::default()
    } else {
        request.json()?
    };
    Ok(Operation::RestoreSnapshot {
        generation,
        note: policy_put::note(note)?,
    })
}

/// A page, for viewers and above.
pub(super) fn page<D: Db>(core: &Core<D>, who: &Principal, before: Option<u64>) -> Outcome {
    who.require(Role::Viewer)?;
    Reply::ok(&core.snapshot_page(before)?)
}

/// One, for viewers and above.
pub(super) fn one<D: Db>(core: &Core<D>, who: &Principal, generation: u64) -> Outcome {
    who.require(Role::Viewer)?;
    Reply::ok(&core.snapshot(generation)?)
}

/// Takes one now, for operators. 202: `GET snapshots` shows it once it is there.
pub(super) fn take<D: Db>(core: &mut Core<D>, who: &Principal, now: DateTime<Utc>) -> Outcome {
    who.require(Role::Operator)?;
    let order = core.take_snapshot(&who.subject, now)?;
    Reply::with_status(202, &SnapshotOrdered { order })
}

/// Starts anew from one, for admins. Answers 202 with the state that it leads to.
pub(super) fn restore<D: Db>(
    core: &mut Core<D>,
    who: &Principal,
    generation: u64,
    note: Option<&str>,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Admin)?;
    core.choose_snapshot(generation, note, &who.subject, now)?;
    Reply::with_status(202, &core.state().status())
}
