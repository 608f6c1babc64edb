//! The model server of the benchmark: it answers at once, so that what is measured
//! is the way to it.

use std::convert::Infallible;
use std::net::Ipv4Addr;

use futures_util::stream::iter;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Events of an answer that streams.
const EVENTS: usize = 20;

type Body = http_body_util::combinators::BoxBody<Bytes, Infallible>;

/// The server. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct ModelServer {
    port: u16,
    task: JoinHandle<()>,
}

impl ModelServer {
    /// Starts it on a free port.
    pub(super) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(stream.set_nodelay(true));
                let serving = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(answer));
                // A caller that goes away is how every connection ends.
                tokio::spawn(async move { drop(serving.await) });
            }
        });
        Ok(Self { port, task })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    // Read to its end, as a model would.
    let body = request.into_body().collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let streams = body
        .windows(STREAM.len())
        .any(|part| part == STREAM.as_bytes());
    let (kind, chunks) = if streams {
        let word = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"}}]}\n\n";
        let mut chunks = vec![Bytes::from_static(word.as_bytes()); EVENTS];
        chunks.push(Bytes::from(format!("data: {{\"choices\":[],{USAGE}}}\n\n")));
        chunks.push(Bytes::from_static(b"data: [DONE]\n\n"));
        ("text/event-stream", chunks)
    } else {
        let words = "word ".repeat(EVENTS);
        let text = format!("{{\"choices\":[{{\"message\":{{\"content\":\"{words}\"}}}}],{USAGE}}}");
        ("application/json", vec![Bytes::from(text)])
    };
    let frames = chunks.into_iter().map(|chunk| Ok(Frame::data(chunk)));
    let mut response = Response::new(StreamBody::new(iter(frames)).boxed());
    response.headers_mut().insert(
        hyper::header::CONTENT_TYPE,
        hyper::header::HeaderValue::from_static(kind),
    );
    Ok(response)
}

/// What a request has in it that wants a stream.
const STREAM: &str = "\"stream\":true";
const USAGE: &str = "\"usage\":{\"prompt_tokens\":250,\"completion_tokens\":25}";
