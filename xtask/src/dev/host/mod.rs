//! A Worker in Miniflare: a Node process per Worker, started, watched, started
//! again when it dies, and stopped. See `xtask/runtime/host.mjs` for its inside.

mod process;
mod spec;
mod supervisor;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub(crate) use spec::{ContainerSpec, HostSpec};

use process::Process;

/// Secrets for Git hosts, which gateways take from the shell.
pub(crate) const GIT_SECRETS: [&str; 2] = ["GIT_CREDENTIALS", "GIT_API_TOKENS"];

/// What it takes to start a Worker.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// What to call it: `registry`, `personal` …
    pub(crate) label: String,
    /// The `node` program.
    pub(crate) node: PathBuf,
    /// `xtask/runtime/host.mjs`.
    pub(crate) script: PathBuf,
    /// Where the spec goes.
    pub(crate) spec_file: PathBuf,
    /// What it prints.
    pub(crate) log: PathBuf,
    /// The Worker.
    pub(crate) spec: HostSpec,
    /// Its secrets, by binding. They go through the process's standard input.
    pub(crate) secrets: BTreeMap<String, String>,
}

/// Something that happened to a running Worker by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Its process ended; it is started again. The text says how it ended.
    Died {
        /// Which Worker.
        label: String,
        /// How.
        how: String,
    },
    /// It runs again.
    Restarted {
        /// Which Worker.
        label: String,
    },
}

/// A running Worker. [`Host::stop`] it: dropping it kills it.
#[derive(Debug)]
pub(crate) struct Host {
    label: String,
    group: Arc<AtomicU32>,
    stop: watch::Sender<bool>,
    supervisor: JoinHandle<()>,
}

impl Host {
    /// Starts a Worker and waits until it takes requests.
    ///
    /// # Errors
    /// When it cannot be started, with its own words and the place of its log.
    pub(crate) async fn start(
        launch: Launch,
        events: mpsc::UnboundedSender<Event>,
    ) -> anyhow::Result<Self> {
        let group = Arc::new(AtomicU32::new(0));
        let mut process = Process::spawn(&launch, &group)?;
        process.ready().await?;
        let (stop, stopping) = watch::channel(false);
        let label = launch.label.clone();
        let supervisor = tokio::spawn(supervisor::watch_over(
            launch,
            process,
            Arc::clone(&group),
            stopping,
            events,
        ));
        Ok(Self {
            label,
            group,
            stop,
            supervisor,
        })
    }

    /// What it is called.
    #[must_use]
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Id of its process, which leads a process group of the same id.
    #[must_use]
    pub(crate) fn pid(&self) -> u32 {
        self.group.load(Ordering::Relaxed)
    }

    /// Stops it: cleanly, or after [`process::STOP_LIMIT`] by force.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        // A supervisor that panicked has dropped, and so killed, its process.
        drop((&mut self.supervisor).await);
    }

    /// Kills it and everything it started, now.
    pub(crate) fn kill(&self) {
        self.stop.send_replace(true);
        process::kill_group(self.pid());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if !self.supervisor.is_finished() {
            self.kill();
            self.supervisor.abort();
        }
    }
}
