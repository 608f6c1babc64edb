//! `POST policy/diff`: what a document would change.

use domain::access::Role;
use domain::policy;
use domain::problem::Problem;
use domain::wire::gateway::{CandidatePolicy, PolicyDiff};
use serde_json::Value;

use super::ApiRequest;
use super::policy_put::below_document;
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// Reads the document.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    let CandidatePolicy { document } = request.json()?;
    Ok(Operation::DiffPolicy { document })
}

/// Compares it with the newest version, for viewers and above.
pub(super) fn run<D: Db>(core: &Core<D>, who: &Principal, document: Value) -> Outcome {
    who.require(Role::Viewer)?;
    let document = policy::parse_value(document).map_err(below_document)?;
    let newest = core.newest();
    let changes = policy::diff(&newest.document, &document);
    Reply::ok(&PolicyDiff {
        base_version: newest.version,
        changes,
    })
}
