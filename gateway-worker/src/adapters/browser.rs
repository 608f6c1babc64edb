//! Cloudflare Browser Rendering (Browser Run), through its binding: plain requests to
//! paths that only the binding answers. Source: cloudflare/puppeteer's transport for
//! Workers, and Miniflare, which answers the same paths with a Chromium on this machine.

use js_sys::Reflect;
use serde::Deserialize;
use wasm_bindgen::JsCast;
use worker::{Env, Error, Method, Request, RequestInit, Response};

use super::raw::RawFetcher;

/// Name of the binding.
const BROWSER: &str = "BROWSER";
/// The binding's own origin: it looks at the path alone.
const ORIGIN: &str = "http://browser";
/// How long the service keeps a session in which nothing is asked, in milliseconds, should
/// nobody be left to close it; 10 seconds to 10 minutes.
const KEEP_ALIVE_MS: u32 = 300_000;

/// The browser service that the deployment binds.
#[derive(Debug, Clone)]
pub struct BrowserService(RawFetcher);

#[derive(Deserialize)]
struct Acquired {
    #[serde(rename = "sessionId")]
    session: String,
}

impl BrowserService {
    /// The one that the deployment binds, if it does.
    #[must_use]
    pub fn new(env: &Env) -> Option<Self> {
        let binding = Reflect::get(env, &BROWSER.into()).ok()?;
        binding
            .is_object()
            .then(|| Self(binding.unchecked_into::<RawFetcher>()))
    }

    /// Opens a session and says what the service calls it.
    ///
    /// # Errors
    /// When it opens none.
    pub async fn acquire(&self) -> Result<String, Error> {
        let path = format!("/v1/acquire?keep_alive={KEEP_ALIVE_MS}");
        let mut answer = self.ask(Method::Get, &path, false).await?;
        let text = answer.text().await?;
        if answer.status_code() != 200 {
            let said: String = text.chars().take(200).collect();
            let status = answer.status_code();
            return Err(Error::RustError(format!("acquire: {status}: {said}")));
        }
        Ok(serde_json::from_str::<Acquired>(&text)?.session)
    }

    /// Connects to a session's browser; the answer carries the WebSocket.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn connect(&self, session: &str) -> Result<Response, Error> {
        let path = format!("/v1/devtools/browser/{session}");
        self.ask(Method::Get, &path, true).await
    }

    /// Closes a session, and every connection to it.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn close(&self, session: &str) -> Result<(), Error> {
        let path = format!("/v1/devtools/browser/{session}");
        self.ask(Method::Delete, &path, false).await.map(drop)
    }

    async fn ask(&self, method: Method, path: &str, upgrade: bool) -> Result<Response, Error> {
        let init = RequestInit {
            method,
            ..RequestInit::default()
        };
        let request = Request::new_with_init(&format!("{ORIGIN}{path}"), &init)?;
        if upgrade {
            request.inner().headers().set("upgrade", "websocket")?;
        }
        Ok(self.0.fetch(request.inner()).await?.into())
    }
}
