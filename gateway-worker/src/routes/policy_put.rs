//! `PUT policy`: saves the next version, if nobody else did meanwhile.

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::policy::{self, MAX_BYTES};
use domain::problem::{FieldError, Problem};
use domain::wire::gateway::PutPolicy;
use serde_json::Value;

use super::ApiRequest;
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// Largest body, in bytes.
pub(super) const MAX_BODY: usize = MAX_BYTES;
/// Longest note, in characters.
const MAX_NOTE: usize = 500;

/// Reads the document, the note, the reason to force it and the version it was edited from.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    let if_match = request.expected_version()?;
    let PutPolicy {
        document,
        note,
        force,
    } = request.json()?;
    let given = force.is_some();
    let force = text(force, "/force")?;
    if given && force.is_none() {
        let detail = "says why the policy is saved over its own tests";
        return Err(Problem::fields(vec![FieldError::new("/force", detail)]));
    }
    Ok(Operation::PutPolicy {
        if_match,
        document,
        note: self::note(note)?,
        force,
    })
}

/// A note that says something and is not too long.
pub(super) fn note(note: Option<String>) -> Result<Option<String>, Problem> {
    text(note, "/note")
}

fn text(text: Option<String>, pointer: &str) -> Result<Option<String>, Problem> {
    let text = text.filter(|text| !text.trim().is_empty());
    if text
        .as_ref()
        .is_some_and(|text| text.chars().count() > MAX_NOTE)
    {
        let detail = format!("must have at most {MAX_NOTE} characters");
        return Err(Problem::fields(vec![FieldError::new(pointer, detail)]));
    }
    Ok(text)
}

/// A version that somebody wants to save.
pub(super) struct Edit<'a> {
    /// Version that it is to replace.
    pub(super) if_match: u64,
    /// The document.
    pub(super) document: Value,
    /// Why.
    pub(super) note: Option<&'a str>,
    /// Why it is saved though it breaks its own tests.
    pub(super) force: Option<&'a str>,
}

/// Saves it, for admins.
pub(super) fn run<D: Db>(
    core: &mut Core<D>,
    who: &Principal,
    edit: Edit<'_>,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Admin)?;
    save(core, who, edit, now)
}

/// Saves a version, if it replaces the newest one and is valid.
pub(super) fn save<D: Db>(
    core: &mut Core<D>,
    who: &Principal,
    edit: Edit<'_>,
    now: DateTime<Utc>,
) -> Outcome {
    let current = core.newest().version;
    if edit.if_match != current {
        let detail =
            format!("Version {current} is in force now; compare your edit with it and save again.");
        return Err(Problem::stale_version(detail).with_current_version(current));
    }
    let document = policy::parse_value(edit.document).map_err(below_document)?;
    if who.role_in(&document) != Some(Role::Admin) {
        // Who locks themselves out has no way back in; another admin can still do it.
        let detail = "must keep you as an admin; another admin can remove you";
        return Err(Problem::fields(vec![FieldError::new(
            "/document/access/operators",
            detail,
        )]));
    }
    let faults = policy::save_faults(&document, now, edit.force.is_some());
    if !faults.is_empty() {
        return Err(below_document(faults));
    }
    if let Some(reason) = edit.force {
        let broken = policy::run_tests(&document, now)
            .iter()
            .filter(|test| !test.passed)
            .count();
        let detail = format!("over {broken} of its own tests: {reason}");
        core.note(&who.subject, "policy.forced", &detail, now)?;
    }
    let saved = core.save_policy(document, &who.subject, edit.note, now)?;
    Ok(Reply::ok(saved)?.tagged(saved.version))
}

/// Faults of the document, with pointers into the request that carries it.
pub(super) fn below_document(faults: Vec<FieldError>) -> Problem {
    let below =
        |fault: FieldError| FieldError::new(format!("/document{}", fault.pointer), fault.detail);
    Problem::fields(faults.into_iter().map(below).collect())
}
