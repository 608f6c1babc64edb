//! `POST join-tokens`: a token to enrol one gateway with.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::TimeDelta;
use domain::access::{credential_from, hash_credential};
use domain::problem::{FieldError, Problem};
use domain::wire::registry::{CreateJoinToken, JoinToken};

use crate::app::Shared;
use crate::body::{self, MAX_BODY_BYTES};
use crate::operator::Operator;
use crate::ports::{AuditNote, NewJoinToken};
use crate::reply::{Failure, json};

/// Marks a join token.
pub(super) const PREFIX: &str = "tjt_";

/// Seconds a token is valid where nothing is said (Nomad's introduction tokens: 5 minutes).
const DEFAULT_TTL_SECONDS: u32 = 300;
const MIN_TTL_SECONDS: u32 = 30;
const MAX_TTL_SECONDS: u32 = 3600;

#[worker::send]
pub(super) async fn create(
    State(app): State<Shared>,
    request: Request,
) -> Result<Response, Failure> {
    let Operator(email) = Operator::of(&app, request.method(), request.headers()).await?;
    let asked: CreateJoinToken = body::json(request, MAX_BODY_BYTES).await?;
    let ttl = asked.ttl_seconds.unwrap_or(DEFAULT_TTL_SECONDS);
    if !(MIN_TTL_SECONDS..=MAX_TTL_SECONDS).contains(&ttl) {
        let detail = format!("must be from {MIN_TTL_SECONDS} to {MAX_TTL_SECONDS}");
        return Err(Problem::fields(vec![FieldError::new("/ttl_seconds", detail)]).into());
    }
    let now = app.clock.now();
    let token = credential_from(PREFIX, app.random.bytes_32()?);
    let expires_at = now + TimeDelta::seconds(i64::from(ttl));
    let bound = asked
        .name
        .as_ref()
        .map_or("any name".to_owned(), |name| format!("the name {name}"));
    let note = AuditNote {
        at: now,
        actor: email.clone(),
        action: "join_token.created",
        gateway_id: None,
        detail: format!("for {bound}, valid for {ttl} s"),
    };
    let kept = NewJoinToken {
        hash: hash_credential(&token),
        name: asked.name,
        created_by: email,
        created_at: now,
        expires_at,
    };
    app.join_tokens.create(&kept, &note).await?;
    json(StatusCode::CREATED, &JoinToken { token, expires_at })
}
