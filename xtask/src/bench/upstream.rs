//! What the benchmark runs in the container in OpenClaw's place: something that
//! costs next to nothing, so that what is measured is the way to it.
//!
//! tedix-init starts it and takes it for OpenClaw, so it answers what tedix-init
//! asks: whether it is ready, and which configuration it runs with.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use anyhow::Context;
use domain::wire::init::OPENCLAW_PORT;
use domain::wire::openclaw::{ADMIN_RPC_PATH, OPENCLAW_VERSION};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// First argument that makes this program the upstream.
pub const SUBCOMMAND: &str = "bench-upstream";
/// Size of every answer that is measured, in bytes.
pub(super) const BODY_BYTES: usize = 1024;

/// Where OpenClaw reads its configuration.
const CONFIG_PATH_ENV: &str = "OPENCLAW_CONFIG_PATH";

type Body = http_body_util::Full<Bytes>;

/// Answers like OpenClaw, given OpenClaw's arguments.
pub fn main(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    let validating = arguments.into_iter().any(|argument| argument == "validate");
    if validating {
        println!("{}", json!({ "valid": true }));
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    let served = runtime
        .context("no runtime")
        .and_then(|runtime| runtime.block_on(serve()));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the upstream failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, OPENCLAW_PORT)).await?;
    let body = Bytes::from(vec![b'x'; BODY_BYTES]);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let body = body.clone();
        let service = service_fn(move |request| answer(request, body.clone()));
        tokio::spawn(async move {
            // A caller that goes away is how every connection ends.
            drop(
                http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

async fn answer(request: Request<Incoming>, body: Bytes) -> Result<Response<Body>, Infallible> {
    if request.method() != Method::POST || request.uri().path() != ADMIN_RPC_PATH {
        return Ok(Response::new(Body::new(body)));
    }
    // It runs with whatever the file says.
    let file = std::env::var_os(CONFIG_PATH_ENV).and_then(|path| std::fs::read(path).ok());
    let config: Value = file
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let payload = json!({
        "valid": true, "issues": [], "parsed": config, "runtimeConfig": config,
        "configRevisionHash": "bench", "appliedConfigHash": "bench",
        "runtimeVersion": OPENCLAW_VERSION,
    });
    let answer = json!({ "ok": true, "payload": payload }).to_string();
    Ok(Response::new(Body::new(Bytes::from(answer))))
}
