//! `GET usage`: tokens by day and model, newest day first.

use chrono::NaiveDate;
use domain::access::Role;
use domain::problem::Problem;

use super::ApiRequest;
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};
use crate::sandbox::store::usage;

/// Reads the cursor, a day.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    let before = request.parameter("before")?.map(str::to_owned);
    day(before.as_deref())?;
    Ok(Operation::Usage { before })
}

/// A page, for viewers and above.
pub(super) fn run<D: Db>(core: &Core<D>, who: &Principal, before: Option<&str>) -> Outcome {
    who.require(Role::Viewer)?;
    Reply::ok(&usage::page(core.db(), day(before)?)?)
}

fn day(text: Option<&str>) -> Result<Option<NaiveDate>, Problem> {
    let parse = |text: &str| text.parse::<NaiveDate>();
    text.map(parse)
        .transpose()
        .map_err(|_| Problem::malformed("`before` must be a day such as 2026-11-22."))
}
