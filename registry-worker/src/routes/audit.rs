//! `GET audit`: who did what, newest first, a page at a time.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::problem::Problem;
use domain::wire::gateway::Page;
use serde::Deserialize;

use super::page::{limit, wrong};
use crate::app::Shared;
use crate::operator::Operator;
use crate::reply::{Failure, json};

/// The parameters, both optional: a page starts before position `cursor`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    cursor: Option<String>,
    limit: Option<String>,
}

#[worker::send]
pub(super) async fn list(
    State(app): State<Shared>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    request: Request,
) -> Result<Response, Failure> {
    Operator::of(&app, request.method(), request.headers()).await?;
    let Ok(Query(parameters)) = parameters else {
        let detail = "The parameters are cursor and limit, each at most once.";
        return Err(Problem::malformed(detail).into());
    };
    let before = parameters
        .cursor
        .map(|cursor| cursor.parse::<u64>())
        .transpose();
    let before = before.map_err(|_| wrong("cursor", "must be `next` of the page before"))?;
    let limit = limit(parameters.limit.as_deref())?;
    let mut items = app.audit.page(before, limit + 1).await?;
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > size;
    items.truncate(size);
    let next = items
        .last()
        .filter(|_| more)
        .map(|entry| entry.seq.to_string());
    json(StatusCode::OK, &Page { items, next })
}
