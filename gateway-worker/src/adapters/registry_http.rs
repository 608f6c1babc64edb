//! Calls to the registry.

use serde_json::Value;
use wasm_bindgen::JsValue;
use worker::{AbortSignal, Fetch, Headers, Method, Request, RequestInit, RequestRedirect};

use crate::ports::{Answer, RegistryHttp};

/// Largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// How long an answer may take, in milliseconds.
const TIMEOUT_MS: u32 = 10_000;

/// The platform's `fetch`.
#[derive(Debug, Clone, Copy)]
pub struct PlatformFetch;

impl RegistryHttp for PlatformFetch {
    async fn post(&self, url: &str, bearer: Option<&str>, body: &Value) -> Result<Answer, String> {
        let words = |error: worker::Error| error.to_string();
        let headers = Headers::new();
        headers
            .set("content-type", "application/json")
            .map_err(words)?;
        headers.set("accept", "application/json").map_err(words)?;
        if let Some(bearer) = bearer {
            headers
                .set("authorization", &format!("Bearer {bearer}"))
                .map_err(words)?;
        }
        let mut init = RequestInit::new();
        // A redirect could carry the credential to another server.
        init.with_method(Method::Post)
            .with_headers(headers)
            .with_redirect(RequestRedirect::Manual)
            .with_body(Some(JsValue::from_str(&body.to_string())));
        let request = Request::new_with_init(url, &init).map_err(words)?;
        let signal = timeout()?;
        let mut response = Fetch::Request(request)
            .send_with_signal(&signal)
            .await
            .map_err(words)?;
        let bytes = response.bytes().await.map_err(words)?;
        if bytes.len() > MAX_ANSWER_BYTES {
            return Err("the answer is too large".to_owned());
        }
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Answer {
            status: response.status_code(),
            body,
        })
    }
}

fn timeout() -> Result<AbortSignal, String> {
    Ok(AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(
        TIMEOUT_MS,
    )))
}
