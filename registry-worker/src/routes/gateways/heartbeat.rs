//! `POST gateways/ID/heartbeat`: a gateway says how it is.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::access::{constant_time_eq, hash_credential};
use domain::fleet::{MAX_HEARTBEAT_BYTES, validate};
use domain::id::GatewayId;
use domain::problem::Problem;
use domain::wire::registry::{Heartbeat, HeartbeatAck};
use edge::credentials::{Credential, find};

use crate::app::{App, Shared};
use crate::body;
use crate::operator::joined;
use crate::reply::{Failure, json};
use crate::routes::enroll::{CREDENTIAL_PREFIX, is_credential};
use crate::routes::gateway_id;

#[worker::send]
pub(in crate::routes) async fn heartbeat(
    State(app): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Failure> {
    let id = gateway_id(path)?;
    authenticate(&app, &id, request.headers()).await?;
    let said: Heartbeat = body::json(request, MAX_HEARTBEAT_BYTES).await?;
    let errors = validate(&said);
    if !errors.is_empty() {
        return Err(Problem::fields(errors).into());
    }
    // A replay is answered like the original: a gateway that sends again because an
    // answer got lost has done nothing wrong.
    let taken = app.pulse.absorb(&id, said).await?;
    json(
        StatusCode::OK,
        &HeartbeatAck {
            interval_seconds: taken.interval_seconds,
        },
    )
}

async fn authenticate(app: &App, id: &GatewayId, headers: &HeaderMap) -> Result<(), Failure> {
    let unknown = || {
        let detail = "This credential is not, or no longer, that of an enrolled gateway. Enrol \
            the gateway again with a new join token.";
        Problem::unauthenticated(detail)
    };
    let credential = match find(|name| joined(headers, name)) {
        Some(Credential::Bearer(token)) if is_credential(&token, CREDENTIAL_PREFIX) => token,
        _ => return Err(unknown().into()),
    };
    let hash = hash_credential(&credential);
    let gateway = app
        .gateways
        .find_by_credential(&hash)
        .await?
        .ok_or_else(unknown)?;
    if !constant_time_eq(&gateway.credential_hash, &hash) {
        return Err(unknown().into());
    }
    if gateway.id != *id {
        let detail = "This credential belongs to another gateway.";
        return Err(Problem::forbidden(detail).into());
    }
    Ok(())
}
