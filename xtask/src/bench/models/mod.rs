//! `cargo xtask bench models`: what a model call through the gateway costs, against
//! the model server directly and against a Worker that passes everything on.

mod load;
mod measure;
mod report;
mod server;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use crate::bench::print;
use crate::bench::process::Process;
use crate::bench::scene::Folder;
use crate::checkout::Checkout;
use crate::lone_gateway::{Inside, LoneConfig, LoneGateway};
use crate::tools::Tools;
use crate::ui::Progress;
use crate::{build, secrets, tools};
use load::Call;
use measure::{Sides, measure};
use report::Report;
use server::ModelServer;

/// Id of the model that is called.
const MODEL: &str = "bench";
/// A short question, and the size of what OpenClaw sends with its tools and its
/// instructions, in bytes.
const REQUEST_BYTES: [usize; 2] = [1_024, 48 * 1_024];
/// Calls that the store holds when it is full: twenty times what is kept.
const FULL: u32 = 1_000_000;

/// Options of `cargo xtask bench models`.
#[derive(Debug, Args)]
pub(super) struct ModelsArgs {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// How often each side takes its turn.
    #[arg(long, default_value = "3")]
    rounds: NonZeroU32,
    /// Seconds that a turn takes.
    #[arg(long, default_value = "3")]
    seconds: NonZeroU32,
    /// Leave out the store with a million calls.
    #[arg(long)]
    no_full_store: bool,
}

/// Runs it.
///
/// # Errors
/// When something does not start, or an answer is not the one expected.
pub(super) fn run(
    checkout: &Checkout,
    args: &ModelsArgs,
    progress: &Progress,
) -> anyhow::Result<()> {
    let tools = tools::ensure(checkout, progress)?;
    let build = build::gateway_worker(&tools, progress)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(async {
        let folder = Folder::temporary("bench-models")?;
        let server = ModelServer::start().await?;
        let step = progress.step("bench-models-start", "Starting the gateway's Worker")?;
        let mut lone = LoneGateway::start(&config(&tools, build, &folder, &server)?).await?;
        set_budgets(&lone).await?;
        step.done("");
        let outcome = all(&mut lone, &server, &tools, args, progress).await;
        lone.stop().await;
        outcome
    })?;
    print(&report, args.json)
}

async fn all(
    lone: &mut LoneGateway,
    server: &ModelServer,
    tools: &Tools,
    args: &ModelsArgs,
    progress: &Progress,
) -> anyhow::Result<Report> {
    let mut results = Vec::new();
    for bytes in REQUEST_BYTES {
        let step = progress.step(
            &format!("bench-models-{bytes}"),
            format!("Calls with requests of {bytes} bytes"),
        )?;
        let measured = measure(&sides(lone, server, bytes)?, args.rounds, args.seconds).await?;
        step.done("");
        results.push(measured);
    }
    let mut full = None;
    if !args.no_full_store {
        let step = progress.step("bench-models-full", "The same with a million calls kept")?;
        fill(lone, tools).await?;
        let sides = sides(lone, server, REQUEST_BYTES.into_iter().min().unwrap_or(0))?;
        full = Some(measure(&sides, args.rounds, args.seconds).await?);
        step.done("");
    }
    Ok(Report {
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
        memory_mib: Process::workerd(lone.pid())?.memory()? / (1_024 * 1_024),
        results,
        full_store: full,
    })
}

fn config(
    tools: &Tools,
    build: PathBuf,
    folder: &Folder,
    server: &ModelServer,
) -> anyhow::Result<LoneConfig> {
    let models = json!([{
        "provider": "openai", "id": MODEL,
        "context_tokens": 128_000, "max_output_tokens": 8_192,
    }]);
    Ok(LoneConfig {
        checkout: tools.checkout.root().to_owned(),
        node: tools.node.node.clone(),
        build,
        helper: None,
        folder: folder.path().to_owned(),
        logs: tools.checkout.logs(),
        upstream: format!("http://localhost:{}", server.port()),
        upstream_key: secrets::random()?,
        vars: BTreeMap::from([
            ("MODELS".to_owned(), models.to_string()),
            (
                "MODEL_PRICES".to_owned(),
                json!({ format!("openai/{MODEL}"): { "input": 1, "output": 1 } }).to_string(),
            ),
        ]),
        browser: None,
        inside: Inside::Key,
    })
}

fn sides(lone: &LoneGateway, server: &ModelServer, bytes: usize) -> anyhow::Result<Sides> {
    let call = |port: u16, side: &str| Call {
        port,
        path: format!("{side}/openai/v1/chat/completions"),
        key: lone.key.clone(),
        body: load::body(MODEL, bytes),
    };
    Ok(Sides {
        bytes,
        workerd: Process::workerd(lone.pid())?,
        direct: call(server.port(), ""),
        bare: call(lone.door, "/bare"),
        gateway: call(lone.door, "/gateway"),
    })
}

/// Budgets that apply and are never reached: for the gateway and the agent, in tokens
/// and cost.
async fn set_budgets(lone: &LoneGateway) -> anyhow::Result<()> {
    let much = json!({
        "tokens_per_day": 1_000_000_000_000_u64, "cost_per_day_micro_usd": 1_000_000_000_000_u64,
    });
    let mut budgets = much.clone();
    if let Some(fields) = budgets.as_object_mut() {
        fields.insert("agents".to_owned(), json!({ load::AGENT: much }));
    }
    lone.set_budgets(budgets).await
}

/// Fills the store, behind the Worker's back and while it is down.
async fn fill(lone: &mut LoneGateway, tools: &Tools) -> anyhow::Result<()> {
    let script = tools.checkout.join("xtask/runtime/fill-calls.mjs");
    let node = tools.node.node.clone();
    lone.restart_after(|data| {
        let output = Command::new(&node)
            .arg(&script)
            .arg(data)
            .arg(FULL.to_string())
            .output()
            .context("the store cannot be filled")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    })
    .await
}
