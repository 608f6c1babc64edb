//! What was measured, as a table and as JSON.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::bench::load::{Round, percentile_ms};

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    /// CPUs that the load, the Workers and the model server shared.
    pub(super) cpus: usize,
    /// What workerd has in memory after all of it, in MiB.
    pub(super) memory_mib: u64,
    /// One entry for each size of request.
    pub(super) results: Vec<Measured>,
    /// The smallest requests again, with a million calls in the store.
    pub(super) full_store: Option<Measured>,
}

/// All sides with requests of one size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Measured {
    /// Size of each request.
    pub(super) request_bytes: usize,
    /// Whole answers and streams, by number of connections.
    pub(super) figures: Vec<Figures>,
}

/// All sides at one number of connections.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figures {
    /// Whether answers stream.
    pub(super) streams: bool,
    /// Connections, each with one call under way at a time.
    pub(super) concurrency: usize,
    /// The model server itself.
    pub(super) direct: Side,
    /// A Worker that passes everything on.
    pub(super) bare: Side,
    /// The gateway.
    pub(super) gateway: Side,
}

/// One side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Side {
    /// Calls a second: the median of the rounds.
    pub(super) calls_per_second: f64,
    /// Half of all calls took at most this many milliseconds.
    pub(super) p50_ms: f64,
    /// 99 of 100 calls took at most this many milliseconds.
    pub(super) p99_ms: f64,
    /// Half of all answers began within this many milliseconds.
    pub(super) first_byte_p50_ms: f64,
    /// CPU time of workerd for each call, in milliseconds: it says more than rates do
    /// where other programs want the same CPUs.
    pub(super) cpu_ms: f64,
}

/// What one side's rounds brought.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken {
    /// The rounds.
    pub(super) rounds: Vec<Round>,
    /// How long each answer took to begin.
    pub(super) first_bytes: Vec<Duration>,
    /// CPU time that workerd used meanwhile.
    pub(super) cpu: Duration,
}

impl Side {
    /// What rounds came to.
    pub(super) fn of(taken: Taken) -> Self {
        let Taken {
            rounds,
            mut first_bytes,
            cpu,
        } = taken;
        let latencies = Round::sorted_latencies(&rounds);
        first_bytes.sort_unstable();
        let calls = u32::try_from(latencies.len()).unwrap_or(u32::MAX);
        Self {
            calls_per_second: Round::median_rate(&rounds),
            cpu_ms: cpu.as_secs_f64() * 1e3 / f64::from(calls),
            p50_ms: percentile_ms(&latencies, 50),
            p99_ms: percentile_ms(&latencies, 99),
            first_byte_p50_ms: percentile_ms(&first_bytes, 50),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} CPUs for everything; workerd holds {} MiB",
            self.cpus, self.memory_mib
        )?;
        for measured in &self.results {
            write!(
                f,
                "\nRequests of {} bytes\n{measured}",
                measured.request_bytes
            )?;
        }
        if let Some(full) = &self.full_store {
            write!(
                f,
                "\nRequests of {} bytes, a million calls in the store\n{full}",
                full.request_bytes
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<22} {:>9} {:>9} {:>9} {:>7} {:>10} {:>10} {:>11} {:>12} {:>8}",
            "",
            "direct/s",
            "bare/s",
            "gateway/s",
            "ratio",
            "added p50",
            "added p99",
            "first byte",
            "CPU per call",
            "bare's"
        )?;
        for figures in &self.figures {
            let Figures {
                streams,
                concurrency,
                direct,
                bare,
                gateway,
            } = figures;
            let kind = if *streams { "streams" } else { "whole answers" };
            writeln!(
                f,
                "{:<22} {:>9.0} {:>9.0} {:>9.0} {:>7.2} {:>7.2} ms {:>7.2} ms {:>8.2} ms {:>9.2} ms {:>5.2} ms",
                format!("{kind}, {concurrency} at once"),
                direct.calls_per_second,
                bare.calls_per_second,
                gateway.calls_per_second,
                gateway.calls_per_second / bare.calls_per_second,
                gateway.p50_ms - bare.p50_ms,
                gateway.p99_ms - bare.p99_ms,
                gateway.first_byte_p50_ms,
                gateway.cpu_ms,
                bare.cpu_ms,
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_percentiles_are_those_of_all_rounds() {
        let ms = Duration::from_millis;
        let round = |took: &[u64]| Round {
            latencies: took.iter().copied().map(ms).collect(),
            took: ms(took.iter().sum()),
        };
        let side = Side::of(Taken {
            rounds: vec![round(&[1, 1]), round(&[2, 2]), round(&[4])],
            first_bytes: vec![ms(1), ms(3)],
            cpu: ms(10),
        });
        assert_eq!(
            side,
            Side {
                calls_per_second: 500.0,
                p50_ms: 2.0,
                p99_ms: 4.0,
                first_byte_p50_ms: 1.0,
                cpu_ms: 2.0,
            }
        );
    }
}
