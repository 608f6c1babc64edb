//! `http://models.internal`: the only way to a model. The budget is checked
//! before the call, the real key is added here and nowhere else, and tokens are
//! counted as the answer passes by.

use std::rc::Rc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::metering::{
    Dialect, ErrorKind, Framing, Meter, ModelRequest, Operation, clean_session, read_request,
};
use domain::problem::Problem;
use edge::credentials::{self, Credential};
use futures_channel::oneshot;
use wasm_bindgen::JsValue;
use worker::{
    AbortController, AbortSignal, Context, Delay, Error, Fetch, Headers, Method, Request,
    RequestInit, RequestRedirect, Response, ResponseBody, Result, Url, console_error,
};

use super::keep_alive::KeepAlive;
use super::metered::Metered;
use super::refusal::{self, Refusal, passed_back};
use super::watch::{self, Ended, Voice, Watched};
use crate::adapters::body;
use crate::adapters::clock::now;
use crate::adapters::env::{Upstream, Upstreams};
use crate::adapters::relay::{End, Relay, Witness};
use crate::adapters::sandbox_stub::SandboxStub;
use crate::command::{Admission, CallRequest, Command};
use crate::settings::Settings;

/// Largest request, in bytes. Pictures travel inside it as base64.
const MAX_REQUEST: usize = 16 * 1024 * 1024;
/// How long a call waits for others to settle when these hold what it would need of a
/// budget; after that it takes what is free, or is refused.
const PATIENCE: TimeDelta = TimeDelta::seconds(10);
/// First pause between two tries, doubled with each.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);
/// Headers of the request that reach the provider.
const PASSED_ON: &[&str] = &["accept", "anthropic-beta", "anthropic-version"];
/// Carries the id of OpenClaw's session, where its configuration asks for it.
const SESSION_HEADER: &str = "x-session-affinity";
/// Host of Cloudflare's AI Gateway, whose OpenAI addresses hold no version.
const AI_GATEWAY: &str = "https://gateway.ai.cloudflare.com/";
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
    let path = format!("/{path}");
    let outcome = match Operation::find(dialect, &path) {
        Some(operation) if request.method() == Method::Post => {
            call(request, operation, context, settings, sandbox, upstreams).await
        }
        _ => Err(Refusal::new(ErrorKind::NotFound, offered(dialect))),
    };
    outcome.or_else(|refusal| refusal.response(dialect))
}

fn offered(dialect: Dialect) -> String {
    let of = Operation::ALL
        .into_iter()
        .filter(|operation| operation.dialect() == dialect);
    let paths: Vec<&str> = of.map(Operation::path).collect();
    format!("only POST {} is let through", paths.join(", "))
}

async fn call(
    request: &mut Request,
    operation: Operation,
    context: &Context,
    settings: &Settings,
    sandbox: SandboxStub,
    upstreams: &Upstreams,
) -> std::result::Result<Response, Refusal> {
    let dialect = operation.dialect();
    let key = key(request);
    let bytes = body::read(request, MAX_REQUEST)
        .await
        .map_err(|problem| Refusal::new(ErrorKind::TooLarge, problem.detail))?;
    let mut asked = read_request(operation, &bytes)
        .map_err(|error| Refusal::new(ErrorKind::Invalid, error.to_string()))?;
    if let Some(session) = request.headers().get(SESSION_HEADER).ok().flatten() {
        asked.attribution.session = clean_session(&session).or(asked.attribution.session);
    }
    let upstream = upstreams.get(dialect).ok_or_else(|| {
        Refusal::new(
            ErrorKind::NotFound,
            format!("{} is not set up here", dialect.provider()),
        )
    })?;
    let (call, limit) = admit(&sandbox, key, &asked, settings).await?;
    if let Some(limit) = limit {
        asked.limit_output(limit);
    }
    let progress = Progress {
        operation,
        request_bytes: bytes.len() as u64,
        started_at: now(),
    };
    let abort = AbortController::default();
    let client = request.inner().signal();
    let signal = either(&abort.signal(), &client);
    let (ended, ending) = oneshot::channel();
    let voice = Voice::default();
    // Registered before the answer goes out, so that it outlives a client that hangs up.
    context.wait_until(watch::over(Watched {
        sandbox,
        call,
        abort,
        ending,
        voice: Rc::clone(&voice),
    }));
    match send(request, upstream, &asked, &signal).await {
        Ok(answer) if (200..300).contains(&answer.status_code()) => {
            metered(&answer, progress, ended, &voice)
        }
        Ok(answer) => {
            // The end of the call cancels what is left of the answer, so it is read before.
            let (refusal, fault) = refusal::of_provider(answer, dialect).await;
            let _ = ended.send(Err(fault));
            refusal
        }
        Err(_) if client.aborted() => {
            // The provider may have read the question, and begun to think.
            progress.counted(Framing::Document, ended).ended(End::Cut);
            Err(Refusal::new(ErrorKind::Upstream, "the client hung up"))
        }
        Err(error) => {
            console_error!("{}: {error}", dialect.provider());
            let _ = ended.send(Err(None));
            Err(Refusal::new(
                ErrorKind::Upstream,
                "the provider cannot be reached",
            ))
        }
    }
}

/// A call under way.
#[derive(Clone, Copy)]
struct Progress {
    operation: Operation,
    request_bytes: u64,
    started_at: chrono::DateTime<chrono::Utc>,
}

impl Progress {
    /// Counts what its answer uses.
    fn counted(
        self,
        framing: Framing,
        ended: oneshot::Sender<Ended>,
    ) -> Metered<impl Fn() -> u64 + 'static> {
        let meter = Meter::new(self.operation, framing);
        let keep_alive = matches!(framing, Framing::Events).then(KeepAlive::default);
        let ms = move || (now() - self.started_at).num_milliseconds();
        let since = move || u64::try_from(ms()).unwrap_or(0);
        Metered::new(meter, keep_alive, self.request_bytes, since, ended)
    }
}

/// Aborted as soon as one of both is.
fn either(one: &AbortSignal, other: &web_sys::AbortSignal) -> AbortSignal {
    let both = js_sys::Array::of2(one, other);
    AbortSignal::from(web_sys::AbortSignal::any(&both))
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
    key: String,
    asked: &ModelRequest,
    settings: &Settings,
) -> std::result::Result<(String, Option<u64>), Refusal> {
    let mut call = CallRequest {
        operation: asked.operation,
        model: asked.model.clone(),
        input_tokens: asked.estimated_input_tokens,
        max_output_tokens: asked.max_output_tokens,
        agent: asked.attribution.agent.clone(),
        session: asked.attribution.session.clone(),
        earlier_calls: asked.attribution.earlier_calls,
        may_wait: true,
    };
    let patience_ends = now() + PATIENCE;
    let mut pause = FIRST_PAUSE;
    let admission = loop {
        let command = Command::Admit {
            key: key.clone(),
            call: call.clone(),
        };
        let admission = sandbox.ask_for(&command).await;
        match admission.map_err(|problem| Refusal::new(ErrorKind::Upstream, problem.detail))? {
            Admission::Wait => Delay::from(pause).await,
            admission => break admission,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
        call.may_wait = now() < patience_ends;
    };
    match admission {
        Admission::Admitted {
            call,
            output_tokens,
        } => Ok((call, output_tokens)),
        Admission::Wait => Err(Refusal::new(ErrorKind::Upstream, "the gateway is too busy")),
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
            kind,
            message,
            retry_after_seconds,
        } => Err(Refusal {
            kind,
            message,
            retry_after: Some(retry_after_seconds),
        }),
    }
}

async fn send(
    request: &Request,
    upstream: &Upstream,
    asked: &ModelRequest,
    signal: &AbortSignal,
) -> std::result::Result<Response, Error> {
    let headers = Headers::new();
    for name in PASSED_ON {
        if let Some(value) = request.headers().get(name)? {
            headers.set(name, &value)?;
        }
    }
    headers.set("content-type", "application/json")?;
    if !upstream.key.is_empty() {
        match asked.operation.dialect() {
            Dialect::Openai => headers.set("authorization", &format!("Bearer {}", upstream.key))?,
            Dialect::Anthropic => headers.set("x-api-key", &upstream.key)?,
        }
    }
    if !upstream.gateway_token.is_empty() {
        headers.set(
            "cf-aig-authorization",
            &format!("Bearer {}", upstream.gateway_token),
        )?;
    }
    let mut init = RequestInit::new();
    // A redirect could carry the key to another server.
    init.with_method(Method::Post)
        .with_headers(headers)
        .with_redirect(RequestRedirect::Manual)
        .with_body(Some(JsValue::from_str(&asked.body.to_string())));
    let request = Request::new_with_init(&target(&upstream.base_url, asked.operation), &init)?;
    Fetch::Request(request).send_with_signal(signal).await
}

/// The operation's URL. A base may end with the version, as OpenAI's does, or
/// without; an AI Gateway's for OpenAI has none at all.
fn target(base: &str, operation: Operation) -> String {
    let base = base.strip_suffix("/v1").unwrap_or(base);
    let path = operation.path();
    if base.starts_with(AI_GATEWAY) && operation.dialect() == Dialect::Openai {
        let path = path.strip_prefix("/v1").unwrap_or(path);
        return format!("{base}{path}");
    }
    format!("{base}{path}")
}

fn metered(
    answer: &Response,
    progress: Progress,
    ended: oneshot::Sender<Ended>,
    voice: &Voice,
) -> std::result::Result<Response, Refusal> {
    let broken = |error: Error| {
        console_error!("{}: {error}", progress.operation.dialect().provider());
        Refusal::new(ErrorKind::Upstream, "the provider's answer cannot be read")
    };
    let content_type = answer
        .headers()
        .get("content-type")
        .ok()
        .flatten()
        .unwrap_or_default();
    let metered = progress.counted(Framing::from_content_type(&content_type), ended);
    let headers = passed_back(answer).map_err(broken)?;
    let ResponseBody::Stream(body) = answer.body() else {
        return Err(broken(Error::RustError("there is none".to_owned())));
    };
    let (passed, relay) = Relay::of(body, metered).map_err(broken)?;
    // It is only set here.
    let _ = voice.set(Box::new(move || relay.ask_for_words()));
    Ok(Response::builder()
        .with_status(answer.status_code())
        .with_headers(headers)
        .stream(passed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_with_or_without_version_leads_to_the_same_operation() {
        for base in ["https://api.openai.com/v1", "https://api.openai.com"] {
            let url = target(base, Operation::ChatCompletions);
            assert_eq!(url, "https://api.openai.com/v1/chat/completions");
        }
        let url = target("https://api.anthropic.com", Operation::Messages);
        assert_eq!(url, "https://api.anthropic.com/v1/messages");
        let url = target("http://localhost:8798/openai/v1", Operation::Responses);
        assert_eq!(url, "http://localhost:8798/openai/v1/responses");
    }

    #[test]
    fn an_ai_gateway_has_its_own_paths() {
        let base =
            |provider: &str| format!("https://gateway.ai.cloudflare.com/v1/account/gw/{provider}");
        for (provider, operation, path) in [
            ("openai", Operation::ChatCompletions, "/chat/completions"),
            ("openai", Operation::Embeddings, "/embeddings"),
            ("compat", Operation::ChatCompletions, "/chat/completions"),
            ("anthropic", Operation::Messages, "/v1/messages"),
        ] {
            assert_eq!(
                target(&base(provider), operation),
                format!("{}{path}", base(provider))
            );
        }
    }
}
