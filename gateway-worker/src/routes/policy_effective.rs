//! `GET policy/effective`: what OpenClaw itself reports.

use domain::access::Role;

use crate::command::{Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// What OpenClaw last reported, for viewers and above.
pub(super) fn run<D: Db>(core: &Core<D>, who: &Principal) -> Outcome {
    who.require(Role::Viewer)?;
    Reply::ok(&core.effective()?)
}
