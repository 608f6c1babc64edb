//! The source's side, from the platform's requests and back.

use domain::problem::Problem;
use domain::secret::Secret;
use edge::credentials::{self, Credential};
use web_sys::ReadableStream;
use worker::{Headers, Request, Response, ResponseBody, Result, Url};

use super::granted::{Lent, lend, wanted};
use crate::adapters::r2::StateBucket;
use crate::adapters::sandbox_stub::SandboxStub;
use crate::command::{Command, StateTicket};
use crate::front::api::origin_of;
use crate::routes::below;

/// Answers what a code opens.
///
/// # Errors
/// When the runtime refuses to build a response.
pub async fn serve(
    request: &Request,
    url: &Url,
    bucket: Option<&StateBucket>,
    sandbox: &SandboxStub,
) -> Result<Response> {
    match handle(request, url, bucket, sandbox).await {
        Ok(lent) => response(lent),
        Err(problem) => edge::reply::problem(&problem),
    }
}

async fn handle(
    request: &Request,
    url: &Url,
    bucket: Option<&StateBucket>,
    sandbox: &SandboxStub,
) -> std::result::Result<Lent<ReadableStream>, Problem> {
    let nothing = || Problem::not_found("The governance API has no such path.");
    let wanted = wanted(below(url.path())).ok_or_else(nothing)?;
    if request.method().as_ref() != "GET" {
        return Err(Problem::method_not_allowed("This path takes GET."));
    }
    let header = |name: &str| request.headers().get(name).ok().flatten();
    // A person's sign-in opens nothing here: people have `snapshots`.
    let Some(Credential::Bearer(code)) = credentials::find(header) else {
        return Err(Problem::unauthenticated(
            "Send the code of a grant as Authorization: Bearer.",
        ));
    };
    let store = bucket.ok_or_else(|| {
        Problem::internal("This deployment binds no bucket STATE, so it has no state.")
    })?;
    let asked = Command::Granted {
        code: Secret::new(code),
        generation: wanted.generation,
        origin: Some(origin_of(header)),
    };
    let StateTicket { line } = sandbox.ask_for(&asked).await?;
    lend(store, &line, wanted).await
}

fn response(lent: Lent<ReadableStream>) -> Result<Response> {
    let headers = Headers::new();
    headers.set("cache-control", "no-store")?;
    headers.set("x-content-type-options", "nosniff")?;
    match lent {
        Lent::Manifest(bytes) => {
            headers.set("content-type", "application/json")?;
            Ok(Response::from_body(ResponseBody::Body(bytes))?.with_headers(headers))
        }
        Lent::Pack(bytes, stream) => {
            headers.set("content-type", "application/octet-stream")?;
            headers.set("content-length", &bytes.to_string())?;
            Ok(Response::from_body(ResponseBody::Stream(stream))?.with_headers(headers))
        }
    }
}
