//! Model calls over connections that stay open, each asking again as soon as it was
//! answered.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;

use crate::bench::load::Round;

/// Agent that the calls name.
pub(super) const AGENT: &str = "main";

/// Where a call goes, and what it says.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Port on 127.0.0.1.
    pub(super) port: u16,
    /// Path.
    pub(super) path: String,
    /// The key that it shows.
    pub(super) key: String,
    /// Its body, without the end: `stream` is still to be said.
    pub(super) body: String,
}

/// A request for a model of so many bytes, about; its last brace is left out.
pub(super) fn body(model: &str, bytes: usize) -> String {
    let said = |words: &str| {
        let line = format!("{words}\n\nRuntime: agent={AGENT} | sessionId=bench | host=vm");
        let mut body = json!({
            "model": model,
            "max_completion_tokens": 1_000,
            "messages": [{ "role": "user", "content": line }],
        })
        .to_string();
        body.pop();
        body
    };
    let missing = bytes.saturating_sub(said("").len());
    said(&"words \"in\" quotes, as prompts have them; ".repeat(missing / 44 + 1))
}

/// What one call took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Took {
    /// To the answer's first byte.
    pub(super) first_byte: Duration,
    /// To its end.
    pub(super) total: Duration,
}

/// Keeps `connections` busy for `time`; times to the end of each answer, and to the
/// first byte.
///
/// # Errors
/// At the first answer that is not the model's.
pub(super) async fn round(
    call: &Call,
    connections: usize,
    time: Duration,
    streams: bool,
) -> anyhow::Result<(Round, Vec<Duration>)> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(connect(call.port).await?);
    }
    let body = Bytes::from(format!("{},\"stream\":{streams}}}", call.body));
    let begun = Instant::now();
    let end = begun + time;
    let busy = open.into_iter().map(|mut sender| {
        let body = body.clone();
        async move {
            let mut took = Vec::new();
            while Instant::now() < end {
                took.push(ask(&mut sender, call, body.clone()).await?);
            }
            anyhow::Ok(took)
        }
    });
    let took: Vec<Took> = try_join_all(busy).await?.into_iter().flatten().collect();
    let round = Round {
        latencies: took.iter().map(|took| took.total).collect(),
        took: begun.elapsed(),
    };
    Ok((round, took.iter().map(|took| took.first_byte).collect()))
}

async fn connect(port: u16) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .await
        .with_context(|| format!("nobody listens on port {port}"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn ask(
    sender: &mut SendRequest<Full<Bytes>>,
    call: &Call,
    body: Bytes,
) -> anyhow::Result<Took> {
    let request = Request::post(&call.path)
        .header("host", format!("localhost:{}", call.port))
        .header("authorization", format!("Bearer {}", call.key))
        .header("content-type", "application/json")
        .body(Full::new(body))?;
    sender.ready().await?;
    let asked = Instant::now();
    let response = sender.send_request(request).await?;
    let status = response.status();
    let mut answer = response.into_body();
    let mut first_byte = None;
    let mut bytes = Vec::new();
    while let Some(frame) = answer.frame().await {
        if let Ok(data) = frame?.into_data() {
            first_byte.get_or_insert_with(|| asked.elapsed());
            bytes.extend_from_slice(&data);
        }
    }
    let total = asked.elapsed();
    let whole = bytes.windows(17).any(|part| part == b"completion_tokens");
    ensure!(
        status == 200 && whole,
        "a call was answered {status}: {}",
        String::from_utf8_lossy(&bytes)
    );
    Ok(Took {
        first_byte: first_byte.unwrap_or(total),
        total,
    })
}
