//! npm packages, exactly as the committed lockfiles say.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

use super::{disk, search_path};
use crate::checkout::Checkout;
use crate::ui::Progress;

/// Where OpenClaw is below the folder of its `package.json`.
pub const OPENCLAW_PACKAGE: &str = "node_modules/openclaw";

/// In OpenClaw's package, until its installation is finished.
const PENDING: &str = ".openclaw-lifecycle-pending";
/// In `node_modules`, the digest of the lockfile it was installed from.
const STAMP: &str = ".tedix-lock";
/// What one `npm ci` takes at most, with npm's own cache, in bytes.
const ROOM: u64 = 2_000_000_000;

/// Node and the packages of the checkout's root.
#[derive(Debug, Clone)]
pub struct NodePackages {
    /// The root's `node_modules`.
    pub modules: PathBuf,
    /// The folder of the packages' programs, `node` among them: put it first on PATH.
    pub bin: PathBuf,
    /// Node itself: a program that stands alone, no link.
    pub node: PathBuf,
}

impl NodePackages {
    /// The path of a program that a package brings.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// PATH with these programs first.
    #[must_use]
    pub fn search_path(&self) -> OsString {
        search_path::with_first([self.bin.as_path()])
    }
}

/// Node, wrangler, miniflare, esbuild, wasm-opt and Playwright, in the checkout's root.
pub(super) fn ensure_root(
    checkout: &Checkout,
    progress: &Progress,
) -> anyhow::Result<NodePackages> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    install(
        checkout.root(),
        "npm",
        "Installing the npm packages",
        &path,
        progress,
    )?;
    let modules = checkout.join("node_modules");
    let node = modules.join(node_package()).join("bin/node");
    ensure!(
        node.is_file(),
        "npm installed no Node for this machine ({} {}): package.json lists the ones it can install",
        std::env::consts::OS,
        std::env::consts::ARCH,
    );
    Ok(NodePackages {
        bin: modules.join(".bin"),
        modules,
        node,
    })
}

/// OpenClaw, in `container/`. Installed by the Node it will run on, which it checks.
pub(super) fn ensure_openclaw(
    checkout: &Checkout,
    node: &NodePackages,
    progress: &Progress,
) -> anyhow::Result<PathBuf> {
    let folder = checkout.join("container");
    install_openclaw(
        &folder,
        "npm-openclaw",
        "Installing OpenClaw",
        checkout,
        node,
        progress,
    )?;
    Ok(folder)
}

/// The version of OpenClaw before, which the image offers as well.
pub(super) fn ensure_previous_openclaw(
    checkout: &Checkout,
    node: &NodePackages,
    progress: &Progress,
) -> anyhow::Result<PathBuf> {
    let folder = checkout.join("container/previous");
    let label = "Installing the version of OpenClaw before";
    install_openclaw(
        &folder,
        "npm-openclaw-previous",
        label,
        checkout,
        node,
        progress,
    )?;
    Ok(folder)
}

fn install_openclaw(
    folder: &Path,
    id: &str,
    label: &str,
    checkout: &Checkout,
    node: &NodePackages,
    progress: &Progress,
) -> anyhow::Result<()> {
    install(folder, id, label, &node.search_path(), progress)?;
    let package = folder.join(OPENCLAW_PACKAGE);
    ensure!(
        package.is_dir(),
        "{}/package-lock.json does not install OpenClaw",
        folder.display()
    );
    if package.join(PENDING).exists() {
        finish_openclaw(
            &package,
            node,
            &checkout.build().join("openclaw-home"),
            progress,
        )?;
    }
    Ok(())
}

/// Lets OpenClaw do what its install scripts left undone, which it does when it
/// is first called. In a container it could not: it sees its package read-only.
/// `home` keeps it off the developer's own OpenClaw, if there is one.
fn finish_openclaw(
    package: &Path,
    node: &NodePackages,
    home: &Path,
    progress: &Progress,
) -> anyhow::Result<()> {
    fs::create_dir_all(home).with_context(|| format!("cannot make {}", home.display()))?;
    let step = progress.step("openclaw-finish", "Finishing OpenClaw's installation")?;
    step.run(
        Command::new(&node.node)
            .current_dir(package)
            .env("HOME", home)
            .env("OPENCLAW_STATE_DIR", home)
            .args(["openclaw.mjs", "--version"]),
    )?;
    ensure!(
        !package.join(PENDING).exists(),
        "OpenClaw did not finish its installation: see {}",
        step.log_path().display()
    );
    step.done("");
    Ok(())
}

fn install(
    folder: &Path,
    id: &str,
    label: &str,
    path: &OsString,
    progress: &Progress,
) -> anyhow::Result<()> {
    let digest = digest_of(&folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules").join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == digest) {
        return Ok(());
    }
    disk::require(folder, ROOM, "the npm packages")?;
    let step = progress.step(id, label)?;
    // `npm ci` begins by removing node_modules, the stamp with it. Nothing here
    // needs its install scripts, and versions of npm differ in running them.
    step.run(
        Command::new("npm")
            .current_dir(folder)
            .env("PATH", path)
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]),
    )?;
    fs::write(&stamp, digest).with_context(|| format!("cannot write {}", stamp.display()))?;
    step.done("");
    Ok(())
}

fn digest_of(lockfile: &Path) -> anyhow::Result<String> {
    let bytes =
        fs::read(lockfile).with_context(|| format!("cannot read {}", lockfile.display()))?;
    Ok(Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// The npm package that holds Node for this machine. The package `node` would
/// pick it by another, unlocked, `npm install`; so package.json lists these.
fn node_package() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("node-{}-{architecture}", std::env::consts::OS)
}
