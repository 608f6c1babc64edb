//! `cargo xtask bench snapshots`: what taking and restoring a snapshot costs, against
//! `tar | zstd` to the same disk.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::print;
use super::scene::Folder;
use crate::checkout::Checkout;
use crate::tools;
use crate::ui::Progress;

/// The level that tedix-init compresses with, and zstd's own default.
const LEVEL: &str = "-3";
const MEGABYTE: f64 = 1e6;

/// Options of `cargo xtask bench snapshots`.
#[derive(Debug, Args)]
pub(super) struct SnapshotArgs {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// How much state, in bytes: half in small files, half in one database. Three times
    /// as much is needed on the disk of the folder for temporary files.
    #[arg(long, default_value = "1000000000")]
    bytes: u64,
    /// How often everything is done; the median counts.
    #[arg(long, default_value = "3", value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
}

/// A line that `tedix-init state` prints.
#[derive(Debug, Clone, Deserialize)]
struct Said {
    took_ms: f64,
    peak_bytes: Option<u64>,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    files: u64,
    #[serde(default)]
    sent_bytes: u64,
}

/// One way through, both sides.
#[derive(Debug)]
struct Round {
    first: Said,
    unchanged: Said,
    restored: Said,
    tar_ms: f64,
    untar_ms: f64,
    tar_bytes: u64,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Report {
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
}

pub(super) fn run(
    checkout: &Checkout,
    args: &SnapshotArgs,
    progress: &Progress,
) -> anyhow::Result<()> {
    tools::require("zstd", "install zstd")?;
    tools::require("tar", "install tar")?;
    let step = progress.step("bench-snapshots-build", "Building tedix-init")?;
    let target = checkout.native_target();
    step.run(
        tools::cargo()
            .current_dir(checkout.root())
            .args([
                "build",
                "--locked",
                "--profile",
                "tool",
                "--package",
                "tedix-init",
            ])
            .args(["--bins", "--example", "make_state", "--target-dir"])
            .arg(&target),
    )?;
    step.done("");
    let folder = Folder::temporary("snapshots")?;
    let programs = target.join("tool");
    let step = progress.step("bench-snapshots-make", "Making state to measure with")?;
    let mut make = Command::new(programs.join("examples/make_state"));
    checked(
        make.arg(folder.path().join("data"))
            .arg(args.bytes.to_string()),
    )?;
    step.done("");
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        let step = progress.step(
            &format!("bench-snapshots-{number}"),
            format!("Measuring, round {number}"),
        )?;
        rounds.push(round(&programs.join("tedix-init"), folder.path())?);
        step.done("");
    }
    let report = Report::of(&rounds).context("there was no round")?;
    print(&report, args.json)
}

fn round(program: &Path, folder: &Path) -> anyhow::Result<Round> {
    let state = |words: &[&str]| {
        let mut command = Command::new(program);
        command.current_dir(folder).arg("state").args(words);
        command
    };
    let (tar_ms, _) = timed(&mut shell(
        folder,
        &format!("tar -C data -cf - . | zstd -q {LEVEL} -o data.tar.zst && sync data.tar.zst"),
    ))?;
    let tar_bytes = fs::metadata(folder.join("data.tar.zst"))?.len();
    fs::create_dir(folder.join("untarred"))?;
    let unpack = "zstd -dc data.tar.zst | tar -C untarred -xf -";
    let (untar_ms, _) = timed(&mut shell(folder, unpack))?;
    remove(folder, &["untarred", "data.tar.zst"])?;
    let (_, taken) = timed(&mut state(&["take", "data", "store", "2"]))?;
    let (_, restored) = timed(&mut state(&["restore", "restored", "store"]))?;
    let mut lines = taken
        .lines()
        .chain(restored.lines())
        .map(serde_json::from_str);
    let mut next =
        || Ok::<Said, anyhow::Error>(lines.next().context("tedix-init said too little")??);
    let (first, unchanged, restored) = (next()?, next()?, next()?);
    remove(folder, &["restored", "store"])?;
    Ok(Round {
        first,
        unchanged,
        restored,
        tar_ms,
        untar_ms,
        tar_bytes,
    })
}

fn shell(folder: &Path, script: &str) -> Command {
    let mut command = Command::new("sh");
    command.current_dir(folder).args(["-c", script]);
    command
}

fn timed(command: &mut Command) -> anyhow::Result<(f64, String)> {
    let began = Instant::now();
    let said = checked(command)?;
    Ok((ms(began.elapsed()), said))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn checked(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!(
            "{} ended with {}",
            command.get_program().display(),
            output.status
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn remove(folder: &Path, names: &[&str]) -> anyhow::Result<()> {
    for name in names {
        let path = folder.join(name);
        if path.is_dir() {
            fs::remove_dir_all(path)?;
        } else {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

impl Report {
    fn of(rounds: &[Round]) -> Option<Self> {
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
        ];
        for (name, ms, ratio, sent, peak) in rows {
            writeln!(
                f,
                "{name:>16}  {ms:>8.0}  {ratio:>8.2}  {:>8.1}  {:>8.0}",
                mb(sent),
                mb(peak)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Report, Round, Said};

    fn said(took_ms: f64, sent_bytes: u64) -> Said {
        Said {
            took_ms,
            peak_bytes: Some(7),
            bytes: 100,
            files: 2,
            sent_bytes,
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
        let report =
            Report::of(&[round(20.0, 10.0), round(30.0, 10.0), round(900.0, 90.0)]).unwrap();
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
        assert!(Report::of(&[]).is_none());
    }
}
