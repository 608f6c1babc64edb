//! `POST enroll`: a gateway joins, with a one-use token.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::access::{Jwks, credential_from, hash_credential};
use domain::fleet::{gateway_origin, interval_seconds};
use domain::id::GatewayId;
use domain::problem::{FieldError, Problem};
use domain::wire::registry::{Enroll, Enrolled};

use super::join_tokens::PREFIX as JOIN_TOKEN_PREFIX;
use crate::app::{App, Shared};
use crate::body::{self, MAX_BODY_BYTES};
use crate::enrolment::{Enrolment, Place, decide, name_taken, unknown_token};
use crate::ports::{AuditNote, PortError};
use crate::reply::{Failure, json};

/// Marks a gateway's credential.
pub(super) const CREDENTIAL_PREFIX: &str = "tgc_";

/// Longest version text, in characters.
const MAX_VERSION: usize = 64;

#[worker::send]
pub(super) async fn create(
    State(app): State<Shared>,
    request: Request,
) -> Result<Response, Failure> {
    let asked: Enroll = body::json(request, MAX_BODY_BYTES).await?;
    if !is_credential(&asked.join_token, JOIN_TOKEN_PREFIX) {
        return Err(unknown_token().into());
    }
    let url = check(&asked)?;
    let credential = credential_from(CREDENTIAL_PREFIX, app.random.bytes_32()?);
    let gateway_id = enrol(&app, &asked, url, &credential).await?;
    // A run of the gateway's from before says nothing about the one that enrolled now.
    // Should this fail, readers still leave out what was heard before the enrolment.
    let forgotten = app.pulse.forget(&gateway_id).await;
    let enrolled = Enrolled {
        gateway_id,
        credential,
        heartbeat_interval_seconds: interval_seconds(app.gateways.count().await?),
        issuer: app.settings.public_url.clone(),
        jwks: Jwks {
            keys: vec![app.key()?.public().clone()],
        },
    };
    let mut response = json(StatusCode::CREATED, &enrolled)?;
    if let Err(PortError::Failed(cause)) = forgotten {
        response.extensions_mut().insert(crate::reply::Cause(cause));
    }
    Ok(response)
}

async fn enrol(
    app: &App,
    asked: &Enroll,
    url: String,
    credential: &str,
) -> Result<GatewayId, Failure> {
    let now = app.clock.now();
    let token_hash = hash_credential(&asked.join_token);
    let token = app.join_tokens.find(&token_hash).await?;
    let holder = app.gateways.id_of_name(&asked.name).await?;
    let place = decide(token.as_ref(), holder.as_ref(), &asked.name, now)?;
    let enrolled_by = token.map(|token| token.created_by).unwrap_or_default();
    let unix_ms = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    let fresh = GatewayId::from_parts(unix_ms, app.random.bytes_10()?);
    let (action, verb) = match &place {
        Place::New => ("gateway.enrolled", "enrolled"),
        Place::Of(_) => (
            "gateway.enrolled_again",
            "enrolled again, with a new credential,",
        ),
    };
    let enrolment = Enrolment {
        nonce: fresh.to_string(),
        token_hash,
        replaces: matches!(place, Place::Of(_)),
        id: match place {
            Place::New => fresh,
            Place::Of(id) => id,
        },
        name: asked.name.clone(),
        url,
        credential_hash: hash_credential(credential),
        enrolled_by,
        at: now,
    };
    let Enrolment {
        id,
        name,
        url,
        enrolled_by,
        ..
    } = &enrolment;
    let note = AuditNote {
        at: now,
        actor: "gateway".to_owned(),
        action,
        gateway_id: Some(id.clone()),
        detail: format!("{name} ({id}) {verb} at {url}, with a token of {enrolled_by}"),
    };
    match app.gateways.enrol(&enrolment, &note).await {
        Ok(true) => Ok(enrolment.id),
        Ok(false) => Err(lost_the_race(app, &enrolment).await),
        Err(PortError::Conflict) => Err(name_taken(&enrolment.name).into()),
        Err(error) => Err(error.into()),
    }
}

/// Why an enrolment that was fine a moment ago did not go through: the token went into
/// another one, or expired.
async fn lost_the_race(app: &App, enrolment: &Enrolment) -> Failure {
    let again = async {
        let token = app.join_tokens.find(&enrolment.token_hash).await?;
        decide(token.as_ref(), None, &enrolment.name, app.clock.now())?;
        let detail = "Somebody else changed it first. Try again.";
        Err(Failure::from(Problem::conflict(detail)))
    };
    match again.await {
        Ok(()) => Failure::Fault("an enrolment neither went through nor failed".to_owned()),
        Err(failure) => failure,
    }
}

fn check(asked: &Enroll) -> Result<String, Problem> {
    let mut errors = Vec::new();
    let url = gateway_origin(&asked.url);
    if let Err(detail) = &url {
        errors.push(FieldError::new("/url", *detail));
    }
    let version = &asked.tedix_version;
    if version.chars().count() > MAX_VERSION || version.chars().any(char::is_control) {
        let detail = format!("must be one line of at most {MAX_VERSION} characters");
        errors.push(FieldError::new("/tedix_version", detail));
    }
    match url {
        Ok(url) if errors.is_empty() => Ok(url),
        _ => Err(Problem::fields(errors)),
    }
}

/// Whether a text has the form of a credential: what has not is never looked up.
pub(super) fn is_credential(text: &str, prefix: &str) -> bool {
    let body = text.strip_prefix(prefix).unwrap_or_default();
    body.len() == 43
        && body
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
