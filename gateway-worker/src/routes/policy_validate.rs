//! `POST policy/validate`: whether a document could be saved.

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::policy;
use domain::problem::{FieldError, Problem};
use domain::wire::gateway::{CandidatePolicy, Validation};
use serde_json::Value;

use super::ApiRequest;
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// Reads the document.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    let CandidatePolicy { document } = request.json()?;
    Ok(Operation::ValidatePolicy { document })
}

/// Says what is wrong with it, for viewers and above. Pointers are into the document.
pub(super) fn run<D: Db>(
    core: &Core<D>,
    who: &Principal,
    document: Value,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Viewer)?;
    let errors = match policy::parse_value(document) {
        Ok(document) => {
            let mut faults = policy::save_faults(&document, now, false);
            let skew = core.check_version(&document, now).err();
            faults.extend(skew.map(|skew| FieldError::new("", skew.detail)));
            faults
        }
        Err(errors) => errors,
    };
    Reply::ok(&Validation {
        valid: errors.is_empty(),
        errors,
    })
}
