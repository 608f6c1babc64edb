//! The program that is PID 1 of a gateway's container.

use std::path::PathBuf;

use super::fingerprint::Fingerprint;
use super::inputs;
use crate::tools::{self, Tools};
use crate::ui::Progress;

/// Its crate is in this folder, its package and program have the other name.
const FOLDER: &str = "container";
const PACKAGE: &str = "tedix-init";

/// The program, built.
pub(super) fn build(tools: &Tools, progress: &Progress) -> anyhow::Result<PathBuf> {
    let checkout = &tools.checkout;
    let target = checkout.native_target();
    let program = target.join("tool").join(PACKAGE);
    let identity = tools::native_identity()?;
    let digest = inputs::digest(checkout.root(), FOLDER, &[], &[&identity])?;
    let fingerprint = Fingerprint::of(checkout, PACKAGE, digest);
    if fingerprint.is_current(&program) {
        return Ok(program);
    }
    fingerprint.forget()?;
    let step = progress.step("build-tedix-init", "Building tedix-init")?;
    step.run(
        tools::cargo()
            .current_dir(checkout.root())
            .args([
                "build",
                "--locked",
                "--profile",
                "tool",
                "--package",
                PACKAGE,
                "--target-dir",
            ])
            .arg(&target),
    )?;
    fingerprint.record()?;
    step.done("");
    Ok(program)
}
