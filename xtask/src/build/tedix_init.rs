//! The program that is PID 1 of a gateway's container.

use std::path::PathBuf;
use std::process::Command;

use super::fingerprint::Fingerprint;
use super::inputs;
use crate::tools::{self, Tools};
use crate::ui::Progress;

/// Its crate is in this folder, its package and program have the other name.
const FOLDER: &str = "container";
const PACKAGE: &str = "tedix-init";
/// Its example of that name.
const MAKE_STATE: &str = "make_state";

/// The program, built.
pub(super) fn build(tools: &Tools, progress: &Progress) -> anyhow::Result<PathBuf> {
    let checkout = &tools.checkout;
    let program = checkout.native_target().join("tool").join(PACKAGE);
    let identity = tools::native_identity()?;
    let digest = inputs::digest(checkout.root(), FOLDER, &[], &[&identity])?;
    let fingerprint = Fingerprint::of(checkout, PACKAGE, digest);
    if fingerprint.is_current(&program) {
        return Ok(program);
    }
    fingerprint.forget()?;
    let step = progress.step("build-tedix-init", "Building tedix-init")?;
    step.run(&mut cargo(tools))?;
    fingerprint.record()?;
    step.done("");
    Ok(program)
}

/// The program that makes state to measure with, built.
pub(super) fn make_state(tools: &Tools, progress: &Progress) -> anyhow::Result<PathBuf> {
    let step = progress.step("build-make-state", "Building the program that makes state")?;
    step.run(cargo(tools).args(["--example", MAKE_STATE]))?;
    step.done("");
    let folder = tools.checkout.native_target().join("tool/examples");
    Ok(folder.join(MAKE_STATE))
}

fn cargo(tools: &Tools) -> Command {
    let mut cargo = tools::cargo();
    cargo
        .current_dir(tools.checkout.root())
        .args(["build", "--locked", "--profile", "tool"])
        .args(["--package", PACKAGE, "--target-dir"])
        .arg(tools.checkout.native_target());
    cargo
}
