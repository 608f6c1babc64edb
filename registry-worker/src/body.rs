//! Request bodies: JSON of a bounded size, or a problem that says what is wrong where.

use std::error::Error;
use std::fmt::Write;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use domain::problem::{FieldError, Problem};
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

/// Largest body where nothing else is said, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = 8 * 1024;

/// Reads a JSON body of at most `limit` bytes.
///
/// # Errors
/// 415 for another media type, 413 for more bytes, 400 for what is not JSON, 422 with
/// the field at fault otherwise.
pub(crate) async fn json<T: DeserializeOwned>(
    request: Request,
    limit: usize,
) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    if !is_json(&parts.headers) {
        let detail = "Send the body as application/json.";
        return Err(Problem::unsupported_media_type(detail));
    }
    let bytes = bounded(&parts.headers, body, limit).await?;
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        // serde reads a struct from an array too, field by field.
        return Err(Problem::fields(vec![FieldError::new(
            "",
            "must be an object",
        )]));
    }
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        refuse(pointer, &error.into_inner())
    })?;
    reader
        .end()
        .map_err(|error| refuse(String::new(), &error))?;
    Ok(value)
}

async fn bounded(headers: &HeaderMap, body: Body, limit: usize) -> Result<Vec<u8>, Problem> {
    let too_large = || Problem::too_large(format!("The body may have {limit} bytes at most."));
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    if length
        .and_then(|length| length.parse::<usize>().ok())
        .is_some_and(|length| length > limit)
    {
        return Err(too_large());
    }
    match to_bytes(body, limit).await {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(error)
            if error
                .source()
                .is_some_and(|source| source.is::<LengthLimitError>()) =>
        {
            Err(too_large())
        }
        Err(_) => Err(Problem::malformed(
            "The body ended before it was complete. Send it again.",
        )),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
}

fn refuse(pointer: String, error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Data => Problem::fields(vec![FieldError::new(pointer, error.to_string())]),
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::malformed(format!("The body is not JSON: {error}."))
        }
    }
}

/// RFC 6901.
fn pointer(path: &Path) -> String {
    path.iter().fold(String::new(), |mut pointer, segment| {
        // Writing to a String does not fail.
        let _ = match segment {
            Segment::Seq { index } => write!(pointer, "/{index}"),
            Segment::Map { key } => {
                write!(pointer, "/{}", key.replace('~', "~0").replace('/', "~1"))
            }
            Segment::Enum { variant } => write!(pointer, "/{variant}"),
            Segment::Unknown => Ok(()),
        };
        pointer
    })
}
