//! The way in: what workerd's egress sidecar does on its port 39001.
//!
//! `CONNECT` with `X-Dst-Addr` opens a tunnel to a port inside the container,
//! `PUT /egress` says which outbound hosts workerd answers, `GET /ca` is asked
//! for the certificate of TLS interception, which is not offered here.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpStream};

use super::egress::{Egress, EgressUpdate};
use super::head::{RequestHead, read_request};
use super::network::Network;

/// The sidecar's port, as seen in Docker's port map.
pub(crate) const PORT: &str = "39001/tcp";

/// Bytes moved at a time in each direction of a tunnel.
pub(crate) const TUNNEL_BUFFER: usize = 32 * 1024;

/// Longest body of `PUT /egress`, in bytes.
const MAX_BODY: usize = 1 << 20;

/// What a container has for its outside: its network and its way out.
#[derive(Debug)]
pub(crate) struct Ingress {
    pub network: Network,
    pub egress: Arc<Egress>,
}

/// Serves connections until the task is aborted.
pub(crate) async fn serve(listener: TcpListener, ingress: Arc<Ingress>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let ingress = Arc::clone(&ingress);
                    connections.spawn(async move {
                        // A broken connection concerns its two ends alone.
                        let _ = connection(stream, &ingress).await;
                    });
                }
                // Out of descriptors, most likely: let some close.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(mut stream: TcpStream, ingress: &Ingress) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffered = Vec::new();
    while let Some(head) = read_request(&mut stream, buffered).await? {
        match (head.method.as_str(), head.target.as_str()) {
            ("CONNECT", _) => return tunnel(stream, &head, &ingress.network).await,
            ("PUT", "/egress") => {
                let (body, rest) = body(&mut stream, head).await?;
                buffered = rest;
                match serde_json::from_slice::<EgressUpdate>(&body) {
                    Ok(update) => match ingress.egress.update(update).await {
                        Ok(()) => answer(&mut stream, "200 OK", "").await?,
                        Err(error) => {
                            let text = error.to_string();
                            answer(&mut stream, "500 Internal Server Error", &text).await?;
                        }
                    },
                    Err(error) => {
                        answer(&mut stream, "400 Bad Request", &error.to_string()).await?;
                    }
                }
            }
            ("GET", "/ca") => {
                buffered = body(&mut stream, head).await?.1;
                answer(&mut stream, "200 OK", NO_CERTIFICATE).await?;
            }
            _ => {
                buffered = body(&mut stream, head).await?.1;
                answer(&mut stream, "404 Not Found", "").await?;
            }
        }
    }
    Ok(())
}

/// workerd insists on something PEM-like before a container starts.
const NO_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

async fn tunnel(mut stream: TcpStream, head: &RequestHead, network: &Network) -> Result<()> {
    let target = head.field("x-dst-addr").unwrap_or(&head.target);
    let Ok(address) = target.parse::<SocketAddr>() else {
        return answer(&mut stream, "400 Bad Request", "the address is not ip:port").await;
    };
    // 400 is "nobody listens there yet", which the Durable Object may retry.
    let Ok(mut inside) = network.connect(address).await else {
        return answer(&mut stream, "400 Bad Request", "connection refused").await;
    };
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    if !head.rest.is_empty() {
        inside.write_all(&head.rest).await?;
    }
    copy_bidirectional_with_sizes(&mut stream, &mut inside, TUNNEL_BUFFER, TUNNEL_BUFFER).await?;
    Ok(())
}

/// The request's body, and what was read past it.
async fn body(stream: &mut TcpStream, head: RequestHead) -> Result<(Vec<u8>, Vec<u8>)> {
    let length = match head.field("content-length") {
        None if head.field("transfer-encoding").is_some() => {
            return chunked(stream, head.rest).await;
        }
        None => 0,
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| Error::new(ErrorKind::InvalidData, "content-length is no number"))?,
    };
    if length > MAX_BODY {
        return Err(Error::new(ErrorKind::InvalidData, "the body is too long"));
    }
    let mut bytes = head.rest;
    while bytes.len() < length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    let rest = bytes.split_off(length);
    Ok((bytes, rest))
}

/// The same for a body sent in chunks.
async fn chunked(stream: &mut TcpStream, mut bytes: Vec<u8>) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut body = Vec::new();
    loop {
        match httparse::parse_chunk_size(&bytes) {
            Ok(httparse::Status::Complete((start, size))) => {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                if size.saturating_add(body.len()) > MAX_BODY {
                    return Err(Error::new(ErrorKind::InvalidData, "the body is too long"));
                }
                // The chunk and the line end behind it.
                while bytes.len() < start + size + 2 {
                    if stream.read_buf(&mut bytes).await? == 0 {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                let rest = bytes.split_off(start + size + 2);
                body.extend(bytes.get(start..start + size).unwrap_or_default());
                bytes = rest;
                if size == 0 {
                    return Ok((body, bytes));
                }
            }
            Ok(httparse::Status::Partial) => {
                if stream.read_buf(&mut bytes).await? == 0 {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
            }
            Err(_) => return Err(Error::new(ErrorKind::InvalidData, "a chunk is malformed")),
        }
    }
}

async fn answer(stream: &mut TcpStream, status: &str, body: &str) -> Result<()> {
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await
}
