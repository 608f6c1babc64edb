//! `GET policy`: the newest version.

use domain::access::Role;

use crate::command::{Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// The newest version, for viewers and above.
pub(super) fn run<D: Db>(core: &Core<D>, who: &Principal) -> Outcome {
    who.require(Role::Viewer)?;
    let newest = core.newest();
    Ok(Reply::ok(newest)?.tagged(newest.version))
}
