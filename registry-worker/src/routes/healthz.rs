//! `GET /healthz`: whether the Worker runs. It touches no database, so that anybody may
//! ask as often as they like.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use crate::app::VERSION;
use crate::reply::{Failure, json};

#[derive(Serialize)]
struct Health {
    status: &'static str,
    tedix_version: &'static str,
}

pub(super) async fn show() -> Result<Response, Failure> {
    json(
        StatusCode::OK,
        &Health {
            status: "ok",
            tedix_version: VERSION,
        },
    )
}
