//! Bounded reading of bodies.

use domain::problem::Problem;
use futures_util::StreamExt;
use worker::{Error, Request, Response};

/// The body, if it has at most `limit` bytes.
///
/// # Errors
/// 413 when it has more, 400 when it breaks off.
pub async fn read(request: &mut Request, limit: usize) -> Result<Vec<u8>, Problem> {
    let too_large = || match limit {
        0 => Problem::too_large("This operation takes no body."),
        _ => Problem::too_large(format!("The body may have at most {limit} bytes.")),
    };
    let declared = request.headers().get("content-length").ok().flatten();
    let declared = declared.and_then(|text| text.parse::<u64>().ok());
    let broken = || Problem::malformed("The body broke off.");
    match declared {
        Some(length) if length > limit as u64 => return Err(too_large()),
        // HTTP ends it there, so it can be had in one piece.
        Some(_) => return request.bytes().await.map_err(|_| broken()),
        None => {}
    }
    let mut body = Vec::new();
    // No body at all.
    let Ok(mut stream) = request.stream() else {
        return Ok(body);
    };
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| broken())?;
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The beginning of an answer's body, about `limit` bytes at most.
///
/// # Errors
/// When it breaks off before.
pub async fn beginning(answer: &mut Response, limit: usize) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    let mut stream = answer.stream()?;
    while body.len() < limit
        && let Some(chunk) = stream.next().await
    {
        body.extend_from_slice(&chunk?);
    }
    body.truncate(limit);
    Ok(body)
}
