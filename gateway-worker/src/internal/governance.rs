//! `http://governance.internal`: what tedix-init fetches and reports.

use domain::policy::strict_value;
use domain::problem::{FieldError, Problem};
use domain::proposal::Draft;
use domain::wire::init::Report;
use edge::credentials::{self, Credential};
use worker::{Request, Response, Result, Url};

use crate::adapters::body;
use crate::adapters::sandbox_stub::SandboxStub;
use crate::command::{Command, Outcome};

/// Largest report, in bytes: it may carry OpenClaw's whole runtime configuration.
const MAX_REPORT: usize = 512 * 1024;

/// Where agents propose changes, with the key of the container's programs: the only
/// path here that is not tedix-init's.
const PROPOSALS: &str = "/v1/proposals";
/// Largest proposal, in bytes.
const MAX_PROPOSAL: usize = 64 * 1024;

/// Serves one request.
pub(super) async fn serve(
    request: &mut Request,
    url: &Url,
    sandbox: &SandboxStub,
) -> Result<Response> {
    match answer(request, url, sandbox).await {
        Ok(reply) => edge::reply::json(reply.status, &reply.body),
        Err(problem) => edge::reply::problem(&problem),
    }
}

async fn answer(request: &mut Request, url: &Url, sandbox: &SandboxStub) -> Outcome {
    let header = |name: &str| request.headers().get(name).ok().flatten();
    // A missing credential goes on as an empty one, so that it is noted like a wrong one.
    let credential = match credentials::find(header) {
        Some(Credential::Bearer(token)) => token,
        _ => String::new(),
    };
    match (request.method().as_ref(), url.path()) {
        ("GET", "/v1/config") => sandbox.ask(&Command::InitConfig { credential }).await,
        ("POST", "/v1/reports") => {
            let bytes = body::read(request, MAX_REPORT).await?;
            let report: Report = serde_json::from_slice(&bytes)
                .map_err(|error| Problem::fields(vec![FieldError::new("", error.to_string())]))?;
            sandbox
                .ask(&Command::InitReport { credential, report })
                .await
        }
        ("POST", PROPOSALS) => {
            let bytes = body::read(request, MAX_PROPOSAL).await?;
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| Problem::malformed("The body is not UTF-8 text."))?;
            let value = strict_value(text).map_err(Problem::fields)?;
            let draft: Draft = serde_json::from_value(value)
                .map_err(|error| Problem::fields(vec![FieldError::new("", error.to_string())]))?;
            sandbox
                .ask(&Command::Propose {
                    key: credential,
                    draft,
                })
                .await
        }
        ("GET", path)
            if path
                .strip_prefix(PROPOSALS)
                .is_some_and(|id| id.starts_with('/')) =>
        {
            let id = path.rsplit('/').next().unwrap_or_default().to_owned();
            sandbox
                .ask(&Command::ProposalState {
                    key: credential,
                    id,
                })
                .await
        }
        (_, "/v1/config" | "/v1/reports" | PROPOSALS) => Err(Problem::method_not_allowed(
            "This path takes another method.",
        )),
        _ => Err(Problem::not_found("Nothing is there.")),
    }
}
