//! `cargo xtask bench snapshots`: what taking and restoring a snapshot costs, against
//! `tar | zstd` to the same disk: by tedix-init alone, and through the gateway's Worker.

mod gateway;
mod report;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;

use super::print;
use super::scene::{Folder, Scene};
use crate::build::{self, Artifacts};
use crate::checkout::Checkout;
use crate::tools::{self, Tools};
use crate::ui::Progress;
use gateway::Through;
use report::Report;

/// The level that tedix-init compresses with, and zstd's own default.
const LEVEL: &str = "-3";

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

pub(super) fn run(
    checkout: &Checkout,
    args: &SnapshotArgs,
    progress: &Progress,
) -> anyhow::Result<()> {
    tools::require("zstd", "install zstd")?;
    tools::require("tar", "install tar")?;
    let tools = tools::ensure(checkout, progress)?;
    let artifacts = build::all(&tools, progress)?;
    let make_state = build::make_state(&tools, progress)?;
    let folder = Folder::temporary("snapshots")?;
    let step = progress.step("bench-snapshots-make", "Making state to measure with")?;
    let mut make = Command::new(&make_state);
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
        rounds.push(round(&artifacts.tedix_init, folder.path())?);
        step.done("");
    }
    let mut make = Command::new(&make_state);
    let through = through_gateway(&tools, &artifacts, &mut make, args.bytes, progress)?;
    let report = Report::of(&rounds, through).context("there was no round")?;
    print(&report, args.json)
}

fn through_gateway(
    tools: &Tools,
    artifacts: &Artifacts,
    make: &mut Command,
    bytes: u64,
    progress: &Progress,
) -> anyhow::Result<Through> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let step = progress.step(
            "bench-snapshots-gateway",
            "Measuring through the gateway's Worker",
        )?;
        let scene = Scene::start(tools, artifacts).await?;
        let measured = gateway::through(&scene, make, bytes).await;
        scene.stop().await;
        step.done("");
        measured
    })
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
