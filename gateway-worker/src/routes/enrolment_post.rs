//! `POST enrolment`: joins a registry. The exchange itself is in
//! [`Core::begin_join`] and [`Core::finish_join`].

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::problem::Problem;

use super::ApiRequest;
use crate::command::{Caller, Operation};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// Reads the registry's address and the join token.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    Ok(Operation::Join {
        join: request.json()?,
    })
}

/// Who may join a registry: admins.
///
/// # Errors
/// 401 or 403 for anybody else.
pub fn authorize<D: Db>(
    core: &Core<D>,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Principal, Problem> {
    let who = core.principal(caller, now)?;
    who.require(Role::Admin)?;
    Ok(who)
}
