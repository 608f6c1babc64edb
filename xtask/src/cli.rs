//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::checkout::Checkout;
use crate::ui::Progress;
use crate::{bench, build, checks, dev, test, tools};

/// Sets up, builds, checks, tests and runs tedix-claw.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install what is missing: tools by version into the cache folder, npm packages into the checkout.
    Setup,
    /// Build the Workers, the admin app and tedix-init.
    Build,
    /// Set up, build, then run a registry and governed gateways on this machine.
    Dev(dev::DevArgs),
    /// Print an Access token of the local installation, for scripts.
    Token(dev::TokenArgs),
    /// Formatting, clippy on host and wasm32, dependencies, file sizes.
    Check,
    /// Measure what the gateway costs.
    Bench(bench::BenchArgs),
    /// Set up, check, build, then every test.
    Test(test::TestArgs),
}

/// Parses the command line, runs it and turns an error into one clear message.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let checkout = Checkout::find()?;
    let progress = Progress::new(checkout.logs());
    match command {
        Command::Setup => tools::ensure(&checkout, &progress).map(drop),
        Command::Build => {
            let tools = tools::ensure(&checkout, &progress)?;
            let artifacts = build::all(&tools, &progress)?;
            build::Sizes::of(&artifacts)?.report(&progress)
        }
        Command::Dev(args) => dev::run(&checkout, &args, &progress),
        Command::Token(args) => dev::print_token(&checkout, &args),
        Command::Check => {
            let tools = tools::ensure(&checkout, &progress)?;
            checks::all(&tools, &progress)
        }
        Command::Bench(args) => bench::run(&checkout, &args, &progress),
        Command::Test(args) => test::run(&checkout, &args, &progress),
    }
}
