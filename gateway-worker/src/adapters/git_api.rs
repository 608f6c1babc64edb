//! Calls to the APIs of Git hosts.

use domain::secret::Secret;
use wasm_bindgen::JsValue;
use worker::{AbortSignal, Fetch, Headers, Method, Request, RequestInit, RequestRedirect};

use crate::ports::{Answer, Ask, GitApi};

/// Largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// How long an answer may take, in milliseconds.
const TIMEOUT_MS: u32 = 20_000;

/// The platform's `fetch`, with the token of one Git host.
#[derive(Debug, Clone, Copy)]
pub struct GitHostApi<'a>(pub &'a Secret);

impl GitApi for GitHostApi<'_> {
    async fn call(&self, ask: Ask) -> Result<Answer, String> {
        let words = |error: worker::Error| error.to_string();
        let headers = Headers::new();
        let authorization = format!("Bearer {}", self.0.expose());
        for (name, value) in [
            ("accept", "application/json"),
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("user-agent", "tedix-claw"),
            // Of GitHub's API; others take no notice of it.
            ("x-github-api-version", "2022-11-28"),
        ] {
            headers.set(name, value).map_err(words)?;
        }
        let mut init = RequestInit::new();
        // A redirect could carry the token to another server.
        init.with_method(Method::from(ask.method.to_owned()))
            .with_headers(headers)
            .with_redirect(RequestRedirect::Manual);
        if let Some(body) = &ask.body {
            init.with_body(Some(JsValue::from_str(&body.to_string())));
        }
        let request = Request::new_with_init(&ask.url, &init).map_err(words)?;
        let signal = AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(TIMEOUT_MS));
        let answer = Fetch::Request(request).send_with_signal(&signal).await;
        let mut answer = answer.map_err(words)?;
        let bytes = answer.bytes().await.map_err(words)?;
        if bytes.len() > MAX_ANSWER_BYTES {
            return Err("the answer is too large".to_owned());
        }
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Answer {
            status: answer.status_code(),
            body,
        })
    }
}
