//! Refusals of model calls, the gateway's own and the provider's, in the provider's shape.

use domain::metering::{AccountFault, Dialect, ErrorKind};
use worker::{Headers, Response, Result};

use crate::adapters::body;

/// Most of a provider's refusal that is passed on, in bytes.
const MAX_ERROR: usize = 64 * 1024;
/// Headers of the answer that reach OpenClaw.
const PASSED_BACK: &[&str] = &[
    "cache-control",
    "content-type",
    "request-id",
    "retry-after",
    "x-request-id",
];

/// An answer that the gateway itself gives in the provider's shape.
pub(super) struct Refusal {
    pub(super) kind: ErrorKind,
    pub(super) message: String,
    /// In seconds.
    pub(super) retry_after: Option<u32>,
}

impl Refusal {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
        }
    }

    pub(super) fn response(&self, dialect: Dialect) -> Result<Response> {
        let body = dialect.error(self.kind, &self.message);
        let response = edge::reply::json(self.kind.status(), &body)?;
        if let Some(seconds) = self.retry_after.filter(|_| self.kind.says_when_to_retry()) {
            response
                .headers()
                .set("retry-after", &seconds.to_string())?;
        }
        Ok(response)
    }
}

/// What is answered when the provider refused, and whether that was because of the
/// gateway's account. What it says about the real key or the account stays here.
pub(super) async fn of_provider(
    mut answer: Response,
    dialect: Dialect,
) -> (std::result::Result<Response, Refusal>, Option<AccountFault>) {
    let status = answer.status_code();
    if (300..=399).contains(&status) {
        let why = "the provider wants to redirect the call";
        return (Err(Refusal::new(ErrorKind::Upstream, why)), None);
    }
    // What breaks off before its end may have said enough.
    let body = body::beginning(&mut answer, MAX_ERROR).await;
    let said = body.as_deref().unwrap_or_default();
    if let Some(fault) = AccountFault::read(status, said) {
        let refusal = Refusal::new(ErrorKind::Limit, fault.message(dialect));
        return (Err(refusal), Some(fault));
    }
    let passed_on = body.and_then(|body| {
        let headers = passed_back(&answer)?;
        let response = Response::from_bytes(body)?;
        Ok(response.with_status(status).with_headers(headers))
    });
    let failed = |_| Refusal::new(ErrorKind::Upstream, "the provider failed");
    (passed_on.map_err(failed), None)
}

/// Headers of a provider's answer that are passed on.
pub(super) fn passed_back(answer: &Response) -> Result<Headers> {
    let headers = Headers::new();
    for name in PASSED_BACK {
        if let Some(value) = answer.headers().get(name)? {
            headers.set(name, &value)?;
        }
    }
    Ok(headers)
}
