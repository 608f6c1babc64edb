//! Load: so many connections, each asking again as soon as it was answered.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::upstream::BODY_BYTES;

/// Where to send requests, and what to send with each.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Port on 127.0.0.1.
    pub(super) port: u16,
    /// Access token, for the side that asks for one.
    pub(super) token: Option<String>,
}

/// What one round brought.
#[derive(Debug, Clone, Default)]
pub(super) struct Round {
    /// How long each request took.
    pub(super) latencies: Vec<Duration>,
    /// How long the round took.
    pub(super) took: Duration,
}

impl Round {
    /// Requests per second.
    pub(super) fn rate(&self) -> f64 {
        let requests = u32::try_from(self.latencies.len()).unwrap_or(u32::MAX);
        f64::from(requests) / self.took.as_secs_f64()
    }

    /// Requests per second of the round in the middle; not a number without rounds.
    pub(super) fn median_rate(rounds: &[Self]) -> f64 {
        let mut rates: Vec<f64> = rounds.iter().map(Self::rate).collect();
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// How long each request of all rounds took, the quickest first.
    pub(super) fn sorted_latencies(rounds: &[Self]) -> Vec<Duration> {
        let all = rounds.iter().flat_map(|round| &round.latencies);
        let mut latencies: Vec<Duration> = all.copied().collect();
        latencies.sort_unstable();
        latencies
    }
}

/// Milliseconds that so many of a hundred took at most: the nearest rank of the sorted
/// times. Not a number without any.
pub(super) fn percentile_ms(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    let found = sorted.get(rank - 1);
    found.map_or(f64::NAN, |found| found.as_secs_f64() * 1e3)
}

/// Keeps `connections` busy for `time`.
///
/// # Errors
/// At the first answer that is not the upstream's.
pub(super) async fn round(
    target: &Target,
    connections: usize,
    time: Duration,
) -> anyhow::Result<Round> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(connect(target.port).await?);
    }
    let begun = Instant::now();
    let end = begun + time;
    let busy = open
        .into_iter()
        .map(|sender| keep_busy(sender, target, end));
    let latencies = try_join_all(busy).await?.into_iter().flatten().collect();
    Ok(Round {
        latencies,
        took: begun.elapsed(),
    })
}

async fn connect(port: u16) -> anyhow::Result<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .await
        .with_context(|| format!("nobody listens on port {port}"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn keep_busy(
    mut sender: SendRequest<Empty<Bytes>>,
    target: &Target,
    end: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let asked = Instant::now();
        ask(&mut sender, target).await?;
        latencies.push(asked.elapsed());
    }
    Ok(latencies)
}

/// One request and its whole answer.
///
/// # Errors
/// When the answer is not the upstream's.
async fn ask(sender: &mut SendRequest<Empty<Bytes>>, target: &Target) -> anyhow::Result<()> {
    let mut request = Request::get("/bench").header("host", format!("localhost:{}", target.port));
    if let Some(token) = &target.token {
        request = request.header("cf-access-jwt-assertion", token);
    }
    sender.ready().await?;
    let response = sender.send_request(request.body(Empty::new())?).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    ensure!(
        status == 200 && body.len() == BODY_BYTES,
        "a request was answered {status} with {} bytes: {}",
        body.len(),
        String::from_utf8_lossy(body.get(..body.len().min(200)).unwrap_or_default())
    );
    Ok(())
}

/// Asks once; whether the upstream answered.
pub(super) async fn answers(target: &Target) -> bool {
    let asked = async { ask(&mut connect(target.port).await?, target).await };
    asked.await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_time_that_so_many_took_at_most() {
        let ms = |times: &[u64]| -> Vec<Duration> {
            times.iter().copied().map(Duration::from_millis).collect()
        };
        let hundred = ms(&(1..=100).collect::<Vec<_>>());
        for (percent, expected) in [(50, 50.0), (99, 99.0), (100, 100.0)] {
            assert_eq!(percentile_ms(&hundred, percent), expected);
        }
        // Of a few, the slowest: 99 of 100 is more than all but one.
        assert_eq!(percentile_ms(&ms(&[1, 2, 9]), 99), 9.0);
        assert!(percentile_ms(&[], 50).is_nan());
    }
}
