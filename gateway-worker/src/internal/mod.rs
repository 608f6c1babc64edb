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

use crate::adapters::browser::BrowserService;
use crate::adapters::env::Upstreams;
use crate::adapters::r2::StateBucket;
use crate::adapters::sandbox_stub::SandboxStub;
use crate::settings::Settings;

/// What the deployment binds for the container's requests.
#[derive(Debug)]
pub struct Bindings {
    /// Model providers.
    pub upstreams: Upstreams,
    /// Where snapshots lie; none when the deployment binds no bucket.
    pub bucket: Option<StateBucket>,
    /// The browser service; none when the deployment binds none.
    pub browser: Option<BrowserService>,
    /// Who we are to Git hosts.
    pub git: std::result::Result<git::GitCredentials, &'static str>,
}

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
    bindings: &Bindings,
) -> Result<Response> {
    match url.host_str().unwrap_or_default() {
        GOVERNANCE_HOST => governance::serve(request, url, &sandbox).await,
        MODELS_HOST => {
            models::serve(
                request,
                url,
                context,
                settings,
                sandbox,
                &bindings.upstreams,
            )
            .await
        }
        GIT_HOST => {
            let bucket = bindings.bucket.as_ref();
            git::serve(request, url, bucket, &bindings.git, &sandbox).await
        }
        BROWSER_HOST => {
            let service = bindings.browser.as_ref();
            browser::serve(request, url, context, service, sandbox).await
        }
        STATE_HOST => state::serve(request, url, bindings.bucket.as_ref(), sandbox).await,
        host => edge::reply::problem(&Problem::not_found(format!("Nothing answers at {host}."))),
    }
}
