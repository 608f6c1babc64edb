//! `cargo xtask bench proxy`.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;

use super::load::{Target, round};
use super::print;
use super::report::{Comparison, Report};
use super::scene::Scene;
use crate::checkout::Checkout;
use crate::ui::Progress;
use crate::{build, tools};

/// Connections: one for latency, 32 for throughput.
const CONCURRENCIES: [usize; 2] = [1, 32];
/// Before anything counts, both sides are used for this long, so that code is
/// compiled and keys are fetched.
const WARM_UP: Duration = Duration::from_secs(3);

/// Options of `cargo xtask bench proxy`.
#[derive(Debug, Args)]
pub(super) struct ProxyArgs {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// How often each side takes its turn.
    #[arg(long, default_value = "5")]
    rounds: NonZeroU32,
    /// Seconds that a turn takes.
    #[arg(long, default_value = "3")]
    seconds: NonZeroU32,
}

pub(super) fn run(
    checkout: &Checkout,
    args: &ProxyArgs,
    progress: &Progress,
) -> anyhow::Result<()> {
    let tools = tools::ensure(checkout, progress)?;
    let artifacts = build::all(&tools, progress)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(async {
        let step = progress.step("bench-start", "Starting both Workers and their containers")?;
        let scene = Scene::start(&tools, &artifacts).await?;
        step.done("");
        let measured = measure(&scene, args, progress).await;
        scene.stop().await;
        measured
    })?;
    print(&report, args.json)
}

async fn measure(scene: &Scene, args: &ProxyArgs, progress: &Progress) -> anyhow::Result<Report> {
    let mut results = Vec::new();
    for concurrency in CONCURRENCIES {
        let step = progress.step(
            &format!("bench-proxy-{concurrency}"),
            format!("Measuring with {concurrency} connections"),
        )?;
        let time = Duration::from_secs(u64::from(args.seconds.get()));
        let (mut bare, mut gateway) = (Vec::new(), Vec::new());
        for target in [&scene.bare, &scene.gateway] {
            round(target, concurrency, WARM_UP).await?;
        }
        // In turns, so that whatever else the machine does meets both alike.
        for _ in 0..args.rounds.get() {
            let turn = async |target: &Target| round(target, concurrency, time).await;
            bare.push(turn(&scene.bare).await?);
            gateway.push(turn(&scene.gateway).await?);
        }
        let compared = Comparison::of(concurrency, &bare, &gateway);
        step.done(&format!(
            "{:.2} of the bare rate",
            compared.ratio.requests_per_second
        ));
        results.push(compared);
    }
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Report {
        workerd: scene.workerd.clone(),
        cpus,
        results,
    })
}
