//! From the platform's requests and back.

use domain::problem::Problem;
use domain::wire::state::LEASE_HEADER;
use edge::credentials::{self, Credential};
use web_sys::ReadableStream;
use worker::{Headers, Request, Response, ResponseBody, Result, Url};

use super::{Answer, Authority, Body, Call, Intake, World, answer, intake};
use crate::adapters::body;
use crate::adapters::clock::now;
use crate::adapters::r2::StateBucket;
use crate::adapters::sandbox_stub::SandboxStub;
use crate::command::{Command, Outcome, StateAsk};

/// The Durable Object, asked for whoever sent the request.
struct Desk {
    sandbox: SandboxStub,
    credential: String,
}

impl Authority for Desk {
    async fn ask(&self, ask: StateAsk) -> Outcome {
        let credential = self.credential.clone();
        self.sandbox.ask(&Command::State { credential, ask }).await
    }
}

/// Serves one request.
pub(in crate::internal) async fn serve(
    request: &mut Request,
    url: &Url,
    bucket: Option<&StateBucket>,
    sandbox: SandboxStub,
) -> Result<Response> {
    match handle(request, url, bucket, sandbox).await {
        Ok(answer) => response(answer),
        Err(problem) => edge::reply::problem(&problem),
    }
}

async fn handle(
    request: &mut Request,
    url: &Url,
    bucket: Option<&StateBucket>,
    sandbox: SandboxStub,
) -> std::result::Result<Answer<ReadableStream>, Problem> {
    let store = bucket.ok_or_else(|| {
        Problem::internal("This deployment binds no bucket STATE, so it can save nothing.")
    })?;
    let header = |name: &str| request.headers().get(name).ok().flatten();
    // A missing credential goes on as an empty one, so that it is noted like a wrong one.
    let credential = match credentials::find(header) {
        Some(Credential::Bearer(token)) => token,
        _ => String::new(),
    };
    let lease = header(LEASE_HEADER).unwrap_or_default();
    let method = request.method().as_ref().to_owned();
    let length = header("content-length").and_then(|text| text.parse().ok());
    let body = match intake(&method, url.path()) {
        Intake::None => Body::None,
        Intake::Small(limit) => Body::Bytes(body::read(request, limit).await?),
        Intake::Stream => match request.inner().body() {
            Some(stream) => Body::Stream { length, stream },
            None => Body::None,
        },
    };
    let call = Call {
        method,
        path: url.path().to_owned(),
        lease,
        body,
    };
    let desk = Desk {
        sandbox,
        credential,
    };
    let world = World {
        store,
        desk: &desk,
        clock: now,
    };
    answer(&world, call).await
}

fn response(answer: Answer<ReadableStream>) -> Result<Response> {
    let typed = |kind: &str| {
        let headers = Headers::new();
        headers.set("content-type", kind)?;
        Ok::<_, worker::Error>(headers)
    };
    let binary = "application/octet-stream";
    match answer {
        Answer::Json(status, value) => edge::reply::json(status, &value),
        Answer::Empty(status) => Ok(Response::empty()?.with_status(status)),
        Answer::Bytes(bytes) => Ok(Response::from_body(ResponseBody::Body(bytes))?
            .with_headers(typed("application/json")?)),
        Answer::Stream(bytes, stream) => {
            let headers = typed(binary)?;
            headers.set("content-length", &bytes.to_string())?;
            Ok(Response::from_body(ResponseBody::Stream(stream))?.with_headers(headers))
        }
        Answer::Head(bytes) => {
            let headers = typed(binary)?;
            headers.set("content-length", &bytes.to_string())?;
            Ok(Response::empty()?.with_headers(headers))
        }
    }
}
