//! Set-up: every tool at its version, found or installed.
//!
//! What any checkout can share (compilers, cargo-installed programs) goes into
//! the user's cache folder by name and version; npm packages go into the
//! checkout, from its lockfiles. Nothing is done twice.

mod apt;
pub mod browser;
mod cache;
mod cargo_program;
mod debian_rust;
pub(crate) mod disk;
mod lockfile;
mod npm;
mod search_path;
mod wasm_target;

use std::path::PathBuf;
use std::process::Command;

use cargo_program::CargoProgram;

pub use browser::{Browser, ensure_browser};
pub use cache::Cache;
pub use npm::{NodePackages, OPENCLAW_PACKAGE};
pub(crate) use search_path::require;
pub use wasm_target::WasmToolchain;
pub(crate) use wasm_target::{TRIPLE as WASM_TRIPLE, native_identity};

use crate::checkout::Checkout;
use crate::ui::Progress;

/// Goes with the `worker` crate in Cargo.lock.
const WORKER_BUILD: CargoProgram<'static> = CargoProgram {
    package: "worker-build",
    version: "0.8.7",
    program: "worker-build",
    locked: false,
};
const CARGO_DENY: CargoProgram<'static> = CargoProgram {
    package: "cargo-deny",
    version: "0.20.2",
    program: "cargo-deny",
    locked: true,
};
const CARGO_MACHETE: CargoProgram<'static> = CargoProgram {
    package: "cargo-machete",
    version: "0.9.2",
    program: "cargo-machete",
    locked: true,
};
/// What a first set-up and build take in the checkout, in bytes.
const ROOM: u64 = 6_000_000_000;

/// Everything that builds and runs tedix-claw, installed.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The checkout these tools are for.
    pub checkout: Checkout,
    /// The user's cache folder.
    pub cache: Cache,
    /// What compiles for wasm32-unknown-unknown.
    pub wasm: WasmToolchain,
    /// The `wasm-bindgen` program, at the version of the crate in Cargo.lock.
    pub wasm_bindgen: PathBuf,
    /// The `worker-build` program.
    pub worker_build: PathBuf,
    /// Node 24 and the npm packages of the checkout's root.
    pub node: NodePackages,
    /// The folder that holds OpenClaw's `node_modules`: `container/` of the checkout.
    pub openclaw: PathBuf,
}

impl Tools {
    /// Makes a command that runs cargo, or itself runs cargo, build for wasm32.
    ///
    /// # Errors
    /// When the linker is missing.
    pub fn for_wasm(&self, command: &mut Command) -> anyhow::Result<()> {
        self.wasm.apply(command, &self.node.bin)?;
        command
            .env("CARGO_TARGET_DIR", self.checkout.wasm_target())
            .env("WASM_BINDGEN_BIN", &self.wasm_bindgen)
            .env("WASM_OPT_BIN", self.node.program("wasm-opt"))
            .env("ESBUILD_BIN", self.node.program("esbuild"));
        Ok(())
    }
}

/// The programs that only `cargo xtask check` and `test` need.
#[derive(Debug, Clone)]
pub struct CheckTools {
    /// The `cargo-deny` program.
    pub cargo_deny: PathBuf,
    /// The `cargo-machete` program.
    pub cargo_machete: PathBuf,
}

/// Finds or installs everything that building and running need. Instant when
/// nothing is missing.
///
/// # Errors
/// Says in one sentence what is missing and how to get it.
pub fn ensure(checkout: &Checkout, progress: &Progress) -> anyhow::Result<Tools> {
    search_path::require("cargo", "install Rust with rustup (https://rustup.rs)")?;
    search_path::require("npm", "install Node.js with npm (any version from 18 on)")?;
    let _lock = checkout.lock(progress)?;
    if !checkout.join("node_modules").exists() {
        disk::require(
            checkout.root(),
            ROOM,
            "the tools, the packages and a first build",
        )?;
    }
    let cache = Cache::open()?;
    let wasm = wasm_target::ensure(&cache, progress)?;
    let wasm_bindgen = CargoProgram {
        package: "wasm-bindgen-cli",
        version: &lockfile::version_of(checkout, "wasm-bindgen")?,
        program: "wasm-bindgen",
        locked: false,
    }
    .ensure(&cache, progress)?;
    let worker_build = WORKER_BUILD.ensure(&cache, progress)?;
    let node = npm::ensure_root(checkout, progress)?;
    let openclaw = npm::ensure_openclaw(checkout, &node, progress)?;
    Ok(Tools {
        checkout: checkout.clone(),
        cache,
        wasm,
        wasm_bindgen,
        worker_build,
        node,
        openclaw,
    })
}

/// Finds or installs the version of OpenClaw before, which the image offers as well; the
/// folder that holds its `node_modules`.
///
/// # Errors
/// When it cannot be installed.
pub fn ensure_previous_openclaw(tools: &Tools, progress: &Progress) -> anyhow::Result<PathBuf> {
    let _lock = tools.checkout.lock(progress)?;
    npm::ensure_previous_openclaw(&tools.checkout, &tools.node, progress)
}

/// Finds or installs what only the checks need.
///
/// # Errors
/// When a program cannot be installed.
pub fn ensure_for_checks(tools: &Tools, progress: &Progress) -> anyhow::Result<CheckTools> {
    Ok(CheckTools {
        cargo_deny: CARGO_DENY.ensure(&tools.cache, progress)?,
        cargo_machete: CARGO_MACHETE.ensure(&tools.cache, progress)?,
    })
}

/// The cargo that runs this program, without what it puts in the environment
/// of the programs it runs: that would make a nested cargo rebuild things.
#[must_use]
pub fn cargo() -> Command {
    let mut command = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let is_package_variable = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if is_package_variable {
            command.env_remove(&name);
        }
    }
    command
        .env_remove("CARGO_TARGET_DIR")
        .env("CARGO_TERM_COLOR", "never");
    command
}
