//! The container's door: hosts that answer the container alone.

pub mod governance;
pub mod metered;
pub mod models;
mod watch;

use domain::problem::Problem;
use domain::wire::init::{GOVERNANCE_HOST, MODELS_HOST};
use worker::{Context, Request, Response, Result, Url};

use crate::adapters::env::Upstreams;
use crate::adapters::sandbox_stub::SandboxStub;
use crate::settings::Settings;

/// Serves one request of the container's.
///
/// # Errors
/// When the runtime refuses to build a response.
pub async fn serve(
    request: &mut Request,
    url: &Url,
    context: &Context,
    settings: &Settings,
    sandbox: SandboxStub,
    upstreams: &Upstreams,
) -> Result<Response> {
    match url.host_str().unwrap_or_default() {
        GOVERNANCE_HOST => governance::serve(request, url, &sandbox).await,
        MODELS_HOST => models::serve(request, url, context, settings, sandbox, upstreams).await,
        host => edge::reply::problem(&Problem::not_found(format!("Nothing answers at {host}."))),
    }
}
