//! Traffic for OpenClaw, in the Worker: identity first, then on to the Durable
//! Object. The answer is returned as the object it is, so streams and WebSocket
//! frames never pass through this code.

use domain::problem::Problem;
use web_sys::{Request, Response};
use worker::{Error, Url, console_error};

use super::guard::{self, Claim};
use super::{headers, identity};
use crate::adapters::raw;
use crate::adapters::sandbox_stub::SandboxStub;
use crate::command::{CALLER_HEADER, OPENCLAW_ORIGIN};
use crate::settings::Settings;

/// Serves one request.
///
/// # Errors
/// When the runtime refuses to build a response.
pub async fn serve(
    request: &Request,
    url: &Url,
    sandbox: &SandboxStub,
    settings: &Settings,
) -> Result<Response, Error> {
    match pass(request, url, sandbox, settings).await {
        Ok(response) => Ok(response),
        Err(problem) if problem.status == 401 => {
            let query = url
                .query()
                .map_or_else(String::new, |query| format!("?{query}"));
            let sign_in = identity::sign_in_url(settings, &format!("{}{query}", url.path()));
            if identity::is_navigation(request) {
                return Ok(Response::redirect_with_status(&sign_in, 302)?);
            }
            Ok(edge::reply::problem(&problem.with_sign_in(sign_in))?.into())
        }
        Err(problem) => Ok(edge::reply::problem(&problem)?.into()),
    }
}

async fn pass(
    request: &Request,
    url: &Url,
    sandbox: &SandboxStub,
    settings: &Settings,
) -> Result<Response, Problem> {
    let (caller, credential) = identity::caller(request, settings).await?;
    let header = |name: &str| request.headers().get(name).ok().flatten();
    let (origin, fetch_site) = (header("origin"), header("sec-fetch-site"));
    let method = request.method();
    let claim = Claim {
        method: &method,
        origin: origin.as_deref(),
        fetch_site: fetch_site.as_deref(),
        upgrade: header("upgrade").is_some(),
    };
    guard::front_door(claim, &credential, &settings.public_url)?;
    let failed = |error: Error| {
        console_error!("proxy: {error}");
        Problem::unavailable("The gateway is restarting; try again.").with_retry_after(1)
    };
    let query = url
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    let target = format!("{OPENCLAW_ORIGIN}{}{query}", url.path());
    let onward = raw::with_url(request, &target).map_err(failed)?;
    let caller = serde_json::to_string(&caller).map_err(|error| failed(error.into()))?;
    let caller = headers::ascii(&caller);
    // Whatever the client sent under this name is replaced.
    onward
        .headers()
        .set(CALLER_HEADER, &caller)
        .map_err(|error| failed(error.into()))?;
    sandbox.pass(&onward).await.map_err(failed)
}
