//! `DELETE gateways/ID`: forget a gateway. Its credential stops working at once; the
//! gateway itself goes on. Enrolling it again brings it back.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;

use crate::app::Shared;
use crate::operator::Operator;
use crate::ports::{AuditNote, PortError};
use crate::reply::{Cause, Failure, no_content};
use crate::routes::{gateway_id, no_gateway};

#[worker::send]
pub(in crate::routes) async fn forget(
    State(app): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Failure> {
    let Operator(email) = Operator::of(&app, request.method(), request.headers()).await?;
    let id = gateway_id(path)?;
    let gateway = app.gateways.find(&id).await?.ok_or_else(no_gateway)?;
    let note = AuditNote {
        at: app.clock.now(),
        actor: email,
        action: "gateway.forgotten",
        gateway_id: Some(id.clone()),
        detail: format!("{} ({id}) at {}", gateway.name, gateway.url),
    };
    if !app.gateways.forget(&id, &note).await? {
        return Err(no_gateway().into());
    }
    let mut response = no_content();
    // The gateway is gone from the database already, which is what counts.
    if let Err(PortError::Failed(cause)) = app.pulse.forget(&id).await {
        response.extensions_mut().insert(Cause(cause));
    }
    Ok(response)
}
