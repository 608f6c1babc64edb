//! `POST gateways/ID/token`: a token with which the operator acts at that gateway for
//! five minutes. It says who they are; what they may do there, the gateway's own policy says.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::TimeDelta;
use domain::access::credential_from;
use domain::access::ed25519::{Holder, TOKEN_TTL_SECONDS};
use domain::wire::registry::GatewayToken;

use crate::app::Shared;
use crate::operator::Operator;
use crate::reply::{Failure, json};
use crate::routes::{gateway_id, no_gateway};

#[worker::send]
pub(in crate::routes) async fn token(
    State(app): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Failure> {
    let (Operator(email), groups) =
        Operator::with_groups(&app, request.method(), request.headers()).await?;
    let id = gateway_id(path)?;
    let gateway = app.gateways.find(&id).await?.ok_or_else(no_gateway)?;
    let now = app.clock.now();
    let jti = credential_from("", app.random.bytes_32()?);
    let issuer = &app.settings.public_url;
    let holder = Holder {
        email: &email,
        groups: &groups,
    };
    let token = app
        .key()?
        .mint_for(issuer, id.as_str(), holder, &jti, now.timestamp());
    let expires_at = now + TimeDelta::seconds(TOKEN_TTL_SECONDS);
    json(
        StatusCode::CREATED,
        &GatewayToken {
            token,
            expires_at,
            url: gateway.url,
        },
    )
}
