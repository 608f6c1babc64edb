//! `cargo xtask dev`: a registry, governed gateways with real OpenClaw, and what
//! stands in for the paid services, on this machine. docs/dev.md tells the story.

mod api;
mod args;
mod bring_up;
mod engine;
pub(crate) mod host;
mod issuer;
mod layout;
mod memory;
mod models;
mod ports;
mod ready_file;
mod session;
mod signals;
mod start;
mod state;
mod summary;
mod workers;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context;
use tokio::sync::mpsc;

pub use args::{DevArgs, EngineKind};
pub use issuer::{TokenArgs, print_token};
pub use layout::{GatewayPlace, Layout, OPERATOR};
pub use ready_file::{ReadyFile, ReadyGateway};

use crate::checkout::Checkout;
use crate::ui::Progress;
use crate::{build, tools};
use host::Event;
use session::Session;
use signals::Signals;
use start::Setup;
use state::State;

/// The state folder when none is named.
const DEFAULT_STATE: &str = ".state";
/// Exit code of a run that was interrupted: 128 + SIGINT, as in a shell.
const INTERRUPTED: i32 = 130;

/// Runs an installation until it is asked to stop.
///
/// # Errors
/// Says in one sentence what did not work and what to do.
pub fn run(checkout: &Checkout, args: &DevArgs, progress: &Progress) -> anyhow::Result<()> {
    let begun = Instant::now();
    let layout = Layout::new(args.port, args.gateways)?;
    let state = State::open(&state_folder(checkout, &args.state))?;
    if args.fresh {
        forget(&state, progress)?;
    }
    ports::check(&layout)?;
    let tools = tools::ensure(checkout, progress)?;
    let mut versions = args.openclaw_version.clone();
    if args.engine == EngineKind::Docker {
        // Its image brings the version before, and no folder of this machine.
        anyhow::ensure!(
            versions.is_empty(),
            "--openclaw-version needs the embedded engine"
        );
    } else if args.previous_openclaw {
        versions.push(tools::ensure_previous_openclaw(&tools, progress)?);
    }
    let tools_done = Instant::now();
    let artifacts = build::all(&tools, progress)?;
    let built = Instant::now();
    state.prepare()?;
    if let Some(warning) = memory::warning(args.gateways) {
        progress.say(format!("warning: {warning}"));
    }
    if let Some(path) = &args.ready_file {
        ReadyFile::remove(path)?;
    }
    let took = vec![
        ("set-up", tools_done - begun),
        ("build", built - tools_done),
    ];
    let browser = args.browser.then(installed_browser).transpose()?;
    let setup = Setup {
        browser: browser.as_deref(),
        args,
        layout: &layout,
        state: &state,
        tools: &tools,
        artifacts: &artifacts,
        versions: &versions,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let ended = runtime.block_on(live(&setup, progress, took));
    if let Some(path) = &args.ready_file {
        ReadyFile::remove(path)?;
    }
    if ended? == End::Interrupted {
        // What is left after a forced end goes with this process.
        std::process::exit(INTERRUPTED);
    }
    Ok(())
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It was up, was asked to stop, and did.
    Stopped,
    /// It was asked to stop before it was up, or to stop by force.
    Interrupted,
}

/// Starts everything, keeps it running until a signal comes, stops everything.
async fn live(
    setup: &Setup<'_>,
    progress: &Progress,
    took: Vec<(&'static str, std::time::Duration)>,
) -> anyhow::Result<End> {
    let mut signals = Signals::take()?;
    let session = Session::default();
    let (events, mut heard) = mpsc::unbounded_channel();
    let up = AtomicBool::new(false);
    let result = tokio::select! {
        biased;
        () = signals.next() => Ok(()),
        ended = async {
            let running = setup.start(&session, progress, events, took).await?;
            up.store(true, Ordering::Relaxed);
            running.keep(&session, progress, &mut heard).await;
            anyhow::Ok(())
        } => ended,
    };
    drop(heard);
    tokio::select! {
        biased;
        () = signals.next() => {
            session.kill();
            return Ok(End::Interrupted);
        }
        stopped = session.stop(progress) => stopped?,
    }
    let end = if up.into_inner() {
        End::Stopped
    } else {
        End::Interrupted
    };
    result.map(|()| end)
}

/// A relative folder lies where the command was called, the default one in the checkout.
fn state_folder(checkout: &Checkout, wanted: &Path) -> PathBuf {
    if wanted == Path::new(DEFAULT_STATE) {
        checkout.join(wanted)
    } else {
        wanted.to_owned()
    }
}

/// The Chromium or Chrome of this machine, for agents.
fn installed_browser() -> anyhow::Result<PathBuf> {
    let found = tools::browser::installed();
    found.context("--browser: no Chromium or Chrome is installed; install one, or go without")
}

fn forget(state: &State, progress: &Progress) -> anyhow::Result<()> {
    let contents = state.contents()?;
    if contents.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = contents
        .iter()
        .map(|(name, bytes)| format!("{name} ({:.1} MB)", *bytes as f64 / 1e6))
        .collect();
    progress.say(format!(
        "deleting from {}: {}",
        state.root().display(),
        named.join(", ")
    ));
    state.clear()
}

/// One line about something that happened to a Worker.
fn told(event: &Event) -> String {
    match event {
        Event::Died { label, how } => {
            format!("! the {label} Worker ended ({how}) and is started again")
        }
        Event::Restarted { label } => format!("✓ the {label} Worker runs again"),
    }
}
