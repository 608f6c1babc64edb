//! `GET policy/coverage`: what enforces each clause of the newest version.

use domain::access::Role;
use domain::policy::coverage::coverage;
use domain::wire::gateway::Coverage;

use crate::command::{Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// The report, for viewers and above.
pub(super) fn run<D: Db>(core: &Core<D>, who: &Principal) -> Outcome {
    who.require(Role::Viewer)?;
    let newest = core.newest();
    Reply::ok(&Coverage {
        version: newest.version,
        clauses: coverage(&newest.document),
    })
}
