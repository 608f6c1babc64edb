//! `GET /.well-known/jwks.json`: the public keys of the tokens for gateways.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use domain::access::Jwks;

use crate::app::Shared;
use crate::reply::{Failure, json};

/// Keys change rarely, and gateways pin them when they enrol.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

pub(super) async fn show(State(app): State<Shared>) -> Result<Response, Failure> {
    let keys = Jwks {
        keys: vec![app.key()?.public().clone()],
    };
    let mut response = json(StatusCode::OK, &keys)?;
    response.headers_mut().insert(header::CACHE_CONTROL, CACHE);
    Ok(response)
}
