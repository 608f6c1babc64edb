//! `POST budgets/extensions`: more until a time.

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::problem::Problem;
use domain::wire::usage::GrantExtension;

use super::ApiRequest;
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// Reads what is to be granted.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    Ok(Operation::Extend {
        grant: request.json()?,
    })
}

/// Grants it, for operators and above.
pub(super) fn run<D: Db>(
    core: &mut Core<D>,
    who: &Principal,
    grant: GrantExtension,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Operator)?;
    Reply::with_status(201, &core.extend(grant, who, now)?)
}
