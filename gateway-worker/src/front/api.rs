//! The governance API in the Worker: reads a request, asks the Durable Object,
//! writes the answer.

use std::net::IpAddr;

use domain::audit::{self, Door, Origin};
use domain::problem::Problem;
use serde_json::Value;
use worker::{Request, Response, Url};

use super::guard::{self, Claim};
use super::{audit_export, cors, identity};
use crate::adapters::body;
use crate::adapters::sandbox_stub::SandboxStub;
use crate::command::{Command, Operation, Outcome, Reply};
use crate::routes::{self, ApiRequest};
use crate::settings::Settings;

/// Serves the public probe, which never starts the container.
///
/// # Errors
/// When the runtime refuses to build a response.
pub async fn health(
    request: &Request,
    sandbox: &SandboxStub,
    settings: &Settings,
) -> worker::Result<Response> {
    let origin = request.headers().get("origin")?;
    let outcome = match request.method().as_ref() {
        "GET" | "HEAD" => sandbox.ask(&Command::Health).await,
        _ => Err(Problem::method_not_allowed("This path takes GET.")),
    };
    finish(outcome, origin.as_deref(), settings)
}

/// Serves an operation.
///
/// # Errors
/// When the runtime refuses to build a response.
pub async fn serve(
    request: &mut Request,
    url: &Url,
    sandbox: &SandboxStub,
    settings: &Settings,
) -> worker::Result<Response> {
    let origin = request.headers().get("origin")?;
    if request.method().as_ref() == "OPTIONS" {
        let response = Response::empty()?.with_status(204);
        return with_headers(
            response,
            &cors::headers(origin.as_deref(), admin(settings), true),
        );
    }
    let command = match read(request, url, settings).await {
        Ok(command) => command,
        Err(problem) => return finish(Err(problem), origin.as_deref(), settings),
    };
    if let Command::Api {
        operation: Operation::ExportAudit { .. },
        ..
    } = &command
    {
        return match audit_export::serve(command, sandbox.clone()).await {
            Ok(response) => with_headers(
                response,
                &cors::headers(origin.as_deref(), admin(settings), false),
            ),
            Err(problem) => finish(Err(problem), origin.as_deref(), settings),
        };
    }
    finish(sandbox.ask(&command).await, origin.as_deref(), settings)
}

async fn read(request: &mut Request, url: &Url, settings: &Settings) -> Result<Command, Problem> {
    let method = request.method();
    let route = routes::find(method.as_ref(), url.path())?;
    let (caller, credential) = identity::caller(request.inner(), settings).await?;
    let header = |name: &str| request.headers().get(name).ok().flatten();
    let (origin, fetch_site) = (header("origin"), header("sec-fetch-site"));
    let claim = Claim {
        method: method.as_ref(),
        origin: origin.as_deref(),
        fetch_site: fetch_site.as_deref(),
        upgrade: false,
    };
    guard::governance(claim, &credential)?;
    let from = origin_of(header);
    let read = ApiRequest {
        path: routes::below(url.path()).to_owned(),
        query: url.query_pairs().into_owned().collect(),
        if_match: header("if-match"),
        content_type: header("content-type"),
        accept: header("accept"),
        body: body::read(request, route.max_body).await?,
    };
    let operation = (route.read)(&read)?;
    Ok(Command::Api {
        caller,
        origin: Some(from),
        operation,
    })
}

/// Where a request came from, as far as the platform says.
pub(crate) fn origin_of(header: impl Fn(&str) -> Option<String>) -> Origin {
    let address = header("cf-connecting-ip").and_then(|text| text.trim().parse::<IpAddr>().ok());
    Origin {
        door: Door::Public,
        address: address.map(|address| address.to_string()),
        agent: header("user-agent").and_then(|text| audit::agent_class(&text)),
    }
}

fn finish(outcome: Outcome, origin: Option<&str>, settings: &Settings) -> worker::Result<Response> {
    let response = match outcome {
        Ok(Reply {
            status,
            body: Value::String(text),
            csv: true,
            ..
        }) => {
            let headers = [
                ("content-type", "text/csv; charset=utf-8".to_owned()),
                ("cache-control", "no-store".to_owned()),
                ("x-content-type-options", "nosniff".to_owned()),
            ];
            with_headers(Response::ok(text)?.with_status(status), &headers)?
        }
        Ok(Reply {
            status,
            version,
            body,
            ..
        }) => {
            let response = edge::reply::json(status, &body)?;
            match version {
                Some(version) => with_headers(response, &[("etag", format!("\"v{version}\""))])?,
                None => response,
            }
        }
        Err(problem) if problem.status == 401 => {
            // The path asked for is for programs; a person comes back to the gateway's page.
            edge::reply::problem(&problem.with_sign_in(identity::sign_in_url(settings, "/")))?
        }
        Err(problem) => edge::reply::problem(&problem)?,
    };
    with_headers(response, &cors::headers(origin, admin(settings), false))
}

fn admin(settings: &Settings) -> Option<&str> {
    settings.admin_origin.as_deref()
}

fn with_headers(
    response: Response,
    headers: &[(&'static str, String)],
) -> worker::Result<Response> {
    for (name, value) in headers {
        response.headers().set(name, value)?;
    }
    Ok(response)
}
