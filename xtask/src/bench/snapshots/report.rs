//! What was measured, and against what.

use std::fmt;

use serde::Serialize;

use super::gateway::Through;
use super::{LEVEL, Round};

const MEGABYTE: f64 = 1e6;

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    cpus: usize,
    files: u64,
    bytes: u64,
    /// Stored for it, and what `tar | zstd` made of it.
    sent_bytes: u64,
    tar_bytes: u64,
    /// Of a second snapshot of the same.
    unchanged_sent_bytes: u64,
    take_ms: f64,
    tar_ms: f64,
    unchanged_ms: f64,
    restore_ms: f64,
    untar_ms: f64,
    /// tedix-init's largest resident set.
    take_peak_bytes: u64,
    restore_peak_bytes: u64,
    /// tedix-init's times over those of `tar | zstd`.
    take_ratio: f64,
    unchanged_ratio: f64,
    restore_ratio: f64,
    /// One way through the gateway's Worker.
    gateway: Through,
    gateway_take_ratio: f64,
    gateway_unchanged_ratio: f64,
    gateway_restore_ratio: f64,
}

impl Report {
    /// Of all rounds; none of no round.
    pub(super) fn of(rounds: &[Round], gateway: Through) -> Option<Self> {
        let median = |of: fn(&Round) -> f64| {
            let mut all: Vec<f64> = rounds.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let most = |of: fn(&Round) -> Option<u64>| rounds.iter().filter_map(of).max().unwrap_or(0);
        let first = rounds.first()?;
        let (take_ms, tar_ms) = (
            median(|round| round.first.took_ms),
            median(|round| round.tar_ms),
        );
        let unchanged_ms = median(|round| round.unchanged.took_ms);
        let restore_ms = median(|round| round.restored.took_ms);
        let untar_ms = median(|round| round.untar_ms);
        Some(Self {
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            files: first.first.files,
            bytes: first.first.bytes,
            sent_bytes: first.first.sent_bytes,
            tar_bytes: first.tar_bytes,
            unchanged_sent_bytes: most(|round| Some(round.unchanged.sent_bytes)),
            take_ms,
            tar_ms,
            unchanged_ms,
            restore_ms,
            untar_ms,
            take_peak_bytes: most(|round| round.first.peak_bytes),
            restore_peak_bytes: most(|round| round.restored.peak_bytes),
            take_ratio: take_ms / tar_ms,
            unchanged_ratio: unchanged_ms / tar_ms,
            restore_ratio: restore_ms / untar_ms,
            gateway_take_ratio: gateway.take_ms / tar_ms,
            gateway_unchanged_ratio: gateway.unchanged_ms / tar_ms,
            gateway_restore_ratio: gateway.restore_ms / untar_ms,
            gateway,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |bytes: u64| bytes as f64 / MEGABYTE;
        writeln!(
            f,
            "{} files of {:.0} MB, on {} CPUs; tar | zstd {LEVEL} makes {:.0} MB of them",
            self.files,
            mb(self.bytes),
            self.cpus,
            mb(self.tar_bytes)
        )?;
        writeln!(
            f,
            "{:>16}  {:>8}  {:>8}  {:>8}  {:>8}",
            "", "ms", "ratio", "sent MB", "peak MB"
        )?;
        let rows = [
            (
                "take",
                self.take_ms,
                self.take_ratio,
                self.sent_bytes,
                self.take_peak_bytes,
            ),
            (
                "take, unchanged",
                self.unchanged_ms,
                self.unchanged_ratio,
                self.unchanged_sent_bytes,
                self.take_peak_bytes,
            ),
            (
                "restore",
                self.restore_ms,
                self.restore_ratio,
                0,
                self.restore_peak_bytes,
            ),
            (
                "gateway: take",
                self.gateway.take_ms,
                self.gateway_take_ratio,
                self.gateway.stored_bytes,
                self.gateway.take_peak_bytes,
            ),
            (
                "unchanged",
                self.gateway.unchanged_ms,
                self.gateway_unchanged_ratio,
                self.gateway.unchanged_stored_bytes,
                self.gateway.take_peak_bytes,
            ),
            (
                "restore",
                self.gateway.restore_ms,
                self.gateway_restore_ratio,
                0,
                self.gateway.restore_peak_bytes,
            ),
        ];
        for (name, ms, ratio, sent, peak) in rows {
            writeln!(
                f,
                "{name:>16}  {ms:>8.0}  {ratio:>8.2}  {:>8.1}  {:>8.0}",
                mb(sent),
                mb(peak)
            )?;
        }
        writeln!(
            f,
            "workerd held {:.0} MB before, and {:.0} MB at most",
            mb(self.gateway.worker_before_bytes),
            mb(self.gateway.worker_peak_bytes)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::Said;
    use super::{Report, Round, Through};

    fn said(took_ms: f64, sent_bytes: u64) -> Said {
        Said {
            took_ms,
            peak_bytes: Some(7),
            bytes: 100,
            files: 2,
            sent_bytes,
        }
    }

    fn through(take_ms: f64) -> Through {
        Through {
            take_ms,
            unchanged_ms: 2.0,
            restore_ms: 20.0,
            stored_bytes: 60,
            unchanged_stored_bytes: 0,
            take_peak_bytes: 7,
            restore_peak_bytes: 7,
            worker_before_bytes: 1,
            worker_peak_bytes: 2,
        }
    }

    #[test]
    fn ratios_are_those_of_the_medians() {
        let round = |take: f64, tar_ms: f64| Round {
            first: said(take, 60),
            unchanged: said(1.0, 0),
            restored: said(5.0, 0),
            tar_ms,
            untar_ms: 10.0,
            tar_bytes: 55,
        };
        let report = Report::of(
            &[round(20.0, 10.0), round(30.0, 10.0), round(900.0, 90.0)],
            through(40.0),
        )
        .unwrap();
        assert_eq!(
            (
                report.take_ratio,
                report.unchanged_ratio,
                report.restore_ratio
            ),
            (3.0, 0.1, 0.5)
        );
        assert_eq!(
            (
                report.sent_bytes,
                report.unchanged_sent_bytes,
                report.take_peak_bytes
            ),
            (60, 0, 7)
        );
        assert_eq!(
            (
                report.gateway_take_ratio,
                report.gateway_unchanged_ratio,
                report.gateway_restore_ratio
            ),
            (4.0, 0.2, 2.0)
        );
        assert!(Report::of(&[], through(1.0)).is_none());
    }
}
