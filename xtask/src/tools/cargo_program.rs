//! Programs that `cargo install` builds, one folder per version.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;

use super::cache::Cache;
use super::{cargo, disk};
use crate::ui::Progress;

/// What building one such program takes at most, in bytes.
const ROOM: u64 = 2_000_000_000;

/// A program of a crate.
pub(super) struct CargoProgram<'a> {
    /// The crate that has it.
    pub(super) package: &'a str,
    /// The crate's exact version.
    pub(super) version: &'a str,
    /// The program's name.
    pub(super) program: &'a str,
    /// Whether its dependencies are those it was published with. Not for
    /// wasm-bindgen-cli, whose lockfile names versions that cannot be had.
    pub(super) locked: bool,
}

impl CargoProgram<'_> {
    /// The program, found in the cache or built.
    ///
    /// # Errors
    /// When it does not build.
    pub(super) fn ensure(&self, cache: &Cache, progress: &Progress) -> anyhow::Result<PathBuf> {
        let Self {
            package,
            version,
            program,
            ..
        } = self;
        let name = format!("{package}-{version}");
        let recipe = format!("cargo install {package} {version}\n");
        let folder = match cache.installed(&name, &recipe) {
            Some(folder) => folder,
            None => cache.install(progress, &name, &recipe, |staging| {
                self.install(staging, progress)
            })?,
        };
        Ok(folder.join("bin").join(program))
    }

    fn install(&self, staging: &Path, progress: &Progress) -> anyhow::Result<()> {
        let Self {
            package,
            version,
            program,
            locked,
        } = self;
        disk::require(staging, ROOM, &format!("building {package}"))?;
        let step = progress.step(
            &format!("install-{package}"),
            format!("Installing {package} {version}"),
        )?;
        let build = staging.join("build");
        let mut install = cargo();
        quick(&mut install).args(["install", package, "--version", version]);
        if *locked {
            install.arg("--locked");
        }
        step.run(
            install
                .arg("--root")
                .arg(staging)
                .arg("--target-dir")
                .arg(&build),
        )?;
        std::fs::remove_dir_all(&build)?;
        ensure!(
            staging.join("bin").join(program).is_file(),
            "cargo install {package} {version} made no {program}"
        );
        step.done("");
        Ok(())
    }
}

/// These programs run for seconds: time spent on optimising them is lost.
fn quick(cargo: &mut Command) -> &mut Command {
    cargo
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
}
