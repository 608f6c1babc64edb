//! `GET me`: who is signed in.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::wire::registry::Me;

use crate::app::{Shared, VERSION};
use crate::operator::Operator;
use crate::reply::{Failure, json};

#[worker::send]
pub(super) async fn show(State(app): State<Shared>, request: Request) -> Result<Response, Failure> {
    let Operator(email) = Operator::of(&app, request.method(), request.headers()).await?;
    let sign_out_url = app.settings.access.sign_out_url();
    json(
        StatusCode::OK,
        &Me {
            email,
            sign_out_url,
            tedix_version: VERSION.to_owned(),
        },
    )
}
