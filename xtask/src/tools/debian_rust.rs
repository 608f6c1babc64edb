//! A Rust compiler for wasm32 out of Debian's packages, for networks on which
//! rustup cannot fetch the target.
//!
//! Debian has no wasm32 standard library of this version, so it is built once
//! from Debian's source package. Nothing is installed into the system.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use semver::Version;

use super::cache::Cache;
use super::{apt, cargo, disk, wasm_target};
use crate::ui::{Progress, Step};

/// What every folder of this kind is called, before its version.
const PREFIX: &str = "rust-wasm-";
/// Changes when the steps below change.
const RECIPE: &str = "Debian's rustc-web and clippy, std built for wasm32, recipe 1\n";
/// The oldest compiler that builds this workspace (`rust-version` in Cargo.toml).
const OLDEST: Version = Version::new(1, 95, 0);
/// What unpacking the packages and building std takes at most, in bytes.
const ROOM: u64 = 2_500_000_000;

/// The newest such compiler in the cache that is new enough.
pub(super) fn find(cache: &Cache) -> Option<PathBuf> {
    let entries = fs::read_dir(cache.root()).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut found: Vec<(Version, PathBuf)> = names
        .filter_map(|name| {
            let version = Version::parse(name.strip_prefix(PREFIX)?).ok()?;
            Some((version, cache.installed(&name, RECIPE)?))
        })
        .filter(|(version, _)| *version >= OLDEST)
        .collect();
    found.sort();
    found.pop().map(|(_, folder)| folder)
}

/// Downloads the packages and builds std.
///
/// # Errors
/// When this is no Debian machine, or its compiler is too old.
pub(super) fn install(cache: &Cache, progress: &Progress) -> anyhow::Result<PathBuf> {
    if !apt::available() {
        bail!(
            "the wasm32-unknown-unknown target is missing and rustup cannot fetch it: \
             run `rustup target add wasm32-unknown-unknown` with a network connection, \
             or use a Debian machine, where its packages serve instead"
        );
    }
    let step = progress.step(
        "wasm-target",
        "Building the wasm32 target from Debian's packages",
    )?;
    apt::require_known(&step, "rustc-web")?;
    let package_version = apt::field("rustc-web", "Version").context("rustc-web has no version")?;
    let version = upstream(&package_version)?;
    ensure!(
        version >= OLDEST,
        "the wasm32-unknown-unknown target is missing, rustup cannot fetch it, and Debian's rustc-web \
         is {version} where {OLDEST} is needed: run `rustup target add wasm32-unknown-unknown` with a \
         network connection, or add the distribution's security updates to apt"
    );
    let folder = cache.install(progress, &format!("{PREFIX}{version}"), RECIPE, |root| {
        disk::require(root, ROOM, "the wasm32 target")?;
        apt::unpack(&step, &packages()?, &root.join("debs"), root)?;
        build_std(&step, root)
    })?;
    step.done(&format!("rustc {version}"));
    Ok(folder)
}

/// The compiler with its libraries, the source of std, and clippy of the same version.
fn packages() -> anyhow::Result<Vec<String>> {
    let dependency = |package: &str, prefix: &str| {
        apt::field(package, "Depends")
            .and_then(|depends| apt::versioned_dependency(&depends, prefix))
            .with_context(|| format!("{package} depends on no {prefix}*"))
    };
    let std = dependency("libstd-rust-web-dev", "libstd-rust-web-")?;
    let llvm = dependency(&std, "libllvm")?;
    let fixed = [
        "rustc-web",
        "libstd-rust-web-dev",
        "rust-web-src",
        "rust-web-clippy",
    ];
    Ok(fixed
        .into_iter()
        .map(str::to_owned)
        .chain([std, llvm])
        .collect())
}

fn build_std(step: &Step, root: &Path) -> anyhow::Result<()> {
    step.note("building the standard library for wasm32");
    let build = root.join("std-build");
    fs::create_dir_all(build.join("src"))?;
    fs::write(
        build.join("Cargo.toml"),
        "[package]\nname = \"stdbuild\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n",
    )?;
    fs::write(build.join("src/lib.rs"), "")?;
    let mut command = cargo();
    wasm_target::debian_environment(root, &mut command)?;
    // Bitcode lets link-time optimisation reach into std, as rustup's own std does.
    command
        .current_dir(&build)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .args(["build", "-Zbuild-std=std,panic_abort", "--release"])
        .args(["--target", wasm_target::TRIPLE, "--target-dir", "target"]);
    step.run(&mut command)?;
    let built = build
        .join("target")
        .join(wasm_target::TRIPLE)
        .join("release/deps");
    let library = root
        .join("usr/lib/rustlib")
        .join(wasm_target::TRIPLE)
        .join("lib");
    fs::create_dir_all(&library)?;
    for entry in fs::read_dir(&built)? {
        let file = entry?.path();
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if is_library_of_std(name) {
            fs::copy(&file, library.join(name))?;
        }
    }
    fs::remove_dir_all(&build)?;
    // The source is of no more use, and half of the size.
    fs::remove_dir_all(root.join("usr/src"))?;
    Ok(())
}

fn is_library_of_std(file_name: &str) -> bool {
    file_name.ends_with(".rlib") && !file_name.starts_with("libstdbuild-")
}

/// `1.96.0` of `1.96.0+dfsg1-1~deb12u2`.
fn upstream(package_version: &str) -> anyhow::Result<Version> {
    let end = package_version
        .find(['+', '-', '~'])
        .unwrap_or(package_version.len());
    let text = package_version.get(..end).unwrap_or_default();
    Version::parse(text).with_context(|| format!("{package_version} is no version of rustc"))
}

#[cfg(test)]
mod tests {
    use super::{is_library_of_std, upstream};
    use semver::Version;

    #[test]
    fn the_upstream_version_is_what_comes_before_debians_own() {
        assert_eq!(
            upstream("1.96.0+dfsg1-1~deb12u2").unwrap(),
            Version::new(1, 96, 0)
        );
        assert_eq!(upstream("1.85.0-3").unwrap(), Version::new(1, 85, 0));
        assert!(upstream("nightly").is_err());
    }

    #[test]
    fn only_libraries_are_taken() {
        assert!(is_library_of_std("libstd-0123.rlib"));
        assert!(!is_library_of_std("libstd-0123.rmeta"));
        assert!(!is_library_of_std("libstdbuild-0123.rlib"));
    }
}
