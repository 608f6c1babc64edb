//! `GET usage`: what gateways used, by day in UTC, gateway or both; JSON or CSV.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chrono::{Days, NaiveDate};
use domain::csv;
use domain::id::{GatewayId, GatewayName};
use domain::problem::Problem;
use domain::wire::gateway::Page;
use domain::wire::registry::FleetUsage;
use domain::wire::usage::UsageTotals;
use serde::Deserialize;

use super::no_gateway;
use super::page::wrong;
use crate::app::{App, Shared};
use crate::operator::Operator;
use crate::ports::UsageQuery;
use crate::reply::{Failure, csv as csv_reply, json};

/// Days that are summed where no first day is named.
const DAYS: u64 = 30;
/// Most lines of an answer.
const MAX_LINES: usize = 10_000;
/// Columns that name a gateway.
const GATEWAY_COLUMNS: [&str; 2] = ["gateway_id", "gateway"];

/// The parameters, all optional: a gateway by id or name, first and last day, and
/// `day`, `gateway` or both to group by.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    gateway: Option<String>,
    from: Option<String>,
    to: Option<String>,
    group_by: Option<String>,
}

#[worker::send]
pub(super) async fn report(
    State(app): State<Shared>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    request: Request,
) -> Result<Response, Failure> {
    Operator::of(&app, request.method(), request.headers()).await?;
    let Ok(Query(parameters)) = parameters else {
        let detail = "The parameters are gateway, from, to and group_by, each at most once.";
        return Err(Problem::malformed(detail).into());
    };
    let query = query(&app, &parameters).await?;
    let items = app.usage.report(&query).await?;
    if items.len() > MAX_LINES {
        let detail = format!("is more than {MAX_LINES} lines; ask for fewer days");
        return Err(wrong("from", detail).into());
    }
    if wants_csv(request.headers()) {
        return Ok(csv_reply(document(&query, items)));
    }
    json(StatusCode::OK, &Page { items, next: None })
}

async fn query(app: &App, parameters: &Parameters) -> Result<UsageQuery, Failure> {
    let today = app.clock.now().date_naive();
    let to = day("to", parameters.to.as_deref())?.unwrap_or(today);
    let first = to.checked_sub_days(Days::new(DAYS - 1)).unwrap_or(to);
    let from = day("from", parameters.from.as_deref())?.unwrap_or(first);
    if from > to {
        return Err(wrong("from", "must not be after the last day").into());
    }
    let (by_day, by_gateway) = groups(parameters.group_by.as_deref())?;
    let gateway = match &parameters.gateway {
        Some(text) => Some(gateway(app, text).await?),
        None => None,
    };
    Ok(UsageQuery {
        gateway,
        from: from.to_string(),
        to: to.to_string(),
        by_day,
        by_gateway,
        limit: u32::try_from(MAX_LINES).unwrap_or(u32::MAX) + 1,
    })
}

/// A gateway by id or by name; forgotten ones too, for what they used stays.
async fn gateway(app: &App, text: &str) -> Result<GatewayId, Failure> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let name: GatewayName = text
        .parse()
        .map_err(|_| wrong("gateway", "must be the id or the name of a gateway"))?;
    let found = app.gateways.id_of_name(&name).await?;
    Ok(found.map(|(id, _)| id).ok_or_else(no_gateway)?)
}

fn day(name: &str, text: Option<&str>) -> Result<Option<NaiveDate>, Problem> {
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|_| wrong(name, "must be a day such as 2026-11-22"))
}

fn groups(text: Option<&str>) -> Result<(bool, bool), Problem> {
    match text {
        None | Some("day,gateway" | "gateway,day") => Ok((true, true)),
        Some("day") => Ok((true, false)),
        Some("gateway") => Ok((false, true)),
        Some(_) => {
            let detail = "must be day, gateway or both, separated by a comma";
            Err(wrong("group_by", detail))
        }
    }
}

fn wants_csv(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let first = accept.and_then(|accept| accept.split([',', ';']).next());
    first.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/csv"))
}

fn document(query: &UsageQuery, items: Vec<FleetUsage>) -> String {
    let mut columns = Vec::new();
    if query.by_day {
        columns.push("day");
    }
    if query.by_gateway {
        columns.extend(GATEWAY_COLUMNS);
    }
    columns.extend(UsageTotals::COLUMNS);
    let cells = |usage: FleetUsage| {
        let mut cells: Vec<String> = usage.day.into_iter().collect();
        if query.by_gateway {
            cells.push(
                usage
                    .gateway_id
                    .map(|id| id.to_string())
                    .unwrap_or_default(),
            );
            cells.push(
                usage
                    .gateway
                    .map(|name| name.to_string())
                    .unwrap_or_default(),
            );
        }
        cells.extend(usage.totals.counts().map(|count| count.to_string()));
        cells
    };
    csv::document(&columns, items.into_iter().map(cells))
}
