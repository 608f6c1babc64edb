//! What was measured, as a table and as JSON.

use std::fmt;

use serde::Serialize;

use super::load::{Round, percentile_ms};

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    /// Version of workerd.
    pub(super) workerd: String,
    /// CPUs that the load, both Workers, the engine and the upstream shared.
    pub(super) cpus: usize,
    /// One entry for each number of connections.
    pub(super) results: Vec<Comparison>,
}

/// Both sides at one number of connections.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Comparison {
    /// Connections, each with one request under way at a time.
    pub(super) concurrency: usize,
    /// The bare pass-through Worker.
    pub(super) bare: Side,
    /// The gateway.
    pub(super) gateway: Side,
    /// The gateway's numbers divided by the bare Worker's.
    pub(super) ratio: Ratio,
}

/// One side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Side {
    /// Requests a second: the median of the rounds.
    pub(super) requests_per_second: f64,
    /// Half of all requests took at most this many milliseconds.
    pub(super) p50_ms: f64,
    /// 99 of 100 requests took at most this many milliseconds.
    pub(super) p99_ms: f64,
    /// How many requests that is said of.
    pub(super) requests: usize,
}

/// How the gateway compares.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Ratio {
    /// Requests a second; 1 would be as many.
    pub(super) requests_per_second: f64,
    /// Median latency; 1 would be as quick.
    pub(super) p50: f64,
    /// 99th percentile of latency.
    pub(super) p99: f64,
}

impl Comparison {
    /// Compares the rounds of both sides.
    pub(super) fn of(concurrency: usize, bare: &[Round], gateway: &[Round]) -> Self {
        let (bare, gateway) = (Side::of(bare), Side::of(gateway));
        let ratio = Ratio {
            requests_per_second: gateway.requests_per_second / bare.requests_per_second,
            p50: gateway.p50_ms / bare.p50_ms,
            p99: gateway.p99_ms / bare.p99_ms,
        };
        Self {
            concurrency,
            bare,
            gateway,
            ratio,
        }
    }
}

impl Side {
    fn of(rounds: &[Round]) -> Self {
        let latencies = Round::sorted_latencies(rounds);
        Self {
            requests_per_second: Round::median_rate(rounds),
            p50_ms: percentile_ms(&latencies, 50),
            p99_ms: percentile_ms(&latencies, 99),
            requests: latencies.len(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "The gateway against a bare pass-through Worker, both in workerd {} on {} CPUs",
            self.workerd, self.cpus
        )?;
        writeln!(
            f,
            "{:>11}  {:>8}  {:>12}  {:>9}  {:>9}",
            "connections", "", "requests/s", "p50 ms", "p99 ms"
        )?;
        for Comparison {
            concurrency,
            bare,
            gateway,
            ratio,
        } in &self.results
        {
            for (name, side) in [("bare", bare), ("gateway", gateway)] {
                let Side {
                    requests_per_second,
                    p50_ms,
                    p99_ms,
                    ..
                } = side;
                writeln!(
                    f,
                    "{concurrency:>11}  {name:>8}  {requests_per_second:>12.0}  {p50_ms:>9.2}  {p99_ms:>9.2}"
                )?;
            }
            let Ratio {
                requests_per_second,
                p50,
                p99,
            } = ratio;
            writeln!(
                f,
                "{:>11}  {:>8}  {requests_per_second:>12.2}  {p50:>9.2}  {p99:>9.2}",
                "", "ratio"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn round(ms: &[u64]) -> Round {
        let latencies: Vec<_> = ms.iter().copied().map(Duration::from_millis).collect();
        Round {
            took: latencies.iter().sum(),
            latencies,
        }
    }

    #[test]
    fn ratios_are_the_gateway_s_over_the_bare_worker_s() {
        let bare = [round(&[1, 1, 1, 1])];
        let gateway = [round(&[2, 2, 2, 2]), round(&[2, 2]), round(&[4])];
        let compared = Comparison::of(1, &bare, &gateway);
        assert_eq!(compared.bare.requests_per_second, 1000.0);
        assert_eq!(compared.gateway.requests, 7);
        assert_eq!(
            compared.ratio,
            Ratio {
                requests_per_second: 0.5,
                p50: 2.0,
                p99: 4.0
            }
        );
    }

    #[test]
    fn report_json_format_unchanged() {
        let report = Report {
            workerd: "1.2".to_owned(),
            cpus: 2,
            results: vec![Comparison::of(1, &[round(&[1])], &[round(&[2])])],
        };
        insta::assert_json_snapshot!(report, @r#"
        {
          "workerd": "1.2",
          "cpus": 2,
          "results": [
            {
              "concurrency": 1,
              "bare": {
                "requests_per_second": 1000.0,
                "p50_ms": 1.0,
                "p99_ms": 1.0,
                "requests": 1
              },
              "gateway": {
                "requests_per_second": 500.0,
                "p50_ms": 2.0,
                "p99_ms": 2.0,
                "requests": 1
              },
              "ratio": {
                "requests_per_second": 0.5,
                "p50": 2.0,
                "p99": 2.0
              }
            }
          ]
        }
        "#);
    }
}
