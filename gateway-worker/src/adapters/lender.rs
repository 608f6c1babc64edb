//! Another gateway's Worker behind [`Lender`].

use domain::secret::Secret;
use domain::wire::gateway::API_PREFIX;
use web_sys::ReadableStream;
use worker::{
    AbortSignal, Fetch, Headers, Method, Request, RequestInit, RequestRedirect, Response,
};

use super::body;
use crate::ports::lender::{Lender, Lent};

/// How long an answer may take with its body, in milliseconds.
const TIMEOUT_MS: u32 = 60_000;

/// The platform's `fetch`, with a code that opens one generation.
#[derive(Debug, Clone, Copy)]
pub struct LendingGateway<'a> {
    /// Origin of the gateway.
    pub origin: &'a str,
    /// The code.
    pub code: &'a Secret,
}

impl LendingGateway<'_> {
    async fn get(&self, path: &str) -> Result<Response, worker::Error> {
        let headers = Headers::new();
        let authorization = format!("Bearer {}", self.code.expose());
        headers.set("authorization", &authorization)?;
        headers.set("user-agent", "tedix-claw")?;
        let mut init = RequestInit::new();
        // A redirect could carry the code to another server.
        init.with_method(Method::Get)
            .with_headers(headers)
            .with_redirect(RequestRedirect::Manual);
        let url = format!("{}{API_PREFIX}{path}", self.origin);
        let request = Request::new_with_init(&url, &init)?;
        let signal = AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(TIMEOUT_MS));
        Fetch::Request(request).send_with_signal(&signal).await
    }
}

impl Lender for LendingGateway<'_> {
    type Body = ReadableStream;

    async fn small(&self, path: &str, limit: usize) -> Result<Lent<Vec<u8>>, String> {
        let words = |error: worker::Error| error.to_string();
        let mut answer = self.get(path).await.map_err(words)?;
        let status = answer.status_code();
        let body = match status {
            200 => body::beginning(&mut answer, limit).await.map_err(words)?,
            _ => Vec::new(),
        };
        Ok(Lent { status, body })
    }

    async fn stream(&self, path: &str) -> Result<Lent<ReadableStream>, String> {
        let answer = self.get(path).await.map_err(|error| error.to_string())?;
        let status = answer.status_code();
        let answer = web_sys::Response::from(answer);
        let body = answer.body().ok_or("the answer has no body")?;
        Ok(Lent { status, body })
    }
}
