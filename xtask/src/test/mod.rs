//! `cargo xtask test`: everything that must pass, cheap failures first.

mod counts;

use std::process::Command;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use self::counts::Counts;
use crate::build::{self, Sizes};
use crate::checkout::Checkout;
use crate::checks;
use crate::dev::EngineKind;
use crate::tools::{self, Browser, Tools};
use crate::ui::Progress;

/// Which browser the end-to-end tests drive.
pub const CHROMIUM: &str = "TEDIX_CHROMIUM";
/// Which container engine the end-to-end tests use: `embedded` or `docker`.
pub const ENGINE: &str = "TEDIX_ENGINE";

/// Which program starts the stack in the end-to-end tests: this one.
pub const XTASK: &str = "TEDIX_XTASK";
/// Which Node runs the browser's scripts in the end-to-end tests.
pub const NODE: &str = "TEDIX_NODE";

/// The package with the end-to-end tests.
const END_TO_END: &str = "e2e";

/// What to test.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// What runs the gateways' containers in the end-to-end tests.
    #[arg(long, value_enum, default_value_t = EngineKind::Embedded)]
    engine: EngineKind,
    /// Only the tests whose name contains one of these; leaves out the checks.
    filters: Vec<String>,
}

/// Sets up, checks, builds and tests.
///
/// # Errors
/// At the first step that fails, with the end of its output.
pub fn run(checkout: &Checkout, args: &TestArgs, progress: &Progress) -> anyhow::Result<()> {
    let tools = tools::ensure(checkout, progress)?;
    let everything = args.filters.is_empty();
    if everything {
        checks::all(&tools, progress)?;
    }
    let mut counts = native(&tools, args, progress)?;
    let artifacts = build::all(&tools, progress)?;
    Sizes::of(&artifacts)?.report(progress)?;
    let browser = tools::ensure_browser(&tools, progress)?;
    counts += end_to_end(&tools, &browser, args, progress)?;
    if !everything && counts.run() == 0 {
        bail!("no test has {} in its name", args.filters.join(" or "));
    }
    progress.say(format!("everything passed: {counts}"));
    Ok(())
}

fn native(tools: &Tools, args: &TestArgs, progress: &Progress) -> anyhow::Result<Counts> {
    let step = progress.step("test-native", "Native tests")?;
    step.run(
        tools::cargo()
            .current_dir(tools.checkout.root())
            .args([
                "test",
                "--workspace",
                "--exclude",
                END_TO_END,
                "--locked",
                "--target-dir",
            ])
            .arg(tools.checkout.native_target())
            .arg("--")
            .args(&args.filters),
    )?;
    let counts = Counts::in_file(step.log_path())?;
    step.done(&counts.to_string());
    Ok(counts)
}

fn end_to_end(
    tools: &Tools,
    browser: &Browser,
    args: &TestArgs,
    progress: &Progress,
) -> anyhow::Result<Counts> {
    let step = progress.step("test-e2e", "End-to-end tests")?;
    // The profile of the programs on the data path, and of this program, of
    // which the tests use the library.
    let mut command = tools::cargo();
    command
        .current_dir(tools.checkout.root())
        .args([
            "test",
            "--package",
            END_TO_END,
            "--profile",
            "tool",
            "--locked",
            "--target-dir",
        ])
        .arg(tools.checkout.native_target())
        .arg("--")
        .args(&args.filters);
    environment(&mut command, tools, browser, args.engine)?;
    step.run_shown(&mut command)?;
    let counts = Counts::in_file(step.log_path())?;
    step.done(&counts.to_string());
    Ok(counts)
}

fn environment(
    command: &mut Command,
    tools: &Tools,
    browser: &Browser,
    engine: EngineKind,
) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("this program does not know its own path")?;
    let engine = engine
        .to_possible_value()
        .context("an engine without a name")?;
    command
        .env(XTASK, program)
        .env(NODE, &tools.node.node)
        .env(CHROMIUM, &browser.program)
        .env(ENGINE, engine.get_name());
    Ok(())
}
