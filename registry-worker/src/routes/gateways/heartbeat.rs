//! `POST gateways/ID/heartbeat`: a gateway says how it is.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::access::{constant_time_eq, hash_credential};
use domain::fleet::{MAX_HEARTBEAT_BYTES, MAX_USAGE_HOURS, parse_hour, validate};
use domain::id::GatewayId;
use domain::problem::Problem;
use domain::wire::registry::{Heartbeat, HeartbeatAck, HourUsage};
use edge::credentials::{Credential, find};

use crate::app::{App, Shared};
use crate::body;
use crate::operator::joined;
use crate::reply::{Cause, Failure, json};
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
    let mut said: Heartbeat = body::json(request, MAX_HEARTBEAT_BYTES).await?;
    let errors = validate(&said);
    if !errors.is_empty() {
        return Err(Problem::fields(errors).into());
    }
    let usage = std::mem::take(&mut said.usage);
    let (usage_through, fault) = keep(&app, &id, &usage).await;
    // A replay is answered like the original: a gateway that sends again because an
    // answer got lost has done nothing wrong.
    let taken = app.pulse.absorb(&id, said).await?;
    let ack = HeartbeatAck {
        interval_seconds: taken.interval_seconds,
        usage_hours: u32::try_from(MAX_USAGE_HOURS).unwrap_or(u32::MAX),
        usage_through,
    };
    let mut response = json(StatusCode::OK, &ack)?;
    if let Some(cause) = fault {
        response.extensions_mut().insert(cause);
    }
    Ok(response)
}

/// Keeps hours of usage that have begun; the newest of them, for the gateway to go on
/// from. What cannot be kept now comes again with a later heartbeat, which counts all
/// the same.
async fn keep(app: &App, id: &GatewayId, hours: &[HourUsage]) -> (Option<String>, Option<Cause>) {
    let now = app.clock.now();
    let begun = |hour: &HourUsage| parse_hour(&hour.hour).is_some_and(|begin| begin <= now);
    // They are in order, so those to come are at the end.
    let hours = hours.iter().filter(|hour| begun(hour)).cloned();
    let hours: Vec<HourUsage> = hours.collect();
    let Some(newest) = hours.last() else {
        return (None, None);
    };
    match app.usage.add(id, &hours).await {
        Ok(()) => (Some(newest.hour.clone()), None),
        Err(error) => (None, Some(Cause(format!("usage: {error}")))),
    }
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
