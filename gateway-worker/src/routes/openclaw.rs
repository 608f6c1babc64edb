//! `openclaw`: which version runs, another one, and back.

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::problem::Problem;
use domain::wire::openclaw_version::{BackToVersion, ChooseVersion};

use super::{ApiRequest, policy_put};
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// Reads which, why, and what it was decided from.
pub(super) fn read_version(request: &ApiRequest) -> Result<Operation, Problem> {
    let if_match = request.expected_version()?;
    let ChooseVersion { version, note } = request.json()?;
    Ok(Operation::ChooseVersion {
        version,
        if_match,
        note: policy_put::note(note)?,
    })
}

/// Reads why, and what it was decided from.
pub(super) fn read_back(request: &ApiRequest) -> Result<Operation, Problem> {
    let if_match = request.expected_version()?;
    let BackToVersion { note } = if request.body.is_empty() {
        BackToVersion::default()
    } else {
        request.json()?
    };
    Ok(Operation::VersionBack {
        if_match,
        note: policy_put::note(note)?,
    })
}

/// How it stands, for viewers and above, with the ETag that a decision names.
pub(super) fn get<D: Db>(core: &Core<D>, who: &Principal) -> Outcome {
    who.require(Role::Viewer)?;
    tagged(200, core)
}

/// Chooses a version, for admins. Answers 202 with how it stands then: the container ends
/// and starts anew, if it runs.
pub(super) fn choose<D: Db>(
    core: &mut Core<D>,
    who: &Principal,
    (version, note): (Option<&str>, Option<&str>),
    if_match: u64,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Admin)?;
    core.choose_version(version, if_match, (&who.subject, note), now)?;
    tagged(202, core)
}

/// Goes back to the version before and its generation, for admins.
pub(super) fn back<D: Db>(
    core: &mut Core<D>,
    who: &Principal,
    if_match: u64,
    note: Option<&str>,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Admin)?;
    core.go_back(if_match, (&who.subject, note), now)?;
    tagged(202, core)
}

fn tagged<D: Db>(status: u16, core: &Core<D>) -> Outcome {
    let now = core.openclaw_status();
    Ok(Reply::with_status(status, &now)?.tagged(now.revision))
}
