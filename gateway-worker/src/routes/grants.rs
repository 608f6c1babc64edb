//! `snapshots/N/grants`: lending a generation to another gateway.

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::problem::{FieldError, Problem};
use domain::wire::clones::{GrantSnapshot, Grants, MAX_GRANT_MINUTES};

use super::{ApiRequest, policy_put};
use crate::command::{Caller, Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// Reads of which.
pub(super) fn read_list(request: &ApiRequest) -> Result<Operation, Problem> {
    Ok(Operation::Grants {
        generation: request.version(1)?,
    })
}

/// Reads which, for how long and what for.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    let generation = request.version(1)?;
    let mut grant: GrantSnapshot = request.json()?;
    if !(1..=MAX_GRANT_MINUTES).contains(&grant.minutes) {
        return Err(Problem::fields(vec![FieldError::new(
            "/minutes",
            format!("must be 1 to {MAX_GRANT_MINUTES}"),
        )]));
    }
    grant.note = policy_put::note(grant.note)?;
    Ok(Operation::GrantSnapshot { generation, grant })
}

/// Reads which grant.
pub(super) fn read_end(request: &ApiRequest) -> Result<Operation, Problem> {
    Ok(Operation::EndGrant {
        generation: request.version(1)?,
        id: request.version(3)?,
    })
}

/// Those of a generation that have not ended, for admins.
pub(super) fn list<D: Db>(
    core: &Core<D>,
    who: &Principal,
    generation: u64,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Admin)?;
    core.snapshot(generation)?;
    let items = core.grants_of(generation, now)?;
    Reply::ok(&Grants { items })
}

/// Makes a code from random bytes, for admins. 201, and nobody can read it again.
///
/// # Errors
/// Whatever stands against it.
pub fn grant<D: Db>(
    core: &mut Core<D>,
    caller: &Caller,
    generation: u64,
    grant: GrantSnapshot,
    random: [u8; 32],
    now: DateTime<Utc>,
) -> Outcome {
    let who = core.principal(caller, now)?;
    who.require(Role::Admin)?;
    let granted = core.grant_snapshot(generation, grant, &who.subject, random, now)?;
    Reply::with_status(201, &granted)
}

/// Ends one, for admins. Answers with those that are left.
pub(super) fn end<D: Db>(
    core: &mut Core<D>,
    who: &Principal,
    generation: u64,
    id: u64,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Admin)?;
    core.end_grant(generation, id, &who.subject, now)?;
    let items = core.grants_of(generation, now)?;
    Reply::ok(&Grants { items })
}
