//! The container's door: hosts that answer the container alone.

mod browser;
pub mod git;
pub mod governance;
mod keep_alive;
pub mod metered;
pub mod models;
mod refusal;
pub(crate) mod state;
mod stored_length;
mod watch;

use domain::problem::Problem;
use domain::wire::init::{BROWSER_HOST, GIT_HOST, GOVERNANCE_HOST, MODELS_HOST, STATE_HOST};
use worker::{Context, Request, Response, Result, Url};

use crate::adapters::env::Bindings;
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
    bindings: Bindings<'_>,
) -> Result<Response> {
    match url.host_str().unwrap_or_default() {
        GOVERNANCE_HOST => governance::serve(request, url, &sandbox).await,
        MODELS_HOST => {
            let upstreams = bindings.upstreams();
            models::serve(request, url, context, settings, sandbox, &upstreams).await
        }
        GIT_HOST => {
            let (bucket, git) = (bindings.bucket(), bindings.git());
            git::serve(request, url, bucket.as_ref(), &git, &sandbox).await
        }
        BROWSER_HOST => {
            let service = bindings.browser();
            browser::serve(request, url, context, service.as_ref(), sandbox).await
        }
        STATE_HOST => state::serve(request, url, bindings.bucket().as_ref(), sandbox).await,
        host => edge::reply::problem(&Problem::not_found(format!("Nothing answers at {host}."))),
    }
}
