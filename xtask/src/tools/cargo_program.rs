//! Programs that `cargo install` builds, one folder per version.

use std::path::PathBuf;

use anyhow::ensure;

use super::cache::Cache;
use super::{cargo, disk};
use crate::ui::Progress;

/// What building one such program takes at most, in bytes.
const ROOM: u64 = 2_000_000_000;

/// Finds or builds `program` of the crate `name` at exactly this version.
///
/// Without `--locked`: the lockfile that wasm-bindgen-cli is published with
/// cannot be built.
///
/// # Errors
/// When it does not build.
pub(super) fn ensure(
    cache: &Cache,
    progress: &Progress,
    name: &str,
    version: &str,
    program: &str,
) -> anyhow::Result<PathBuf> {
    let folder_name = format!("{name}-{version}");
    let recipe = format!("cargo install {name} {version}\n");
    if let Some(folder) = cache.installed(&folder_name, &recipe) {
        return Ok(folder.join("bin").join(program));
    }
    let folder = cache.install(progress, &folder_name, &recipe, |staging| {
        disk::require(staging, ROOM, &format!("building {name}"))?;
        let step = progress.step(
            &format!("install-{name}"),
            format!("Installing {name} {version}"),
        )?;
        let build = staging.join("build");
        step.run(
            cargo()
                .args(["install", name, "--version", version, "--root"])
                .arg(staging)
                .arg("--target-dir")
                .arg(&build),
        )?;
        std::fs::remove_dir_all(&build)?;
        let built = staging.join("bin").join(program);
        ensure!(
            built.is_file(),
            "cargo install {name} {version} made no {program}"
        );
        step.done("");
        Ok(())
    })?;
    Ok(folder.join("bin").join(program))
}
