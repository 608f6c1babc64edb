//! `GET usage/refusals`: how many model calls were refused, by hour, agent and reason.

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::csv;
use domain::problem::Problem;
use domain::wire::gateway::Page;
use domain::wire::usage::RefusalRow;

use super::{ApiRequest, usage};
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};
use crate::sandbox::store::calls::MAX_LINES;

/// Columns of the CSV form.
const COLUMNS: &[&str] = &["hour", "day", "agent", "reason", "calls"];

/// Reads the days.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    let text = |name| Ok::<_, Problem>(request.parameter(name)?.map(str::to_owned));
    let (from, to) = (text("from")?, text("to")?);
    for value in [&from, &to] {
        usage::day(value.as_deref())?;
    }
    let csv = request.wants_csv();
    Ok(Operation::Refusals { from, to, csv })
}

/// The counts, for viewers and above.
pub(super) fn run<D: Db>(
    core: &mut Core<D>,
    who: &Principal,
    days: (Option<&str>, Option<&str>),
    as_csv: bool,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Viewer)?;
    let (from, to) = usage::days(days, now)?;
    let items = core.refusals(&from.to_string(), &to.to_string())?;
    if items.len() > MAX_LINES {
        let detail = format!("This is more than {MAX_LINES} lines; ask for fewer days.");
        return Err(Problem::malformed(detail));
    }
    if as_csv {
        let cells = items.into_iter().map(cells);
        return Ok(Reply::csv(csv::document(COLUMNS, cells)));
    }
    Reply::ok(&Page { items, next: None })
}

fn cells(row: RefusalRow) -> Vec<String> {
    vec![
        row.hour,
        row.day,
        row.agent.unwrap_or_default(),
        row.reason.as_str().to_owned(),
        row.calls.to_string(),
    ]
}
