//! The container's door: hosts that answer the container alone.

pub mod governance;
pub mod metered;
pub mod models;

use domain::problem::Problem;
use domain::wire::init::{GOVERNANCE_HOST, MODELS_HOST};
use worker::{Context, Env, Request, Response, Result, Url};

use crate::adapters::sandbox_stub::SandboxStub;
use crate::settings::Settings;

/// Serves one request of the container's.
///
/// # Errors
/// When the runtime refuses to build a response.
pub async fn serve(
    request: &mut Request,
    url: &Url,
    env: &Env,
    context: &Context,
    settings: &Settings,
) -> Result<Response> {
    let sandbox = SandboxStub::new(env)?;
    match url.host_str().unwrap_or_default() {
        GOVERNANCE_HOST => governance::serve(request, url, &sandbox).await,
        MODELS_HOST => models::serve(request, url, env, context, settings, sandbox).await,
        host => edge::reply::problem(&Problem::not_found(format!("Nothing answers at {host}."))),
    }
}
