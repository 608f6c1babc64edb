//! The calls of Docker's API that workerd and Miniflare make.
//!
//! Paths carry no version. Every answer to a failed call is a JSON object with
//! a `message`, as Docker's is.

mod containers;
mod execs;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{delete, get, post};
use serde_json::json;
use tokio::net::UnixListener;

use super::registry::Registry;

/// Serves the API until the task is aborted.
pub(crate) async fn serve(listener: UnixListener, registry: Arc<Registry>) {
    let router = Router::new()
        .route("/_ping", get(async || "OK"))
        .route("/info", get(info))
        .route("/networks/bridge", get(bridge))
        .route("/volumes", get(volumes))
        .route("/images/{*name}", get(containers::image))
        .route("/containers/create", post(containers::create))
        .route("/containers/json", get(containers::list))
        .route("/containers/{name}", delete(containers::remove))
        .route("/containers/{name}/json", get(containers::inspect))
        .route("/containers/{name}/start", post(containers::start))
        .route("/containers/{name}/wait", post(containers::wait))
        .route("/containers/{name}/kill", post(containers::kill))
        .route("/containers/{name}/stop", post(containers::stop))
        .route("/containers/{name}/exec", post(execs::create))
        .route("/exec/{id}/start", post(execs::start))
        .route("/exec/{id}/json", get(execs::inspect))
        .fallback(async |request: axum::extract::Request| {
            Refusal::new(
                StatusCode::NOT_FOUND,
                format!(
                    "the embedded container engine does not know {} {}",
                    request.method(),
                    request.uri().path()
                ),
            )
        })
        .with_state(registry);
    if let Err(error) = axum::serve(listener, router).await {
        eprintln!("engine: its socket failed: {error}");
    }
}

/// Docker's way to say no.
struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    fn no_container(name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("No such container: {name}"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "message": self.message }))).into_response()
    }
}

async fn info() -> Response {
    Json(json!({ "Name": "tedix-claw", "SecurityOptions": [] })).into_response()
}

/// workerd listens for outbound connections on the gateway's address.
async fn bridge() -> Response {
    let address = json!({ "Subnet": "127.0.0.0/8", "Gateway": "127.0.0.1" });
    Json(json!({ "Name": "bridge", "IPAM": { "Config": [address] } })).into_response()
}

async fn volumes() -> Response {
    Json(json!({ "Volumes": [], "Warnings": null })).into_response()
}
