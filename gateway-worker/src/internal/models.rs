//! `http://models.internal`: the only way to a model. The budget is checked
//! before the call, the real key is added here and nowhere else, and tokens are
//! counted as the answer passes by.

use domain::metering::{Dialect, ErrorKind, Framing, Meter, ModelRequest, read_request};
use domain::problem::Problem;
use edge::credentials::{self, Credential};
use wasm_bindgen::JsValue;
use worker::{
    Context, Error, Fetch, Headers, Method, Request, RequestInit, RequestRedirect, Response,
    Result, Url, console_error,
};

use super::metered::Metered;
use crate::adapters::body;
use crate::adapters::env::{Upstream, Upstreams};
use crate::adapters::sandbox_stub::SandboxStub;
use crate::command::{Admission, Command};
use crate::settings::Settings;

/// Largest request, in bytes. Pictures travel inside it as base64.
const MAX_REQUEST: usize = 16 * 1024 * 1024;
/// Headers of the request that reach the provider.
const PASSED_ON: &[&str] = &["accept", "anthropic-beta", "anthropic-version"];
/// Headers of the answer that reach OpenClaw.
const PASSED_BACK: &[&str] = &[
    "cache-control",
    "content-type",
    "request-id",
    "retry-after",
    "x-request-id",
];

/// An answer that the gateway itself gives in the provider's shape.
struct Refusal {
    kind: ErrorKind,
    message: String,
    retry_after: Option<u32>,
}

impl Refusal {
    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
        }
    }
}

/// Serves one request.
pub(super) async fn serve(
    request: &mut Request,
    url: &Url,
    context: &Context,
    settings: &Settings,
    sandbox: SandboxStub,
    upstreams: &Upstreams,
) -> Result<Response> {
    let path = url.path().trim_start_matches('/');
    let (provider, path) = path.split_once('/').unwrap_or((path, ""));
    let Some(dialect) = Dialect::from_provider(provider) else {
        return edge::reply::problem(&Problem::not_found("There is no such provider."));
    };
    let outcome =
        if request.method() == Method::Post && dialect.path().strip_prefix('/') == Some(path) {
            call(request, dialect, context, settings, sandbox, upstreams).await
        } else {
            Err(Refusal::new(
                ErrorKind::NotFound,
                format!("only POST {} is let through", dialect.path()),
            ))
        };
    outcome.or_else(|refusal| refused(dialect, &refusal))
}

async fn call(
    request: &mut Request,
    dialect: Dialect,
    context: &Context,
    settings: &Settings,
    sandbox: SandboxStub,
    upstreams: &Upstreams,
) -> std::result::Result<Response, Refusal> {
    let key = key(request);
    let bytes = body::read(request, MAX_REQUEST)
        .await
        .map_err(|problem| Refusal::new(ErrorKind::TooLarge, problem.detail))?;
    let asked = read_request(dialect, &bytes)
        .map_err(|error| Refusal::new(ErrorKind::Invalid, error.to_string()))?;
    let upstream = upstreams.get(dialect).ok_or_else(|| {
        Refusal::new(
            ErrorKind::NotFound,
            format!("{} is not set up here", dialect.provider()),
        )
    })?;
    let call = admit(&sandbox, dialect, key, &asked, settings).await?;
    let request_bytes = bytes.len() as u64;
    match send(request, dialect, upstream, &asked).await {
        Ok(answer) if (200..300).contains(&answer.status_code()) => {
            metered(answer, dialect, request_bytes, context, sandbox, call)
        }
        Ok(answer) => {
            settle_nothing(&sandbox, call).await;
            failed(answer)
        }
        Err(error) => {
            console_error!("{}: {error}", dialect.provider());
            settle_nothing(&sandbox, call).await;
            Err(Refusal::new(
                ErrorKind::Upstream,
                "the provider cannot be reached",
            ))
        }
    }
}

/// The key that OpenClaw shows: each protocol has its own header for it.
fn key(request: &Request) -> String {
    let header = |name: &str| request.headers().get(name).ok().flatten();
    match (header("x-api-key"), credentials::find(header)) {
        (Some(key), _) => key,
        (None, Some(Credential::Bearer(key))) => key,
        _ => String::new(),
    }
}

async fn admit(
    sandbox: &SandboxStub,
    dialect: Dialect,
    key: String,
    asked: &ModelRequest,
    settings: &Settings,
) -> std::result::Result<String, Refusal> {
    let command = Command::Admit {
        key,
        dialect,
        model: asked.model.clone(),
        input_tokens: asked.estimated_input_tokens,
        max_output_tokens: asked.max_output_tokens,
    };
    let admission = sandbox.ask_for(&command).await;
    match admission.map_err(|problem| Refusal::new(ErrorKind::Upstream, problem.detail))? {
        Admission::Admitted { call } => Ok(call),
        Admission::WrongKey => Err(Refusal::new(
            ErrorKind::Key,
            "the key is not that of the running container",
        )),
        Admission::UnknownModel => {
            let offered: Vec<&str> = settings.models.iter().map(|m| m.id.as_str()).collect();
            let message = format!("this gateway offers {}", offered.join(", "));
            Err(Refusal::new(ErrorKind::NotFound, message))
        }
        Admission::Refused {
            message,
            retry_after_seconds,
        } => Err(Refusal {
            kind: ErrorKind::Budget,
            message,
            retry_after: Some(retry_after_seconds),
        }),
    }
}

async fn send(
    request: &Request,
    dialect: Dialect,
    upstream: &Upstream,
    asked: &ModelRequest,
) -> std::result::Result<Response, Error> {
    let headers = Headers::new();
    for name in PASSED_ON {
        if let Some(value) = request.headers().get(name)? {
            headers.set(name, &value)?;
        }
    }
    headers.set("content-type", "application/json")?;
    if !upstream.key.is_empty() {
        match dialect {
            Dialect::Openai => headers.set("authorization", &format!("Bearer {}", upstream.key))?,
            Dialect::Anthropic => headers.set("x-api-key", &upstream.key)?,
        }
    }
    let mut init = RequestInit::new();
    // A redirect could carry the key to another server.
    init.with_method(Method::Post)
        .with_headers(headers)
        .with_redirect(RequestRedirect::Manual)
        .with_body(Some(JsValue::from_str(&asked.body.to_string())));
    let request = Request::new_with_init(&target(&upstream.base_url, dialect), &init)?;
    Fetch::Request(request).send().await
}

/// The operation's URL. A base may end with the version, as OpenAI's does, or without.
fn target(base: &str, dialect: Dialect) -> String {
    let base = base.strip_suffix("/v1").unwrap_or(base);
    format!("{base}{}", dialect.path())
}

fn metered(
    mut answer: Response,
    dialect: Dialect,
    request_bytes: u64,
    context: &Context,
    sandbox: SandboxStub,
    call: String,
) -> std::result::Result<Response, Refusal> {
    let broken = |error: Error| {
        console_error!("{}: {error}", dialect.provider());
        Refusal::new(ErrorKind::Upstream, "the provider's answer cannot be read")
    };
    let content_type = answer
        .headers()
        .get("content-type")
        .ok()
        .flatten()
        .unwrap_or_default();
    let meter = Meter::new(dialect, Framing::from_content_type(&content_type));
    let stream = answer.stream().map_err(broken)?;
    let (stream, reading) = Metered::new(stream, meter, request_bytes);
    // Registered before the answer goes out, so that it outlives a client that hangs up.
    context.wait_until(async move {
        // Without a reading the reservation runs out and is charged in full.
        if let Ok(reading) = reading.await {
            let settled = sandbox
                .ask(&Command::Settle {
                    call,
                    reading: Some(reading),
                })
                .await;
            if let Err(problem) = settled {
                console_error!("usage: {problem}");
            }
        }
    });
    let headers = passed_back(&answer).map_err(broken)?;
    let response = Response::from_stream(stream).map_err(broken)?;
    Ok(response
        .with_status(answer.status_code())
        .with_headers(headers))
}

/// The provider refused; what it says about the real key stays here.
fn failed(answer: Response) -> std::result::Result<Response, Refusal> {
    let status = answer.status_code();
    match status {
        401 | 403 => Err(Refusal::new(
            ErrorKind::Upstream,
            "the provider does not accept the gateway's key; ask an operator",
        )),
        300..=399 => Err(Refusal::new(
            ErrorKind::Upstream,
            "the provider wants to redirect the call",
        )),
        _ => {
            let headers = passed_back(&answer)
                .map_err(|_| Refusal::new(ErrorKind::Upstream, "the provider failed"))?;
            Ok(answer.with_headers(headers))
        }
    }
}

fn passed_back(answer: &Response) -> Result<Headers> {
    let headers = Headers::new();
    for name in PASSED_BACK {
        if let Some(value) = answer.headers().get(name)? {
            headers.set(name, &value)?;
        }
    }
    Ok(headers)
}

async fn settle_nothing(sandbox: &SandboxStub, call: String) {
    if let Err(problem) = sandbox
        .ask(&Command::Settle {
            call,
            reading: None,
        })
        .await
    {
        console_error!("usage: {problem}");
    }
}

fn refused(dialect: Dialect, refusal: &Refusal) -> Result<Response> {
    let body = dialect.error(refusal.kind, &refusal.message);
    let response = edge::reply::json(refusal.kind.status(), &body)?;
    if let Some(seconds) = refusal.retry_after {
        response
            .headers()
            .set("retry-after", &seconds.to_string())?;
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_with_or_without_version_leads_to_the_same_operation() {
        for base in ["https://api.openai.com/v1", "https://api.openai.com"] {
            let url = target(base, Dialect::Openai);
            assert_eq!(url, "https://api.openai.com/v1/chat/completions");
        }
        let url = target("https://api.anthropic.com", Dialect::Anthropic);
        assert_eq!(url, "https://api.anthropic.com/v1/messages");
        let url = target("http://localhost:8798/openai/v1", Dialect::Openai);
        assert_eq!(url, "http://localhost:8798/openai/v1/chat/completions");
    }
}
