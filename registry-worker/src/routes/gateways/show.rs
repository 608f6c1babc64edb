//! `GET gateways/ID`: one gateway.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::summary::{readout, summary};
use crate::app::Shared;
use crate::operator::Operator;
use crate::reply::{Cause, Failure, json};
use crate::routes::{gateway_id, no_gateway};

#[worker::send]
pub(in crate::routes) async fn show(
    State(app): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Failure> {
    Operator::of(&app, request.method(), request.headers()).await?;
    let id = gateway_id(path)?;
    let gateway = app.gateways.find(&id).await?.ok_or_else(no_gateway)?;
    let (mut readout, error) = readout(&app, std::slice::from_ref(&id)).await;
    let mut response = json(
        StatusCode::OK,
        &summary(gateway, &mut readout, app.clock.now()),
    )?;
    if let Some(error) = error {
        response.extensions_mut().insert(Cause(error.to_string()));
    }
    Ok(response)
}
