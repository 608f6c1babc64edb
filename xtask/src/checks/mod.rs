//! What `cargo xtask check` checks: cheap things first.

mod file_length;
mod layers;

use std::process::Command;

use anyhow::bail;

use crate::tools::{self, CheckTools, Tools};
use crate::ui::Progress;

/// The crates that run as WebAssembly, and what they share.
const WASM_PACKAGES: [&str; 5] = [
    "domain",
    "edge",
    "registry-worker",
    "gateway-worker",
    "admin-ui",
];

/// Every check.
///
/// # Errors
/// At the first check that fails, with its output.
pub fn all(tools: &Tools, progress: &Progress) -> anyhow::Result<()> {
    cheap(tools, progress)?;
    clippy_host(tools, progress)?;
    clippy_wasm(tools, progress)
}

/// The checks that compile nothing. All of them, so that one run says everything.
///
/// # Errors
/// Names every check that fails, with its output.
pub fn cheap(tools: &Tools, progress: &Progress) -> anyhow::Result<()> {
    let programs = tools::ensure_for_checks(tools, progress)?;
    let outcomes = [
        lengths(tools, progress),
        format(tools, progress),
        directions(tools, progress),
        unused_dependencies(tools, &programs, progress),
        dependencies(tools, &programs, progress),
    ];
    let failures: Vec<String> = outcomes
        .into_iter()
        .filter_map(Result::err)
        .map(|error| format!("{error:#}"))
        .collect();
    if failures.is_empty() {
        return Ok(());
    }
    bail!(failures.join("\n"))
}

/// Clippy for this machine: every crate, its tests too.
///
/// # Errors
/// When it finds something.
pub fn clippy_host(tools: &Tools, progress: &Progress) -> anyhow::Result<()> {
    let step = progress.step("clippy-host", "Clippy on this machine")?;
    step.run(
        tools::cargo()
            .current_dir(tools.checkout.root())
            .args([
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--target-dir",
            ])
            .arg(tools.checkout.native_target())
            .args(["--", "--deny", "warnings"]),
    )?;
    step.done("");
    Ok(())
}

/// Clippy for wasm32: what only compiles there is checked only there.
///
/// # Errors
/// When it finds something.
pub fn clippy_wasm(tools: &Tools, progress: &Progress) -> anyhow::Result<()> {
    let step = progress.step("clippy-wasm", "Clippy on wasm32")?;
    let mut command = tools.wasm.clippy();
    tools.for_wasm(&mut command)?;
    command
        .current_dir(tools.checkout.root())
        .args(["--locked", "--target", tools::WASM_TRIPLE]);
    for package in WASM_PACKAGES {
        command.args(["--package", package]);
    }
    step.run(command.args(["--", "--deny", "warnings"]))?;
    step.done("");
    Ok(())
}

fn lengths(tools: &Tools, progress: &Progress) -> anyhow::Result<()> {
    let step = progress.step("file-length", "Lengths of files")?;
    let too_long = file_length::too_long(tools.checkout.root())?;
    if !too_long.is_empty() {
        step.append(&too_long.join("\n"));
        return Err(step.failed("files that should be several").into());
    }
    step.done("");
    Ok(())
}

fn format(tools: &Tools, progress: &Progress) -> anyhow::Result<()> {
    let step = progress.step("fmt", "Formatting")?;
    let status = step.status(
        tools::cargo()
            .current_dir(tools.checkout.root())
            .args(["fmt", "--all", "--check", "--", "-l"]),
    )?;
    if !status.success() {
        return Err(step.failed("`cargo fmt --all` puts it right").into());
    }
    step.done("");
    Ok(())
}

fn directions(tools: &Tools, progress: &Progress) -> anyhow::Result<()> {
    let step = progress.step("layers", "Directions of dependencies")?;
    let violations = layers::violations(tools)?;
    if !violations.is_empty() {
        step.append(&violations.join("\n"));
        return Err(step.failed("dependencies that point the wrong way").into());
    }
    step.done("");
    Ok(())
}

fn unused_dependencies(
    tools: &Tools,
    programs: &CheckTools,
    progress: &Progress,
) -> anyhow::Result<()> {
    let step = progress.step("unused-dependencies", "Unused dependencies")?;
    step.run(Command::new(&programs.cargo_machete).arg(tools.checkout.root()))?;
    step.done("");
    Ok(())
}

/// Licences, sources and banned crates (deny.toml). Not the advisories: their
/// database is a git repository that a closed network has no way to.
fn dependencies(tools: &Tools, programs: &CheckTools, progress: &Progress) -> anyhow::Result<()> {
    let step = progress.step("deny", "Licences and sources of dependencies")?;
    step.run(
        Command::new(&programs.cargo_deny)
            .current_dir(tools.checkout.root())
            .args([
                "--all-features",
                "--locked",
                "check",
                "bans",
                "licenses",
                "sources",
            ]),
    )?;
    step.done("");
    Ok(())
}
