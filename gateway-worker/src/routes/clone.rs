//! `snapshots/clone`: another gateway's state into this one.

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::problem::Problem;
use domain::wire::clones::CloneSnapshot;

use super::{ApiRequest, policy_put};
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// Reads from where, and why.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    let mut clone: CloneSnapshot = request.json()?;
    clone.note = policy_put::note(clone.note)?;
    Ok(Operation::CloneSnapshot { clone })
}

/// How far the last one is, for viewers and above; `null` when there was none, which is
/// nothing that is missing.
pub(super) fn show<D: Db>(core: &Core<D>, who: &Principal) -> Outcome {
    who.require(Role::Viewer)?;
    Reply::ok(&core.clone_status())
}

/// Begins one, for admins. 202: `GET snapshots/clone` says how far it is.
pub(super) fn ask<D: Db>(
    core: &mut Core<D>,
    who: &Principal,
    clone: CloneSnapshot,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Admin)?;
    Reply::with_status(202, &core.ask_clone(clone, &who.subject, now)?)
}

/// Calls it off, for admins.
pub(super) fn cancel<D: Db>(core: &mut Core<D>, who: &Principal, now: DateTime<Utc>) -> Outcome {
    who.require(Role::Admin)?;
    core.cancel_clone(&who.subject, now)?;
    Reply::ok(&core.clone_status())
}
