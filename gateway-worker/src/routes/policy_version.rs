//! `GET policy/versions/N`: a version as it was saved.

use domain::access::Role;
use domain::problem::Problem;

use super::ApiRequest;
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};
use crate::sandbox::store::policies;

/// Reads which.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    Ok(Operation::PolicyVersion {
        version: request.version(2)?,
    })
}

/// The version, for viewers and above.
pub(super) fn run<D: Db>(core: &Core<D>, who: &Principal, version: u64) -> Outcome {
    who.require(Role::Viewer)?;
    let stored = policies::get(core.db(), version)?.ok_or_else(|| no_such(version))?;
    Ok(Reply::ok(&stored)?.tagged(version))
}

/// There is no such version.
pub(super) fn no_such(version: u64) -> Problem {
    Problem::not_found(format!(
        "There is no version {version}; GET policy/versions lists them."
    ))
}
