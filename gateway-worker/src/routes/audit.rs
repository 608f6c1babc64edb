//! `GET audit`, newest first, or all of it as JSON lines, oldest first.

use domain::access::Role;
use domain::problem::Problem;

use super::ApiRequest;
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};
use crate::sandbox::store::audit;

/// Reads the cursor.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    match request.parameter("format")? {
        None | Some("json") => Ok(Operation::Audit {
            before: request.before()?,
        }),
        Some("jsonl") if request.before()?.is_some() => Err(Problem::malformed(
            "`format=jsonl` is the whole audit and takes no `before`.",
        )),
        Some("jsonl") => Ok(Operation::ExportAudit { after: 0 }),
        Some(_) => Err(Problem::malformed("`format` is json or jsonl.")),
    }
}

/// A page, for viewers and above.
pub(super) fn run<D: Db>(core: &Core<D>, who: &Principal, before: Option<u64>) -> Outcome {
    who.require(Role::Viewer)?;
    Reply::ok(&audit::page(core.db(), before)?)
}

/// A page of the export, for viewers and above; the Worker strings them together.
pub(super) fn export<D: Db>(core: &Core<D>, who: &Principal, after: u64) -> Outcome {
    who.require(Role::Viewer)?;
    Reply::ok(&audit::export(core.db(), after)?)
}
