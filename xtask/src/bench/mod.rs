//! `cargo xtask bench`: what the gateway costs. docs/bench.md says how to read it.

mod load;
mod models;
mod policy;
mod process;
mod proxy;
mod report;
mod scene;
mod snapshots;
mod upstream;

use std::fmt::Display;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::checkout::Checkout;
use crate::ui::Progress;

pub use upstream::{SUBCOMMAND as UPSTREAM, main as upstream};

/// What to measure.
#[derive(Debug, Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Requests through the gateway's front door against a bare pass-through Worker in the same workerd.
    Proxy(proxy::ProxyArgs),
    /// Model calls through the gateway against a Worker that passes them on and against the model server itself.
    Models(models::ModelsArgs),
    /// Compiling and explaining a large policy, natively.
    Policy(policy::PolicyArgs),
    /// Taking and restoring a snapshot of a gigabyte, against `tar | zstd`.
    Snapshots(snapshots::SnapshotArgs),
}

/// Measures.
///
/// # Errors
/// When something does not start, or an answer is not the one expected.
pub fn run(checkout: &Checkout, args: &BenchArgs, progress: &Progress) -> anyhow::Result<()> {
    match &args.what {
        What::Proxy(args) => proxy::run(checkout, args, progress),
        What::Models(args) => models::run(checkout, args, progress),
        What::Policy(args) => policy::run(args),
        What::Snapshots(args) => snapshots::run(checkout, args, progress),
    }
}

/// Prints what was measured: for people, or as JSON.
fn print<R: Serialize + Display>(report: &R, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}
