//! Requests and responses as the runtime has them, so that streams and
//! WebSockets pass through without being touched.

use js_sys::Promise;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, RequestInit, Response};
use worker::Error;

#[wasm_bindgen]
extern "C" {
    /// Anything with a `fetch` method: a stub, a service, a container's port.
    #[derive(Debug, Clone)]
    pub type RawFetcher;

    #[wasm_bindgen(method, catch, js_name = fetch)]
    fn fetch_raw(this: &RawFetcher, request: &Request) -> Result<Promise, JsValue>;
}

impl RawFetcher {
    /// Sends a request.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn fetch(&self, request: &Request) -> Result<Response, Error> {
        let answer = JsFuture::from(self.fetch_raw(request)?).await?;
        Ok(answer.dyn_into::<Response>()?)
    }
}

/// The same request (method, headers, body, WebSocket upgrade) for another URL.
///
/// # Errors
/// When the URL cannot be read.
pub fn with_url(request: &Request, url: &str) -> Result<Request, Error> {
    // The second argument of `new Request()` may be a Request; its stream is moved, not read.
    let like: &RequestInit = request.unchecked_ref();
    Ok(Request::new_with_str_and_init(url, like)?)
}
