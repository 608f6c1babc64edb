//! Server-sent events, written one by one.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::stream;

/// One event: its name, when it has one, and its data on a single line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) name: Option<&'static str>,
    pub(super) data: String,
}

impl Event {
    /// An event without a name.
    pub(super) fn data(data: impl Into<String>) -> Self {
        Self {
            name: None,
            data: data.into(),
        }
    }

    /// The event as it goes over the wire.
    pub(super) fn wire(&self) -> String {
        let name = self
            .name
            .map(|name| format!("event: {name}\n"))
            .unwrap_or_default();
        format!("{name}data: {}\n\n", self.data)
    }
}

/// A response that sends the events with a pause before each.
pub(super) fn response(events: Vec<Event>, pause: Duration) -> Response {
    let chunks = stream::unfold(events.into_iter(), move |mut events| async move {
        let event = events.next()?;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Some((Ok::<_, Infallible>(Bytes::from(event.wire())), events))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Cuts a text into pieces of about `size` bytes, at character boundaries.
pub(super) fn pieces(text: &str, size: usize) -> Vec<&str> {
    let mut rest = text;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(size.max(1)));
        pieces.push(piece);
        rest = after;
    }
    pieces
}
