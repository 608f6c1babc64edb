//! `GET` and `POST proposals`, `GET proposals/ID`, `POST proposals/ID/{approve,reject}`.

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::problem::Problem;
use domain::proposal::Draft;
use domain::wire::gateway::{DecideProposal, Page};

use super::{ApiRequest, policy_put};
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};
use crate::sandbox::store::proposals;

/// Largest proposal, in bytes.
pub(super) const MAX_BODY: usize = 64 * 1024;

/// Reads the cursor.
pub(super) fn read_page(request: &ApiRequest) -> Result<Operation, Problem> {
    Ok(Operation::Proposals {
        before: request.before()?,
    })
}

/// Reads which.
pub(super) fn read_one(request: &ApiRequest) -> Result<Operation, Problem> {
    Ok(Operation::Proposal {
        id: request.segment(1).to_owned(),
    })
}

/// Reads what is proposed.
pub(super) fn read_draft(request: &ApiRequest) -> Result<Operation, Problem> {
    let draft: Draft = request.json()?;
    Ok(Operation::Propose { draft })
}

/// Reads which, and the note, if there is one.
pub(super) fn read_decision(request: &ApiRequest, approve: bool) -> Result<Operation, Problem> {
    let DecideProposal { note } = if request.body.is_empty() {
        DecideProposal::default()
    } else {
        request.json()?
    };
    let id = request.segment(1).to_owned();
    Ok(Operation::DecideProposal {
        id,
        approve,
        note: policy_put::note(note)?,
    })
}

/// A page, newest first, for viewers and above.
pub(super) fn page<D: Db>(
    core: &Core<D>,
    who: &Principal,
    before: Option<u64>,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Viewer)?;
    let Page { items, next } = proposals::page(core.db(), before)?;
    let items: Result<Vec<_>, _> = items
        .into_iter()
        .map(|proposal| core.as_it_stands(proposal, now))
        .collect();
    Reply::ok(&Page {
        items: items?,
        next,
    })
}

/// One, for viewers and above.
pub(super) fn one<D: Db>(core: &Core<D>, who: &Principal, id: &str, now: DateTime<Utc>) -> Outcome {
    who.require(Role::Viewer)?;
    Reply::ok(&core.proposal(id, now)?)
}

/// Takes one in, from operators and above.
pub(super) fn propose<D: Db>(
    core: &mut Core<D>,
    who: &Principal,
    draft: Draft,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Operator)?;
    Reply::with_status(201, &core.propose(&who.subject, draft, now)?)
}

/// Decides one, for operators and above.
pub(super) fn decide<D: Db>(
    core: &mut Core<D>,
    who: &Principal,
    id: &str,
    approve: bool,
    note: Option<String>,
    now: DateTime<Utc>,
) -> Outcome {
    Reply::ok(&core.decide_proposal(who, id, approve, note, now)?)
}
