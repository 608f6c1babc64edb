//! The operations, one per file.

mod assets;
mod audit;
mod enroll;
mod gateways;
mod healthz;
mod join_tokens;
mod jwks;
mod me;
mod page;
mod usage;

use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::routing::{get, post};
use domain::id::GatewayId;
use domain::problem::Problem;

use crate::app::Shared;
use crate::reply::Failure;

/// The router of the registry.
pub(crate) fn router(app: Shared) -> Router {
    let api = Router::new()
        .route("/me", get(me::show))
        .route("/join-tokens", post(join_tokens::create))
        .route("/enroll", post(enroll::create))
        .route("/gateways", get(gateways::list))
        .route(
            "/gateways/{id}",
            get(gateways::show).delete(gateways::forget),
        )
        .route("/gateways/{id}/heartbeat", post(gateways::heartbeat))
        .route("/gateways/{id}/token", post(gateways::token))
        .route("/audit", get(audit::list))
        .route("/usage", get(usage::report))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed);
    Router::new()
        .nest(domain::wire::registry::API_PREFIX, api)
        .route("/healthz", get(healthz::show))
        .route("/.well-known/jwks.json", get(jwks::show))
        .fallback(assets::show)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app)
}

async fn not_found() -> Failure {
    Problem::not_found("The registry has no such operation. See docs/registry-api.md.").into()
}

async fn method_not_allowed() -> Failure {
    Problem::method_not_allowed("See the Allow header for the methods of this path.").into()
}

/// The id in a path; one that cannot exist is not found.
fn gateway_id(path: Result<Path<String>, PathRejection>) -> Result<GatewayId, Problem> {
    let id = path.ok().and_then(|Path(id)| id.parse().ok());
    id.ok_or_else(no_gateway)
}

/// 404 for a gateway.
fn no_gateway() -> Problem {
    Problem::not_found("No gateway of this id is enrolled.")
}

#[cfg(test)]
mod tests;
