//! `POST policy/versions/N/restore`: saves an old version as the newest one, if it
//! could be saved today.

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::problem::Problem;
use domain::wire::gateway::RestorePolicy;

use super::ApiRequest;
use super::policy_put::{self, Edit};
use super::policy_version::no_such;
use crate::command::{Operation, Outcome};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal, with_note};
use crate::sandbox::store::policies;

/// Reads which version, the version it is to replace, and the note, if there is one.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    let version = request.version(2)?;
    let if_match = request.expected_version()?;
    let RestorePolicy { note } = if request.body.is_empty() {
        RestorePolicy::default()
    } else {
        request.json()?
    };
    Ok(Operation::RestorePolicy {
        version,
        if_match,
        note: policy_put::note(note)?,
    })
}

/// Saves it, for admins, through everything that an edit goes through.
pub(super) fn run<D: Db>(
    core: &mut Core<D>,
    who: &Principal,
    version: u64,
    if_match: u64,
    note: Option<&str>,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Admin)?;
    let stored = policies::get(core.db(), version)?.ok_or_else(|| no_such(version))?;
    let note = with_note(format!("Restores version {version}"), note);
    let edit = Edit {
        if_match,
        document: stored.document,
        note: Some(&note),
        force: None,
    };
    policy_put::save(core, who, edit, now)
}
