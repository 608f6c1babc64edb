//! `GET usage`: tokens by day and model, newest day first; with `group_by`, sums
//! over the last days by whatever is named.

use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::access::Role;
use domain::csv;
use domain::problem::Problem;
use domain::wire::gateway::Page;
use domain::wire::usage::{UsageGroup, UsageTotals};

use super::ApiRequest;
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};
use crate::sandbox::store::calls::{self, GroupBy, MAX_LINES};
use crate::sandbox::store::usage;

/// Days of a report that names no first day.
const REPORT_DAYS: u64 = 31;

/// Reads the cursor, a day; or what to group by.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    let text = |name| Ok::<_, Problem>(request.parameter(name)?.map(str::to_owned));
    let (before, from, to) = (text("before")?, text("from")?, text("to")?);
    for value in [&before, &from, &to] {
        day(value.as_deref())?;
    }
    let csv = request.wants_csv();
    match request.parameter("group_by")? {
        Some(names) => Ok(Operation::UsageReport {
            by: group_by(names)?,
            from,
            to,
            csv,
        }),
        None if csv || from.is_some() || to.is_some() => {
            let by = vec![GroupBy::Day, GroupBy::Model];
            Ok(Operation::UsageReport { by, from, to, csv })
        }
        None => Ok(Operation::Usage { before }),
    }
}

fn group_by(names: &str) -> Result<Vec<GroupBy>, Problem> {
    let wrong = || {
        let detail = "`group_by` names day, hour, agent, session or model, each at most once, \
            separated by commas.";
        Problem::malformed(detail)
    };
    let mut by = Vec::new();
    for name in names.split(',') {
        let found = GroupBy::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(wrong)?;
        if by.contains(&found.1) {
            return Err(wrong());
        }
        by.push(found.1);
    }
    Ok(by)
}

/// Sums, for viewers and above.
pub(super) fn report<D: Db>(
    core: &Core<D>,
    who: &Principal,
    by: &[GroupBy],
    (from, to): (Option<&str>, Option<&str>),
    as_csv: bool,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Viewer)?;
    let (from, to) = days((from, to), now)?;
    let items = calls::report(core.db(), by, &from.to_string(), &to.to_string())?;
    if items.len() > MAX_LINES {
        let detail = format!("This is more than {MAX_LINES} lines; ask for fewer days or groups.");
        return Err(Problem::malformed(detail));
    }
    if !as_csv {
        return Reply::ok(&Page { items, next: None });
    }
    let names = by
        .iter()
        .filter_map(|by| GroupBy::ALL.iter().find(|(_, known)| known == by));
    let columns: Vec<&str> = names
        .map(|(name, _)| *name)
        .chain(UsageTotals::COLUMNS)
        .collect();
    Ok(Reply::csv(csv::document(
        &columns,
        items.into_iter().map(|group| cells(group, by)),
    )))
}

fn cells(group: UsageGroup, by: &[GroupBy]) -> Vec<String> {
    let UsageGroup {
        day,
        hour,
        agent,
        session,
        model,
        totals,
    } = group;
    let named = by.iter().map(|by| {
        let value = match by {
            GroupBy::Day => &day,
            GroupBy::Hour => &hour,
            GroupBy::Agent => &agent,
            GroupBy::Session => &session,
            GroupBy::Model => &model,
        };
        value.clone().unwrap_or_default()
    });
    let counts = totals.counts();
    named.chain(counts.map(|count| count.to_string())).collect()
}

/// A page, for viewers and above.
pub(super) fn run<D: Db>(core: &Core<D>, who: &Principal, before: Option<&str>) -> Outcome {
    who.require(Role::Viewer)?;
    Reply::ok(&usage::page(core.db(), day(before)?)?)
}

/// First and last day of a report.
pub(super) fn days(
    (from, to): (Option<&str>, Option<&str>),
    now: DateTime<Utc>,
) -> Result<(NaiveDate, NaiveDate), Problem> {
    // A day of a zone may be tomorrow in UTC.
    let to = day(to)?.unwrap_or(now.date_naive() + Days::new(1));
    let from = day(from)?.unwrap_or(to.checked_sub_days(Days::new(REPORT_DAYS)).unwrap_or(to));
    Ok((from, to))
}

/// Reads a day.
pub(super) fn day(text: Option<&str>) -> Result<Option<NaiveDate>, Problem> {
    let parse = |text: &str| text.parse::<NaiveDate>();
    text.map(parse)
        .transpose()
        .map_err(|_| Problem::malformed("Days are written such as 2026-11-22."))
}
