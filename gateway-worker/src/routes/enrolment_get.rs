//! `GET enrolment`.

use domain::access::Role;

use crate::command::{Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// Which registry the gateway belongs to, for viewers and above.
pub(super) fn run<D: Db>(core: &Core<D>, who: &Principal) -> Outcome {
    who.require(Role::Viewer)?;
    Reply::ok(&core.enrolment()?)
}
