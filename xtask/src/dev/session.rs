//! What runs: kept in one place, so that all of it can be stopped in the right
//! order whatever happened before.

use std::sync::Mutex;
use std::time::Duration;

use domain::wire::gateway::SandboxPhase;
use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use super::api::Api;
use super::engine::Containers;
use super::host::Host;
use super::layout::GatewayPlace;
use crate::standins::Server;
use crate::ui::Progress;

/// How long the containers may take to stop: OpenClaw needs 2 to 8 s when idle, and
/// then its state is saved.
const CONTAINERS_LIMIT: Duration = Duration::from_secs(60);
/// How long what is left of them has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(3);
/// Pause between two looks at a container that stops.
const POLL: Duration = Duration::from_millis(200);

/// The running parts, in order of their start.
#[derive(Debug, Default)]
pub(crate) struct Session {
    parts: Mutex<Parts>,
}

#[derive(Debug, Default)]
struct Parts {
    api: Option<Api>,
    servers: Vec<Server>,
    containers: Option<Containers>,
    hosts: Vec<Host>,
    started: Vec<GatewayPlace>,
}

impl Session {
    fn with<T>(&self, work: impl FnOnce(&mut Parts) -> T) -> T {
        // Whoever panicked with the lock left lists, which are whole.
        work(
            &mut self
                .parts
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }

    /// Keeps the client that containers are stopped through.
    pub(crate) fn keep_api(&self, api: Api) {
        self.with(|parts| parts.api = Some(api));
    }

    /// Keeps a stand-in.
    pub(crate) fn keep_server(&self, server: Server) {
        self.with(|parts| parts.servers.push(server));
    }

    /// Keeps the engine.
    pub(crate) fn keep_containers(&self, containers: Containers) {
        self.with(|parts| parts.containers = Some(containers));
    }

    /// Keeps a Worker.
    pub(crate) fn keep_host(&self, host: Host) {
        self.with(|parts| parts.hosts.push(host));
    }

    /// Remembers that this gateway's container has to be stopped.
    pub(crate) fn container_started(&self, place: &GatewayPlace) {
        self.with(|parts| parts.started.push(place.clone()));
    }

    /// Looks at the engine.
    pub(crate) fn containers<T>(&self, look: impl FnOnce(&Containers) -> T) -> Option<T> {
        self.with(|parts| parts.containers.as_ref().map(look))
    }

    /// Process id of the Worker of that label; 0 when there is none.
    #[must_use]
    pub(crate) fn pid(&self, label: &str) -> u32 {
        self.with(|parts| {
            let host = parts.hosts.iter().find(|host| host.label() == label);
            host.map_or(0, Host::pid)
        })
    }

    /// Stops everything, last started first, and waits until it is gone.
    pub(crate) async fn stop(&self, progress: &Progress) -> anyhow::Result<()> {
        let parts = self.with(std::mem::take);
        let Parts {
            api,
            servers,
            containers,
            hosts,
            started,
        } = parts;
        if let (Some(api), false) = (&api, started.is_empty()) {
            let step = progress.step("stop-containers", "Stopping OpenClaw")?;
            let stopping = started.iter().map(|place| stop_container(api, place));
            if timeout(CONTAINERS_LIMIT, join_all(stopping)).await.is_err() {
                step.done("by force");
            } else {
                step.done("");
            }
        }
        let step = progress.step("stop", "Stopping the Workers")?;
        join_all(hosts.into_iter().map(Host::stop)).await;
        if let Some(containers) = containers {
            containers.stop(GRACE).await;
        }
        drop(servers);
        step.done("");
        Ok(())
    }

    /// Kills every Worker now. The containers end with this process.
    pub(crate) fn kill(&self) {
        self.with(|parts| parts.hosts.iter().for_each(Host::kill));
    }
}

/// Asks for the container's end and waits for it; an API that does not answer
/// leaves it to the engine.
async fn stop_container(api: &Api, place: &GatewayPlace) {
    let url = place.url();
    if api.sandbox(&url, "stop").await.is_err() {
        return;
    }
    while let Ok(status) = api.status(&url).await {
        if status.sandbox.phase == SandboxPhase::Stopped {
            return;
        }
        sleep(POLL).await;
    }
}
