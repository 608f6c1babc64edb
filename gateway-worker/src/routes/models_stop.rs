//! `POST` and `DELETE models/stop`: stops all model calls at once, and lets them
//! start again.

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::problem::Problem;
use domain::wire::usage::StopModels;

use super::ApiRequest;
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// Reads why; in an emergency no body is needed.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    let stop = if request.body.is_empty() {
        StopModels::default()
    } else {
        request.json()?
    };
    Ok(Operation::StopModels { stop })
}

/// Stops, for operators and above.
pub(super) fn stop<D: Db>(
    core: &mut Core<D>,
    who: &Principal,
    stop: StopModels,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Operator)?;
    Reply::ok(&core.stop_models(stop, who, now)?)
}

/// Lets calls start again, for operators and above.
pub(super) fn resume<D: Db>(core: &mut Core<D>, who: &Principal, now: DateTime<Utc>) -> Outcome {
    who.require(Role::Operator)?;
    core.resume_models(who, now)?;
    Reply::ok(&core.budgets(now)?)
}
