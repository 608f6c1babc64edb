//! Answers: JSON, or a problem. Failures are logged once, by the caller of the router.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::problem::Problem;
use edge::reply::{API_HEADERS, problem_body, problem_headers};
use serde::Serialize;

use crate::ports::PortError;

/// Why an operation gave no answer of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The caller is told.
    Refused(Box<Problem>),
    /// The log is told; the caller learns that it was our fault.
    Fault(String),
}

/// What went wrong inside, as an extension of the response: for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause(pub(crate) String);

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        match error {
            PortError::Conflict => {
                Problem::conflict("Somebody else changed it first. Look again, then retry.").into()
            }
            PortError::Failed(cause) => Self::Fault(cause),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(problem) => refuse(&problem),
            Self::Fault(cause) => {
                let detail = "The registry could not do this. Try again in a moment.";
                let mut response = refuse(&Problem::internal(detail));
                response.extensions_mut().insert(Cause(cause));
                response
            }
        }
    }
}

/// A value as JSON.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Result<Response, Failure> {
    let body =
        serde_json::to_vec(value).map_err(|e| Failure::Fault(format!("no JSON form: {e}")))?;
    let mut response = api_response(status, body);
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// A table as CSV.
pub(crate) fn csv(text: String) -> Response {
    let mut response = api_response(StatusCode::OK, text.into_bytes());
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Success without anything to say.
pub(crate) fn no_content() -> Response {
    api_response(StatusCode::NO_CONTENT, Vec::new())
}

fn refuse(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = api_response(status, problem_body(problem));
    for (name, value) in problem_headers(problem) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn api_response(status: StatusCode, body: Vec<u8>) -> Response {
    let body = if body.is_empty() {
        Body::empty()
    } else {
        Body::from(body)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in API_HEADERS {
        response
            .headers_mut()
            .insert(*name, HeaderValue::from_static(value));
    }
    response
}
