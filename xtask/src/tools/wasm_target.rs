//! What compiles for wasm32-unknown-unknown.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::cache::Cache;
use super::{cargo, debian_rust, search_path};
use crate::ui::Progress;

/// The target of the Workers and the admin app.
pub(crate) const TRIPLE: &str = "wasm32-unknown-unknown";

/// Chooses where the target comes from; for testing the fallback on a machine
/// that has rustup's. `rustup` or `debian`.
const CHOICE: &str = "TEDIX_WASM_TOOLCHAIN";

/// The longest that rustup may take to fetch the target, in seconds.
const RUSTUP_TIMEOUT_S: &str = "600";

/// A compiler that has the wasm32 target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WasmToolchain {
    /// The same compiler as for native code.
    Native,
    /// Debian's, unpacked into this folder.
    Debian(PathBuf),
}

impl WasmToolchain {
    /// Makes a command that runs cargo, or itself runs cargo, use this compiler.
    /// Sets PATH to the folders given, then the present one.
    ///
    /// # Errors
    /// When the linker is missing.
    pub fn apply(&self, command: &mut Command, first_on_path: &Path) -> anyhow::Result<()> {
        match self {
            Self::Native => {
                command
                    .env_remove("RUSTC")
                    .env("PATH", search_path::with_first([first_on_path]));
                Ok(())
            }
            Self::Debian(root) => {
                debian_environment(root, command)?;
                // worker-build asks the `rustc` on PATH, whatever RUSTC says,
                // and has rustup fetch the target when that one has not got it.
                let programs = root.join("usr/bin");
                command.env("PATH", search_path::with_first([first_on_path, &programs]));
                Ok(())
            }
        }
    }

    /// A `cargo clippy` of this compiler's version; add arguments as to `cargo clippy`.
    #[must_use]
    pub fn clippy(&self) -> Command {
        let mut command = match self {
            Self::Native => cargo(),
            Self::Debian(root) => {
                let mut command = Command::new(root.join("usr/bin/cargo-clippy"));
                command.env("CARGO_TERM_COLOR", "never");
                command
            }
        };
        command.arg("clippy");
        command
    }

    /// What the compiler says it is: part of every fingerprint of what it builds.
    ///
    /// # Errors
    /// When it does not run.
    pub fn identity(&self) -> anyhow::Result<String> {
        let mut command = match self {
            Self::Native => Command::new("rustc"),
            Self::Debian(root) => Command::new(rustc_of(root)),
        };
        if let Self::Debian(root) = self {
            command.env("LD_LIBRARY_PATH", libraries_of(root));
        }
        identity_of(&mut command)
    }
}

/// Finds the target, or installs it: through rustup, else from Debian's packages.
pub(super) fn ensure(cache: &Cache, progress: &Progress) -> anyhow::Result<WasmToolchain> {
    let choice = std::env::var(CHOICE).unwrap_or_default();
    match choice.as_str() {
        "" => {}
        "rustup" if native_has_target() || add_with_rustup(progress)? => {
            return Ok(WasmToolchain::Native);
        }
        "rustup" => bail!("rustup cannot fetch the target {TRIPLE}"),
        "debian" => return debian(cache, progress),
        other => bail!("{CHOICE} is {other:?}; it may be \"rustup\" or \"debian\""),
    }
    if native_has_target() {
        return Ok(WasmToolchain::Native);
    }
    if let Some(folder) = debian_rust::find(cache) {
        return Ok(WasmToolchain::Debian(folder));
    }
    if add_with_rustup(progress)? {
        return Ok(WasmToolchain::Native);
    }
    debian(cache, progress)
}

/// Puts Debian's compiler below `root` and rustup's linker into the environment of a command.
pub(super) fn debian_environment(root: &Path, command: &mut Command) -> anyhow::Result<()> {
    command
        .env("RUSTC", rustc_of(root))
        .env("LD_LIBRARY_PATH", libraries_of(root))
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker()?);
    Ok(())
}

/// What the native compiler says it is.
///
/// # Errors
/// When there is none.
pub(crate) fn native_identity() -> anyhow::Result<String> {
    identity_of(&mut Command::new("rustc"))
}

fn debian(cache: &Cache, progress: &Progress) -> anyhow::Result<WasmToolchain> {
    let folder = match debian_rust::find(cache) {
        Some(folder) => folder,
        None => debian_rust::install(cache, progress)?,
    };
    Ok(WasmToolchain::Debian(folder))
}

fn native_has_target() -> bool {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TRIPLE])
        .output();
    let Ok(output) = output else { return false };
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    output.status.success()
        && std::fs::read_dir(folder).is_ok_and(|entries| {
            let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            names.any(|name| name.starts_with("libstd-") && name.ends_with(".rlib"))
        })
}

/// Whether rustup could fetch the target. That it could not is no error: there is another way.
fn add_with_rustup(progress: &Progress) -> anyhow::Result<bool> {
    if search_path::find("rustup").is_none() {
        return Ok(false);
    }
    let step = progress.step("rustup-target", "Adding the wasm32 target with rustup")?;
    // rustup has no limit of its own for a server that answers nothing.
    let mut command = match search_path::find("timeout") {
        Some(timeout) => {
            let mut command = Command::new(timeout);
            command.args([RUSTUP_TIMEOUT_S, "rustup"]);
            command
        }
        None => Command::new("rustup"),
    };
    command
        .env("RUSTUP_MAX_RETRIES", "1")
        .args(["target", "add", TRIPLE]);
    let added = step.status(&mut command)?.success() && native_has_target();
    step.done(if added { "" } else { "not reachable from here" });
    Ok(added)
}

/// The linker for wasm32 that comes with rustup's native toolchain.
fn linker() -> anyhow::Result<PathBuf> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir"])
        .output();
    let output =
        output.context("`rustc` does not run: install Rust with rustup (https://rustup.rs)")?;
    let library = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let linker = library.parent().map(|target| target.join("bin/rust-lld"));
    linker.filter(|path| path.is_file()).context(
        "the Rust toolchain has no `rust-lld`, the linker for wasm32: install Rust with rustup (https://rustup.rs)",
    )
}

fn rustc_of(root: &Path) -> PathBuf {
    root.join("usr/bin/rustc")
}

fn libraries_of(root: &Path) -> PathBuf {
    root.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH))
}

fn identity_of(rustc: &mut Command) -> anyhow::Result<String> {
    let output = rustc.arg("-vV").output();
    let output =
        output.context("`rustc` does not run: install Rust with rustup (https://rustup.rs)")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
