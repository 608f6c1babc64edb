//! `GET gateways`: the fleet, by name, a page at a time.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::id::{GatewayName, MAX_NAME};
use domain::problem::Problem;
use domain::wire::gateway::Page;
use domain::wire::registry::{FleetStatus, GatewaySummary};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};

use super::summary::{readout, summary};
use crate::app::Shared;
use crate::operator::Operator;
use crate::ports::{GatewayQuery, PortError};
use crate::reply::{Cause, Failure, json};
use crate::routes::page::{MAX_LIMIT, limit, wrong};

/// Pages of the database that are looked through for one page with a given status. A
/// status is computed when it is read, so the database cannot filter by it.
const MAX_SCANS: usize = 10;

/// The parameters, all optional: a page starts after the name `cursor`, `name` is part of
/// a name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Parameters {
    cursor: Option<String>,
    limit: Option<String>,
    name: Option<String>,
    status: Option<String>,
}

struct Filter {
    after: Option<GatewayName>,
    limit: u32,
    name_contains: Option<String>,
    status: Option<FleetStatus>,
}

#[worker::send]
pub(in crate::routes) async fn list(
    State(app): State<Shared>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    request: Request,
) -> Result<Response, Failure> {
    Operator::of(&app, request.method(), request.headers()).await?;
    let filter = filter(parameters)?;
    let (page, cause) = page(&app, filter).await?;
    let mut response = json(StatusCode::OK, &page)?;
    if let Some(error) = cause {
        response.extensions_mut().insert(Cause(error.to_string()));
    }
    Ok(response)
}

async fn page(
    app: &Shared,
    filter: Filter,
) -> Result<(Page<GatewaySummary>, Option<PortError>), PortError> {
    let wanted = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    // One more than asked for tells whether there is a next page.
    let batch = if filter.status.is_some() {
        MAX_LIMIT
    } else {
        filter.limit + 1
    };
    let mut query = GatewayQuery {
        after: filter.after,
        name_contains: filter.name_contains,
        limit: batch,
    };
    let mut items: Vec<GatewaySummary> = Vec::new();
    let mut cause = None;
    for _ in 0..MAX_SCANS {
        let records = app.gateways.page(&query).await?;
        let exhausted = records.len() < usize::try_from(batch).unwrap_or(usize::MAX);
        let ids: Vec<_> = records.iter().map(|record| record.id.clone()).collect();
        let (mut readout, error) = readout(app, &ids).await;
        cause = cause.or(error);
        let now = app.clock.now();
        query.after = records
            .last()
            .map(|record| record.name.clone())
            .or(query.after);
        let summaries = records
            .into_iter()
            .map(|record| summary(record, &mut readout, now));
        items.extend(summaries.filter(|s| filter.status.is_none_or(|status| s.status == status)));
        if items.len() > wanted {
            items.truncate(wanted);
            let next = items.last().map(|item| item.name.to_string());
            return Ok((Page { items, next }, cause));
        }
        if exhausted {
            return Ok((Page { items, next: None }, cause));
        }
    }
    // Looked through enough for one request: the next page goes on from here.
    let next = query.after.map(|name| name.to_string());
    Ok((Page { items, next }, cause))
}

fn filter(parameters: Result<Query<Parameters>, QueryRejection>) -> Result<Filter, Problem> {
    let Ok(Query(parameters)) = parameters else {
        let detail = "The parameters are cursor, limit, name and status, each at most once.";
        return Err(Problem::malformed(detail));
    };
    let after = parameters.cursor.map(|cursor| cursor.parse()).transpose();
    let after = after.map_err(|_| wrong("cursor", "must be `next` of the page before"))?;
    let name = parameters.name.filter(|name| !name.is_empty());
    if name.as_ref().is_some_and(|name| name.len() > MAX_NAME) {
        return Err(wrong(
            "name",
            format!("must have at most {MAX_NAME} characters"),
        ));
    }
    let status = parameters.status.as_deref().map(status).transpose()?;
    let limit = limit(parameters.limit.as_deref())?;
    Ok(Filter {
        after,
        limit,
        name_contains: name,
        status,
    })
}

fn status(text: &str) -> Result<FleetStatus, Problem> {
    let reader: StrDeserializer<'_, ValueError> = text.into_deserializer();
    FleetStatus::deserialize(reader).map_err(|error| wrong("status", error.to_string()))
}
