//! `GET policy/versions`, newest first.

use domain::access::Role;
use domain::problem::Problem;

use super::ApiRequest;
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};
use crate::sandbox::store::policies;

/// Reads the cursor.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    Ok(Operation::PolicyVersions {
        before: request.before()?,
    })
}

/// A page, for viewers and above.
pub(super) fn run<D: Db>(core: &Core<D>, who: &Principal, before: Option<u64>) -> Outcome {
    who.require(Role::Viewer)?;
    Reply::ok(&policies::page(core.db(), before)?)
}
