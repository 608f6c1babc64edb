//! All containers of an engine, by name and id.

use std::collections::HashMap;
use std::io::Result;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use super::EngineConfig;
use super::container::{Container, CreateRequest, StartRefusal};
use super::exec::Exec;
use super::process::{Helpers, StartError};
use super::spec::Isolation;

/// The engine's memory.
#[derive(Debug)]
pub(crate) struct Registry {
    pub config: EngineConfig,
    pub helpers: Helpers,
    pub isolation: Isolation,
    containers: Mutex<HashMap<String, Arc<Container>>>,
    execs: Mutex<HashMap<String, Arc<Exec>>>,
}

/// Why a container was not created.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CreateRefusal {
    #[error("No such image: {0}")]
    NoImage(String),
    #[error("Conflict. The container name \"/{0}\" is already in use")]
    Conflict(String),
    #[error("a container's name has letters, digits, '_', '.' and '-' only")]
    BadName,
}

impl Registry {
    pub(crate) fn new(config: EngineConfig, helpers: Helpers, isolation: Isolation) -> Self {
        Self {
            config,
            helpers,
            isolation,
            containers: Mutex::default(),
            execs: Mutex::default(),
        }
    }

    fn containers(&self) -> MutexGuard<'_, HashMap<String, Arc<Container>>> {
        self.containers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn execs(&self) -> MutexGuard<'_, HashMap<String, Arc<Exec>>> {
        self.execs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All containers, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Container>> {
        self.containers().values().cloned().collect()
    }

    /// Finds a container by its name or its id, or the start of the id.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Container>> {
        let containers = self.containers();
        containers.get(name).cloned().or_else(|| {
            let by_id = |c: &&Arc<Container>| name.len() >= 12 && c.id.starts_with(name);
            containers.values().find(by_id).cloned()
        })
    }

    pub(crate) fn create(
        &self,
        name: String,
        request: CreateRequest,
    ) -> std::result::Result<Arc<Container>, CreateRefusal> {
        let is_app = same_image(&request.image, &self.config.image.name);
        let is_sidecar = same_image(&request.image, &self.config.egress_image);
        if !is_app && !is_sidecar {
            return Err(CreateRefusal::NoImage(request.image));
        }
        let id = random_id();
        let name = if name.is_empty() { id.clone() } else { name };
        if super::file_name(&name) != name {
            return Err(CreateRefusal::BadName);
        }
        let mut containers = self.containers();
        if containers.contains_key(&name) {
            return Err(CreateRefusal::Conflict(name));
        }
        let image = is_app.then(|| self.config.image.clone());
        let state_dir = &self.config.state_dir;
        let container = Container::new(id, name.clone(), request, image, state_dir);
        let container = Arc::new(container);
        containers.insert(name, Arc::clone(&container));
        Ok(container)
    }

    pub(crate) async fn start(
        &self,
        container: &Arc<Container>,
    ) -> std::result::Result<(), StartRefusal> {
        let Some(key) = container.data_key() else {
            return container.start_sidecar(&self.helpers, self.isolation).await;
        };
        // A workerd that was killed leaves its containers here; the next one
        // names them anew, but two must not write to the same data.
        let rivals = self.all().into_iter().filter(|other| {
            other.id != container.id
                && other.data_key() == Some(key)
                && other.status().borrow().is_running()
        });
        for rival in rivals {
            self.remove(&rival).await;
        }
        let another_runs = || {
            self.all().iter().any(|other| {
                other.id != container.id
                    && other.data_key().is_some()
                    && other.status().borrow().is_running()
            })
        };
        if self.isolation == Isolation::None && another_runs() {
            // They would share their ports, and one gateway answer for another.
            return Err(StartError {
                reason: "without namespaces one container at a time can run: use one gateway"
                    .into(),
                code: 125,
            }
            .into());
        }
        let mode = &container.request.host_config.network_mode;
        let network = mode
            .strip_prefix("container:")
            .and_then(|name| self.find(name));
        let network = match network {
            Some(sidecar) => sidecar.shared_network().await,
            None => None,
        };
        let network = network.ok_or_else(|| StartError {
            reason: format!("its network \"{mode}\" does not run"),
            code: 125,
        })?;
        container
            .start_program(&self.config, &self.helpers, self.isolation, &network)
            .await
    }

    pub(crate) async fn remove(&self, container: &Arc<Container>) {
        container.remove().await;
        self.containers()
            .retain(|_, other| other.id != container.id);
        self.execs()
            .retain(|_, exec| exec.container.id != container.id);
    }

    pub(crate) fn add_exec(&self, exec: Exec) -> String {
        let id = random_id();
        self.execs().insert(id.clone(), Arc::new(exec));
        id
    }

    pub(crate) fn find_exec(&self, id: &str) -> Option<Arc<Exec>> {
        self.execs().get(id).cloned()
    }

    /// Asks all programs to end, then removes everything.
    pub(crate) async fn shutdown(&self, grace: Duration) {
        let mut endings = tokio::task::JoinSet::new();
        for container in self.all() {
            endings.spawn(async move {
                // Fails only when it has just ended by itself.
                let _ = stop(&container, grace).await;
            });
        }
        endings.join_all().await;
        for container in self.all() {
            self.remove(&container).await;
        }
    }
}

/// SIGTERM, and SIGKILL after `grace`; `false` when it was not running.
pub(crate) async fn stop(container: &Container, grace: Duration) -> Result<bool> {
    let Some(program) = container.program().await else {
        return Ok(false);
    };
    program.signal(Signal::TERM)?;
    let mut status = container.status();
    let ended = status.wait_for(|status| !status.is_running());
    let in_time = tokio::time::timeout(grace, ended).await.is_ok();
    if !in_time {
        program.signal(Signal::KILL)?;
        // INVARIANT: the container holds the sender, so this cannot fail.
        let _ = status.wait_for(|status| !status.is_running()).await;
    }
    Ok(true)
}

/// Image names are the same with and without the default tag.
fn same_image(asked: &str, known: &str) -> bool {
    let untagged = |name: &'_ str| name.strip_suffix(":latest").unwrap_or(name).to_owned();
    !known.is_empty() && untagged(asked) == untagged(known)
}

/// 32 random bytes in hexadecimal, as Docker's ids are.
fn random_id() -> String {
    let mut bytes = [0_u8; 32];
    // The system's generator does not fail once it has been seeded at boot;
    // were it to, names would clash and be refused.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
