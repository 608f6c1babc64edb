//! From the platform's requests and back.

use domain::problem::Problem;
use domain::state::Digest;
use domain::wire::git::SHA256_HEADER;
use edge::credentials::{self, Credential};
use wasm_bindgen::JsValue;
use worker::{
    AbortSignal, Fetch, Headers, Method, Request, RequestInit, RequestRedirect, Response,
    ResponseBody, Result, Url, console_error,
};

use super::cache;
use super::request::{GitCredentials, Step, upstream, wanted};
use crate::adapters::body;
use crate::adapters::clock::now;
use crate::adapters::r2::StateBucket;
use crate::adapters::sandbox_stub::SandboxStub;
use crate::command::{Command, GitTicket};
use crate::ports::objects::ObjectStore;

/// Largest request for objects, in bytes: it names what is wanted and what is there.
const MAX_REQUEST: usize = 1024 * 1024;
/// How long a Git host may take for all of its answer, in milliseconds.
const TIMEOUT_MS: u32 = 240_000;
/// Headers of Git's that are passed on.
const PASSED: [&str; 4] = ["git-protocol", "content-type", "content-encoding", "accept"];

/// Serves one request.
pub(in crate::internal) async fn serve(
    request: &mut Request,
    url: &Url,
    bucket: Option<&StateBucket>,
    credentials: &std::result::Result<GitCredentials, &'static str>,
    sandbox: &SandboxStub,
) -> Result<Response> {
    match answer(request, url, bucket, credentials, sandbox).await {
        Ok(response) => Ok(response),
        Err(problem) => edge::reply::problem(&problem),
    }
}

async fn answer(
    request: &mut Request,
    url: &Url,
    bucket: Option<&StateBucket>,
    credentials: &std::result::Result<GitCredentials, &'static str>,
    sandbox: &SandboxStub,
) -> std::result::Result<Response, Problem> {
    let header = |name: &str| request.headers().get(name).ok().flatten();
    // A missing credential goes on as an empty one, so that it is noted like a wrong one.
    let credential = match credentials::find(header) {
        Some(Credential::Bearer(token)) => token,
        _ => String::new(),
    };
    let wanted = wanted(request.method().as_ref(), url.path(), url.query())?;
    let name = wanted.source;
    let reply = sandbox.ask(&Command::Git { credential, name }).await?;
    let ticket: GitTicket = serde_json::from_value(reply.body)
        .map_err(|_| Problem::internal("The gateway's parts disagree about a message."))?;
    let store = || {
        bucket.ok_or_else(|| Problem::not_found("This deployment binds no bucket to keep it in."))
    };
    match &wanted.step {
        Step::Read { commit } => {
            cache::check(&ticket, commit)?;
            let found = store()?.stream(&cache::key(&ticket.line, commit)).await?;
            let gone = || Problem::not_found("That commit has not been kept yet.");
            let (_, stream) = found.ok_or_else(gone)?;
            Response::from_body(ResponseBody::Stream(stream)).map_err(|error| unbuilt(&error))
        }
        Step::Keep { commit } => {
            cache::check(&ticket, commit)?;
            let length = header("content-length").and_then(|text| text.parse().ok());
            let sha256 = header(SHA256_HEADER).and_then(|text| text.parse::<Digest>().ok());
            let pack = request.inner().body();
            let pack = pack.ok_or_else(|| Problem::malformed("The body is the pack."))?;
            cache::keep(store()?, &ticket, pack, length, sha256, now()).await?;
            let empty = Response::empty().map_err(|error| unbuilt(&error))?;
            Ok(empty.with_status(201))
        }
        Step::Advertise | Step::Fetch => {
            let credentials = credentials.as_ref().map_err(|why| {
                console_error!("misconfigured: {why}");
                Problem::internal(
                    "The gateway is misconfigured; its log says which secret is wrong.",
                )
            })?;
            let bytes = body::read(request, MAX_REQUEST).await?;
            fetch(
                request,
                &ticket.repository,
                &wanted.step,
                bytes,
                credentials,
            )
            .await
        }
    }
}

/// Asks the Git host, and passes its answer on as it comes.
async fn fetch(
    request: &Request,
    repository: &str,
    step: &Step,
    bytes: Vec<u8>,
    credentials: &GitCredentials,
) -> std::result::Result<Response, Problem> {
    let url = upstream(repository, step).ok_or_else(|| Problem::not_found("Nothing is there."))?;
    let headers = Headers::new();
    let mut passed = Vec::new();
    for name in PASSED {
        let value = request.headers().get(name).ok().flatten();
        passed.extend(value.map(|value| (name, value)));
    }
    passed.push(("user-agent", "git/2 tedix-claw".to_owned()));
    let authorization = credentials.authorization(repository);
    passed.extend(authorization.map(|value| ("authorization", value)));
    for (name, value) in passed {
        headers.set(name, &value).map_err(|error| unbuilt(&error))?;
    }
    let mut init = RequestInit::new();
    // A redirect could carry the credential to another server.
    init.with_headers(headers)
        .with_redirect(RequestRedirect::Manual);
    if *step == Step::Fetch {
        let body = js_sys::Uint8Array::from(bytes.as_slice());
        init.with_method(Method::Post)
            .with_body(Some(JsValue::from(body)));
    }
    let upstream = Request::new_with_init(&url, &init).map_err(|error| unbuilt(&error))?;
    let signal = AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(TIMEOUT_MS));
    let answer = Fetch::Request(upstream).send_with_signal(&signal).await;
    let answer = answer.map_err(|error| {
        console_error!("git host: {error}");
        bad_gateway(format!("The Git host of {repository} does not answer."))
    })?;
    let status = answer.status_code();
    if status != 200 {
        let why = match status {
            300..=399 => "sends elsewhere: name the repository's present address in the policy",
            401 | 403 | 404 => {
                "does not give it out: does it exist, and may GIT_CREDENTIALS read it?"
            }
            _ => "has an error of its own; try again",
        };
        return Err(bad_gateway(format!(
            "The Git host of {repository} answered {status} and {why}"
        )));
    }
    let headers = Headers::new();
    if let Ok(Some(kind)) = answer.headers().get("content-type") {
        headers
            .set("content-type", &kind)
            .map_err(|error| unbuilt(&error))?;
    }
    let body = match answer.body() {
        ResponseBody::Stream(stream) => ResponseBody::Stream(stream.clone()),
        ResponseBody::Body(bytes) => ResponseBody::Body(bytes.clone()),
        ResponseBody::Empty => ResponseBody::Empty,
    };
    let response = Response::from_body(body).map_err(|error| unbuilt(&error))?;
    Ok(response.with_headers(headers))
}

fn bad_gateway(detail: String) -> Problem {
    Problem::new(502, "git-host", "The Git host did not give it", detail)
}

fn unbuilt(error: &worker::Error) -> Problem {
    console_error!("git: {error}");
    Problem::internal("The answer could not be built; try again.")
}
