//! `http://browser.internal`: the only way to a browser. It answers discovery as Chrome's
//! debugging port does, and connects to a session of the browser service. Sessions and
//! their time are counted by the Durable Object.
//!
//! - `GET /json/version` names the session that everybody shares.
//! - `ws://browser.internal/` and `/devtools/browser/default` lead to it and open it when
//!   there is none; `/devtools/browser` opens another; `/devtools/browser/ID` leads to one
//!   that is open.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use domain::problem::Problem;
use domain::wire::init::BROWSER_HOST;
use edge::credentials::{self, Credential};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use serde_json::json;
use worker::{
    Context, Delay, Error, Method, Request, Response, Result, Url, WebSocket, WebSocketPair,
    WebsocketEvent, console_error,
};

use crate::adapters::browser::BrowserService;
use crate::adapters::clock::now;
use crate::adapters::sandbox_stub::SandboxStub;
use crate::command::{BrowserAsk, BrowserRenewal, BrowserTicket, Command};

/// The session that everybody shares, in an address.
const SHARED: &str = "default";
/// How often the Durable Object is asked whether a session may go on.
const EVERY: Duration = Duration::from_secs(10);
/// A session of which nothing is asked for this long is given up: programs stay
/// connected to browsers that they do not need any more.
const IDLE: TimeDelta = TimeDelta::minutes(2);
/// Close code for what a policy does not allow (RFC 6455).
const POLICY: u16 = 1008;
/// Close code of an end that nobody is at fault for.
const NORMAL: u16 = 1000;
/// Most bytes of the reason in a close frame.
const MAX_REASON: usize = 123;

/// Serves one request.
pub(super) async fn serve(
    request: &Request,
    url: &Url,
    context: &Context,
    service: Option<&BrowserService>,
    sandbox: SandboxStub,
) -> Result<Response> {
    match answer(request, url, context, service, sandbox).await {
        Ok(response) => Ok(response),
        Err(problem) => edge::reply::problem(&problem),
    }
}

async fn answer(
    request: &Request,
    url: &Url,
    context: &Context,
    service: Option<&BrowserService>,
    sandbox: SandboxStub,
) -> std::result::Result<Response, Problem> {
    if request.method() != Method::Get {
        return Err(Problem::method_not_allowed("Only GET is answered here."));
    }
    let header = |name: &str| request.headers().get(name).ok().flatten();
    let upgrade = header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    let ask = asked(url.path(), upgrade)
        .ok_or_else(|| Problem::not_found("Nothing of a browser is there."))?;
    let service = service.ok_or_else(|| {
        Problem::unavailable("This deployment has no browser: it binds no browser service.")
    })?;
    let key = key(header);
    let ticket: BrowserTicket = sandbox.ask_for(&Command::Browser { key, ask }).await?;
    let failed = |error: Error| {
        console_error!("browser: {error}");
        Problem::unavailable("The browser does not answer just now; try again.").with_retry_after(1)
    };
    if !upgrade {
        return version(&ticket).map_err(failed);
    }
    let connected = service.connect(&ticket.upstream).await.map_err(failed)?;
    let status = connected.status_code();
    let Some(browser) = connected.websocket() else {
        return Err(failed(Error::RustError(format!("connect: {status}"))));
    };
    let pair = WebSocketPair::new().map_err(failed)?;
    let client = pair.server;
    let response = Response::from_websocket(pair.client).map_err(failed)?;
    context.wait_until(async move {
        if let Err(error) = pass(&client, &browser, &sandbox, ticket.session).await {
            console_error!("browser: {error}");
        }
    });
    Ok(response)
}

/// What an address asks for.
fn asked(path: &str, upgrade: bool) -> Option<BrowserAsk> {
    let path = path.trim_end_matches('/');
    if !upgrade {
        return (path == "/json/version").then_some(BrowserAsk::Find);
    }
    match path.strip_prefix("/devtools/browser") {
        None => path.is_empty().then_some(BrowserAsk::Share),
        Some("") => Some(BrowserAsk::Open),
        Some(session) => match session.strip_prefix('/')? {
            SHARED => Some(BrowserAsk::Share),
            session => Some(BrowserAsk::Attach {
                session: session.to_owned(),
            }),
        },
    }
}

/// The container's key: programs for browsers put it into the address, which makes it the
/// password of `Basic`.
fn key(header: impl Fn(&str) -> Option<String>) -> String {
    let basic = header("authorization").and_then(|value| {
        let (scheme, encoded) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        Some(decoded.split_once(':')?.1.to_owned())
    });
    match (basic, credentials::find(header)) {
        (Some(key), _) | (None, Some(Credential::Bearer(key))) => key,
        _ => String::new(),
    }
}

fn version(ticket: &BrowserTicket) -> Result<Response> {
    let session = match ticket.session.as_str() {
        "" => SHARED,
        session => session,
    };
    let body = json!({
        "Browser": "Chrome",
        "Protocol-Version": "1.3",
        "webSocketDebuggerUrl": format!("ws://{BROWSER_HOST}/devtools/browser/{session}"),
    });
    edge::reply::json(200, &body)
}

/// Passes messages on in both directions until one side ends, or the session does.
async fn pass(
    client: &WebSocket,
    browser: &WebSocket,
    sandbox: &SandboxStub,
    session: String,
) -> Result<()> {
    let (mut asked, mut answered) = (client.events()?, browser.events()?);
    browser.accept()?;
    client.accept()?;
    let mut last_asked = now();
    let mut pause = Box::pin(Delay::from(EVERY));
    let (code, reason) = loop {
        match select(asked.next(), select(answered.next(), &mut pause)).await {
            Either::Left((Some(Ok(WebsocketEvent::Message(message))), _)) => {
                last_asked = now();
                forward(&message, browser)?;
            }
            Either::Left(_) => break (NORMAL, String::new()),
            Either::Right((Either::Left((Some(Ok(WebsocketEvent::Message(message))), _)), _)) => {
                forward(&message, client)?;
            }
            Either::Right((Either::Left(_), _)) => {
                // The service closes a session that was ended here without a word.
                break match renew(sandbox, &session, false).await {
                    Some(why) => (POLICY, why),
                    None => (NORMAL, "The browser has ended.".to_owned()),
                };
            }
            Either::Right((Either::Right(_), _)) => {
                let used = now() - last_asked < IDLE;
                if let Some(why) = renew(sandbox, &session, used).await {
                    break (POLICY, why);
                }
                pause = Box::pin(Delay::from(EVERY));
            }
        }
    };
    // One of the two is closed already; that is no error.
    drop(client.close(Some(code), Some(shortened(&reason))));
    drop(browser.close(Some(NORMAL), Some("")));
    Ok(())
}

/// Why the session has ended, if it has.
async fn renew(sandbox: &SandboxStub, session: &str, used: bool) -> Option<String> {
    let session = session.to_owned();
    let renewal = sandbox
        .ask_for::<BrowserRenewal>(&Command::RenewBrowser { session, used })
        .await;
    // While the object restarts the session goes on; it expires if that takes too long.
    renewal.ok()?.ended
}

fn forward(message: &worker::MessageEvent, to: &WebSocket) -> Result<()> {
    match (message.text(), message.bytes()) {
        (Some(text), _) => to.send_with_str(text),
        (None, Some(bytes)) => to.send_with_bytes(bytes),
        (None, None) => Ok(()),
    }
}

/// As much of a text as a close frame takes.
fn shortened(text: &str) -> &str {
    let mut end = text.len().min(MAX_REASON);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_a_debugging_port() {
        let attach = |session: &str| BrowserAsk::Attach {
            session: session.to_owned(),
        };
        for (path, upgrade, ask) in [
            ("/json/version", false, Some(BrowserAsk::Find)),
            ("/json/version/", false, Some(BrowserAsk::Find)),
            ("/json/version", true, None),
            ("/", true, Some(BrowserAsk::Share)),
            ("/", false, None),
            ("/devtools/browser/default", true, Some(BrowserAsk::Share)),
            ("/devtools/browser", true, Some(BrowserAsk::Open)),
            ("/devtools/browser/ab12", true, Some(attach("ab12"))),
            ("/devtools/browserx", true, None),
            ("/devtools/page/1", true, None),
        ] {
            assert_eq!(asked(path, upgrade), ask, "{path}");
        }
    }

    #[test]
    fn the_key_is_a_password_or_a_bearer() {
        let with = |value: &'static str| {
            key(move |name: &str| (name == "authorization").then(|| value.to_owned()))
        };
        // gateway:tmk_1
        assert_eq!(with("Basic Z2F0ZXdheTp0bWtfMQ=="), "tmk_1");
        assert_eq!(with("Bearer tmk_2"), "tmk_2");
        assert_eq!(with("Basic !"), "");
        assert_eq!(key(|_| None), "");
    }

    #[test]
    fn a_reason_fits_into_a_close_frame() {
        assert_eq!(shortened("short"), "short");
        let long = "ä".repeat(100);
        assert_eq!(shortened(&long).len(), 122);
    }
}
