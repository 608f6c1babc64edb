//! `GET budgets`: today's limits, what is used and held of them, extensions.

use chrono::{DateTime, Utc};
use domain::access::Role;

use crate::command::{Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// The report, for viewers and above.
pub(super) fn run<D: Db>(core: &Core<D>, who: &Principal, now: DateTime<Utc>) -> Outcome {
    who.require(Role::Viewer)?;
    Reply::ok(&core.budgets(now)?)
}
