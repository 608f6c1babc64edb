//! `GET devices`, `POST devices/ID/{approve,reject,revoke}`.

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::devices::is_id;
use domain::problem::Problem;
use domain::wire::devices::{DecideDevice, DeviceVerb};

use super::{ApiRequest, policy_put};
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// Reads which, and the note, if there is one.
pub(super) fn read(request: &ApiRequest, verb: DeviceVerb) -> Result<Operation, Problem> {
    let DecideDevice { note } = if request.body.is_empty() {
        DecideDevice::default()
    } else {
        request.json()?
    };
    let id = request.segment(1);
    if !is_id(id) {
        return Err(Problem::not_found(
            "No request and no device has such an id; GET devices lists them.",
        ));
    }
    Ok(Operation::DecideDevice {
        verb,
        id: id.to_owned(),
        note: policy_put::note(note)?,
    })
}

/// All of them, for viewers and above.
pub(super) fn list<D: Db>(core: &Core<D>, who: &Principal, now: DateTime<Utc>) -> Outcome {
    who.require(Role::Viewer)?;
    Reply::ok(&core.devices(now)?)
}

/// Has something done about one. 202: `GET devices` shows what became of it.
pub(super) fn decide<D: Db>(
    core: &mut Core<D>,
    who: &Principal,
    verb: DeviceVerb,
    id: &str,
    note: Option<String>,
    now: DateTime<Utc>,
) -> Outcome {
    Reply::with_status(202, &core.decide_device(who, verb, id, note, now)?)
}
