//! The same through the gateway's Worker: tedix-init in a container, R2 as Miniflare has it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use domain::wire::gateway::{API_PREFIX, GatewayStatus, SandboxPhase};
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use tokio::time::sleep;

use super::{checked, ms};
use crate::bench::process::Process;
use crate::bench::scene::Scene;

/// Between two looks at what the gateway says.
const LOOK: Duration = Duration::from_millis(20);
/// Nothing here takes longer, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Through {
    /// From the order to the answer that everything is in R2.
    pub(super) take_ms: f64,
    pub(super) unchanged_ms: f64,
    /// From the start of the container until every byte is there.
    pub(super) restore_ms: f64,
    /// What R2's folder grew by.
    pub(super) stored_bytes: u64,
    pub(super) unchanged_stored_bytes: u64,
    /// The largest resident sets.
    pub(super) take_peak_bytes: u64,
    pub(super) restore_peak_bytes: u64,
    /// workerd with all that it runs, before there was any state, and at most.
    pub(super) worker_before_bytes: u64,
    pub(super) worker_peak_bytes: u64,
}

/// Fills the container with state as `make` makes it, saves it, throws the container away
/// and has the next one restore it.
pub(super) async fn through(
    scene: &Scene,
    make: &mut Command,
    bytes: u64,
) -> anyhow::Result<Through> {
    let gateway = Gateway::of(scene)?;
    let workerd = scene.workerd_process()?;
    let worker_before_bytes = workerd.memory()?;
    checked(make.arg(scene.container_data()?).arg(bytes.to_string()))?;
    let empty = size(&scene.kept())?;
    let take_ms = gateway.save().await?;
    let full = size(&scene.kept())?;
    let unchanged_ms = gateway.save().await?;
    let after = size(&scene.kept())?;
    let take_peak_bytes = Process::tedix_init()?.peak_memory()?;

    gateway.post("sandbox/destroy").await?;
    let stopped = |status: &GatewayStatus| status.sandbox.phase == SandboxPhase::Stopped;
    gateway.until("the container to end", stopped).await?;
    let begun = Instant::now();
    gateway.post("sandbox/start").await?;
    let restored = |status: &GatewayStatus| status.state.restored.is_some();
    gateway.until("the state to be back", restored).await?;
    let restore_ms = ms(begun.elapsed());
    Ok(Through {
        take_ms,
        unchanged_ms,
        restore_ms,
        stored_bytes: full.saturating_sub(empty),
        unchanged_stored_bytes: after.saturating_sub(full),
        take_peak_bytes,
        restore_peak_bytes: Process::tedix_init()?.peak_memory()?,
        worker_before_bytes,
        worker_peak_bytes: workerd.peak_memory()?,
    })
}

/// The gateway's governance API, for somebody who may do everything.
struct Gateway {
    client: reqwest::Client,
    api: String,
    token: String,
}

impl Gateway {
    fn of(scene: &Scene) -> anyhow::Result<Self> {
        Ok(Self {
            client: reqwest::Client::builder().no_proxy().build()?,
            api: format!("http://localhost:{}{API_PREFIX}", scene.gateway.port),
            token: scene.gateway.token.clone().context("there is no token")?,
        })
    }

    async fn ask(&self, method: Method, path: &str) -> anyhow::Result<Value> {
        let request = self.client.request(method, format!("{}/{path}", self.api));
        let request = request.header("cf-access-jwt-assertion", &self.token);
        let answer = request.send().await?;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or(Value::Null);
        if !status.is_success() {
            bail!("{path} was answered {status}: {body}");
        }
        Ok(body)
    }

    async fn post(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::POST, path).await
    }

    async fn until(&self, what: &str, come: impl Fn(&GatewayStatus) -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let status = serde_json::from_value(self.ask(Method::GET, "status").await?)?;
            if come(&status) {
                return Ok(());
            }
            sleep(LOOK).await;
        }
        bail!("waited in vain for {what}")
    }

    /// Has everything saved; how long that took, in milliseconds.
    async fn save(&self) -> anyhow::Result<f64> {
        let before: GatewayStatus = serde_json::from_value(self.ask(Method::GET, "status").await?)?;
        let begun = Instant::now();
        self.post("snapshots").await?;
        let done = |status: &GatewayStatus| {
            let state = &status.state;
            !state.snapshot_ordered && state.saved_at > before.state.saved_at
        };
        self.until("the snapshot", done).await?;
        Ok(ms(begun.elapsed()))
    }
}

/// What the files below a folder add up to, in bytes.
fn size(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in walkdir::WalkDir::new(folder) {
        // Databases come and go with their journals.
        let length = entry.ok().and_then(|entry| entry.metadata().ok());
        bytes += length
            .filter(fs::Metadata::is_file)
            .map_or(0, |file| file.len());
    }
    Ok(bytes)
}
