//! HTTP/1.1 written by hand, for what no proper client sends: odd hosts,
//! absolute-form targets, two headers where one belongs.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A server that says nothing for so long is not going to.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// HTTP status; none when the connection was closed without an answer.
    pub status: Option<u16>,
    /// Everything, as text.
    pub text: String,
}

/// Sends `request` as it is to a local port and reads until the other side
/// closes; the request should ask for that with `Connection: close`.
///
/// # Errors
/// When nobody listens.
pub async fn send(port: u16, request: &str) -> anyhow::Result<RawAnswer> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("nobody listens on port {port}"))?;
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    // A reset after a refusal is an answer too: what came before it counts.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(RawAnswer {
        status: status(&text),
        text,
    })
}

fn status(text: &str) -> Option<u16> {
    let line = text.lines().next()?;
    line.strip_prefix("HTTP/1.1 ")?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn the_status_is_read_from_the_first_line() {
        assert_eq!(
            status("HTTP/1.1 421 Misdirected Request\r\n\r\nHTTP/1.1 200 OK"),
            Some(421)
        );
        assert_eq!(status(""), None);
        assert_eq!(status("nonsense"), None);
    }
}
