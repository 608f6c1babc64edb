//! The two Workers, through worker-build.

use std::path::PathBuf;
use std::process::Command;

use super::fingerprint::Fingerprint;
use super::{inputs, size};
use crate::tools::{Tools, disk};
use crate::ui::Progress;

/// A Worker of this workspace.
pub(super) struct Worker {
    /// Its crate, and the folder below `build/`.
    crate_name: &'static str,
    /// What the developer reads.
    label: &'static str,
    /// What its code includes from outside its crate.
    others: &'static [&'static str],
}

/// The registry Worker.
pub(super) const REGISTRY: Worker = Worker {
    crate_name: "registry-worker",
    label: "registry Worker",
    others: &["migrations"],
};
/// The gateway Worker.
pub(super) const GATEWAY: Worker = Worker {
    crate_name: "gateway-worker",
    label: "gateway Worker",
    others: &[],
};

/// What a first build of one Worker takes at most, in bytes.
const ROOM: u64 = 1_500_000_000;

/// The folder of the Worker, built.
pub(super) fn build(
    tools: &Tools,
    progress: &Progress,
    worker: &Worker,
) -> anyhow::Result<PathBuf> {
    let checkout = &tools.checkout;
    let folder = checkout.build().join(worker.crate_name);
    let lockfile = std::iter::once("package-lock.json");
    let others: Vec<&str> = worker.others.iter().copied().chain(lockfile).collect();
    let identity = tools.wasm.identity()?;
    let worker_build = tools.worker_build.to_string_lossy();
    let digest = inputs::digest(
        checkout.root(),
        worker.crate_name,
        &others,
        &[&identity, &worker_build],
    )?;
    let fingerprint = Fingerprint::of(checkout, worker.crate_name, digest);
    if fingerprint.is_current(&folder.join("index.js")) {
        return Ok(folder);
    }
    disk::require(checkout.root(), ROOM, "building the Workers")?;
    fingerprint.forget()?;
    let step = progress.step(
        &format!("build-{}", worker.crate_name),
        format!("Building the {}", worker.label),
    )?;
    let mut command = Command::new(&tools.worker_build);
    tools.for_wasm(&mut command)?;
    // Its stack trace would push the compiler's message out of what is shown.
    command
        .env("RUST_BACKTRACE", "0")
        .current_dir(checkout.join(worker.crate_name))
        .arg("--release")
        .arg("--out-dir")
        .arg(&folder)
        .arg("--locked");
    step.run(&mut command)?;
    fingerprint.record()?;
    step.done(&size::shown(size::of_worker(&folder)?));
    Ok(folder)
}
