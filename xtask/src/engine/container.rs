//! One container as the API sees it, from create to remove.

use std::collections::BTreeMap;
use std::io::Result;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::process::Signal;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{Mutex, watch};
use tokio::task::AbortHandle;

use super::egress::Egress;
use super::ingress::{self, Ingress};
use super::logs::Log;
use super::network::Network;
use super::plain;
use super::process::{Helpers, Program, StartError};
use super::spec::{ContainerSpec, DEFAULT_PATH, Isolation, Task};
use super::{EngineConfig, Image};

/// The label by which Miniflare knows the containers of one of its runs.
const SESSION_LABEL: &str = "dev.workerd.session";

/// How long the rest of a container's output may take once it has ended.
const LOG_END: Duration = Duration::from_secs(1);

/// Home of the user a container's program starts as.
const ROOT_HOME: &str = "/root";

/// Body of `POST /containers/create`, as far as it matters here.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct CreateRequest {
    pub image: String,
    pub cmd: Option<Vec<String>>,
    pub env: Option<Vec<String>>,
    pub labels: Option<BTreeMap<String, String>>,
    pub working_dir: Option<PathBuf>,
    pub host_config: HostConfig,
}

/// Its `HostConfig`. Restart policies are not followed: the platform that is
/// stood in for does not restart containers either, the Durable Object does.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct HostConfig {
    pub network_mode: String,
}

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Created,
    Running { pid: u32 },
    Exited { code: i32 },
    Removed { code: i32 },
}

impl Status {
    pub(crate) fn is_running(self) -> bool {
        matches!(self, Self::Running { .. })
    }

    pub(crate) fn exit_code(self) -> i32 {
        match self {
            Self::Created | Self::Running { .. } => 0,
            Self::Exited { code } | Self::Removed { code } => code,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running { .. } => "running",
            Self::Exited { .. } | Self::Removed { .. } => "exited",
        }
    }
}

/// What runs in a container.
#[derive(Debug)]
enum Running {
    Nothing,
    Sidecar(Sidecar),
    Program(Arc<Program>),
}

/// What a container has from the sidecar that holds its network.
#[derive(Debug)]
struct Surroundings {
    hostname: String,
    /// Variables that lead HTTP clients out, where there are no namespaces.
    proxy: Option<Vec<String>>,
}

/// The network of an app container: workerd takes it for a container of its own.
#[derive(Debug)]
struct Sidecar {
    ingress: Arc<Ingress>,
    port: u16,
    server: AbortHandle,
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A container, or the sidecar that holds another one's network.
#[derive(Debug)]
pub(crate) struct Container {
    pub id: String,
    pub name: String,
    pub request: CreateRequest,
    /// `None` for a sidecar.
    image: Option<Image>,
    /// This instance's own files; gone when it is removed.
    folder: PathBuf,
    /// Known once it has started on a shared network.
    surroundings: OnceLock<Surroundings>,
    running: Mutex<Running>,
    status: watch::Sender<Status>,
}

/// Why a container could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartRefusal {
    #[error("it runs already")]
    AlreadyRunning,
    #[error("{0}")]
    Failed(#[from] StartError),
}

impl From<std::io::Error> for StartRefusal {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl Container {
    pub(crate) fn new(
        id: String,
        name: String,
        request: CreateRequest,
        image: Option<Image>,
        state_dir: &Path,
    ) -> Self {
        Self {
            folder: state_dir.join("instances").join(&id),
            id,
            name,
            request,
            image,
            surroundings: OnceLock::new(),
            running: Mutex::new(Running::Nothing),
            status: watch::Sender::new(Status::Created),
        }
    }

    /// Host name in the container: the short id of its network, as Docker has it.
    fn hostname(&self) -> String {
        match self.surroundings.get() {
            Some(surroundings) => surroundings.hostname.clone(),
            None => self.id.chars().take(12).collect(),
        }
    }

    /// Follows the container's life.
    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// What identifies its data: its name, without the part that Miniflare
    /// changes with every run. `None` for a sidecar.
    pub(crate) fn data_key(&self) -> Option<&str> {
        self.image.as_ref()?;
        let labels = self.request.labels.as_ref();
        let session = labels.and_then(|labels| labels.get(SESSION_LABEL));
        let stable = session.and_then(|session| {
            self.name
                .strip_prefix("workerd-")?
                .strip_prefix(session.as_str())?
                .strip_prefix('-')
        });
        Some(stable.unwrap_or(&self.name))
    }

    /// The port on this machine that leads to a sidecar.
    pub(crate) async fn ingress_port(&self) -> Option<u16> {
        match &*self.running.lock().await {
            Running::Sidecar(sidecar) => Some(sidecar.port),
            Running::Nothing | Running::Program(_) => None,
        }
    }

    /// A sidecar's network and way out, for the container that shares them.
    pub(crate) async fn shared_network(&self) -> Option<Arc<Ingress>> {
        match &*self.running.lock().await {
            Running::Sidecar(sidecar) => Some(Arc::clone(&sidecar.ingress)),
            Running::Nothing | Running::Program(_) => None,
        }
    }

    /// The running program of an app container.
    pub(crate) async fn program(&self) -> Option<Arc<Program>> {
        match &*self.running.lock().await {
            Running::Program(program) if self.status.borrow().is_running() => {
                Some(Arc::clone(program))
            }
            Running::Program(_) | Running::Nothing | Running::Sidecar(_) => None,
        }
    }

    /// Starts a sidecar: makes the network and listens for workerd.
    pub(crate) async fn start_sidecar(
        &self,
        helpers: &Helpers,
        isolation: Isolation,
    ) -> std::result::Result<(), StartRefusal> {
        let mut running = self.running.lock().await;
        if self.status.borrow().is_running() {
            return Err(StartRefusal::AlreadyRunning);
        }
        std::fs::create_dir_all(&self.folder)?;
        let network = Network::create(helpers, isolation).await?;
        let hosts_file = self.folder.join("hosts");
        let egress = Egress::new(network.clone(), hosts_file, self.hostname()).await?;
        let ingress = Arc::new(Ingress {
            network,
            egress: Arc::new(egress),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let server = tokio::spawn(ingress::serve(listener, Arc::clone(&ingress))).abort_handle();
        *running = Running::Sidecar(Sidecar {
            ingress,
            port,
            server,
        });
        self.status.send_replace(Status::Running { pid: 0 });
        Ok(())
    }

    /// Starts the image's program on a network that a sidecar holds.
    pub(crate) async fn start_program(
        self: &Arc<Self>,
        config: &EngineConfig,
        helpers: &Helpers,
        isolation: Isolation,
        shared: &Ingress,
    ) -> std::result::Result<(), StartRefusal> {
        let mut running = self.running.lock().await;
        if self.status.borrow().is_running() {
            return Err(StartRefusal::AlreadyRunning);
        }
        let key = self.data_key().unwrap_or(&self.name);
        let spec = self.spec(config, isolation, shared, key)?;
        let (reader, writer) = std::io::pipe()?;
        let writer = OwnedFd::from(writer);
        let mut descriptors = vec![writer.as_fd(), writer.as_fd()];
        descriptors.extend(shared.network.holder());
        let log = Log::open(&config.log_file(key))?;
        let program = helpers
            .run(&Task::RunContainer(spec), &descriptors)
            .await
            .inspect_err(|_| self.remove_files())?;
        let output = tokio::spawn(log.copy_from(Receiver::from_owned_fd(reader.into())?));

        let program = Arc::new(program);
        *running = Running::Program(Arc::clone(&program));
        self.status
            .send_replace(Status::Running { pid: program.pid });
        let container = Arc::clone(self);
        tokio::spawn(async move {
            let code = program.exit_code().await;
            // Who waits for the end finds the whole log.
            let _ = tokio::time::timeout(LOG_END, output).await;
            container.status.send_replace(Status::Exited { code });
        });
        Ok(())
    }

    fn spec(
        &self,
        config: &EngineConfig,
        isolation: Isolation,
        shared: &Ingress,
        key: &str,
    ) -> Result<ContainerSpec> {
        let image = self.image.clone().unwrap_or_default();
        let staging = self.staging();
        std::fs::create_dir_all(&staging)?;
        let data = config.data_dir(key);
        empty(&data, &image.caches)?;
        let surroundings = self.surroundings.get_or_init(|| Surroundings {
            hostname: shared.egress.hostname().to_owned(),
            proxy: shared.egress.proxy_port().map(plain::proxy_variables),
        });
        let hostname = surroundings.hostname.clone();
        let mut argv = image.entrypoint;
        match &self.request.cmd {
            Some(cmd) if !cmd.is_empty() => argv.extend(cmd.iter().cloned()),
            _ => argv.extend(image.cmd),
        }
        let mut env = self.environment(ROOT_HOME, &[]);
        if isolation == Isolation::None {
            plain::gather(&staging, &image.binds, &data)?;
            argv = argv
                .iter()
                .map(|word| plain::moved(&staging, word))
                .collect();
            env = plain::moved_values(&staging, &env);
        }
        Ok(ContainerSpec {
            isolation,
            staging,
            hosts_file: shared.egress.hosts_file().to_owned(),
            data,
            binds: image.binds,
            argv,
            env,
            workdir: self
                .request
                .working_dir
                .clone()
                .filter(|path| path.is_absolute())
                .unwrap_or(image.workdir),
            hostname,
        })
    }

    /// Where the image's places are gathered when there are no namespaces.
    pub(crate) fn staging(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// The environment of a program in the container.
    pub(crate) fn environment(&self, home: &str, extra: &[String]) -> Vec<String> {
        let image = self.image.as_ref().map_or(&[][..], |image| &image.env);
        let request = self.request.env.as_deref().unwrap_or_default();
        let surroundings = self.surroundings.get();
        let proxy = surroundings.and_then(|surroundings| surroundings.proxy.as_deref());
        let layers = [proxy.unwrap_or_default(), image, request, extra];
        environment(&self.hostname(), home, layers)
    }

    /// The directory an additional program starts in.
    pub(crate) fn workdir(&self) -> PathBuf {
        self.request
            .working_dir
            .clone()
            .filter(|path| path.is_absolute())
            .or_else(|| self.image.as_ref().map(|image| image.workdir.clone()))
            .unwrap_or_else(|| PathBuf::from("/"))
    }

    /// Kills what runs, waits for its end and forgets its files.
    pub(crate) async fn remove(&self) {
        let running = std::mem::replace(&mut *self.running.lock().await, Running::Nothing);
        let code = match running {
            Running::Program(program) => {
                // Fails only when it has just ended by itself.
                let _ = program.signal(Signal::KILL);
                let mut status = self.status();
                // INVARIANT: the sender lives in self, so this cannot fail.
                let ended = status.wait_for(|status| !status.is_running()).await;
                ended.map_or(0, |status| status.exit_code())
            }
            Running::Sidecar(_) | Running::Nothing => self.status.borrow().exit_code(),
        };
        self.remove_files();
        self.status.send_replace(Status::Removed { code });
    }

    fn remove_files(&self) {
        // The next start of the engine clears what this leaves behind.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Docker's own variables, then the given ones; a later one wins.
fn environment<'a>(
    hostname: &str,
    home: &str,
    layers: impl IntoIterator<Item = &'a [String]>,
) -> Vec<String> {
    let mut variables: BTreeMap<String, String> = [
        ("PATH", DEFAULT_PATH),
        ("HOME", home),
        ("HOSTNAME", hostname),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    for line in layers.into_iter().flatten() {
        if let Some((name, value)) = line.split_once('=') {
            variables.insert(name.to_owned(), value.to_owned());
        }
    }
    variables
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

/// Makes a folder that holds nothing but those of `kept` that were there: the disk of a
/// container is new at each start.
fn empty(folder: &Path, kept: &[String]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if kept.iter().any(|name| entry.file_name() == name.as_str()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Container, CreateRequest, SESSION_LABEL, environment};
    use crate::engine::Image;
    use std::path::Path;

    fn container(name: &str, session: Option<&str>) -> Container {
        let labels = session.map(|session| [(SESSION_LABEL.to_owned(), session.to_owned())].into());
        let request = CreateRequest {
            labels,
            ..CreateRequest::default()
        };
        let image = Some(Image::default());
        Container::new(
            "0123456789abcdef".into(),
            name.into(),
            request,
            image,
            Path::new("/s"),
        )
    }

    #[test]
    fn data_follows_the_object_and_not_the_session() {
        let key = |name, session| container(name, session).data_key().map(str::to_owned);
        let expected = Some("gw-Sandbox-ab12".to_owned());
        assert_eq!(key("workerd-5e55-gw-Sandbox-ab12", Some("5e55")), expected);
        assert_eq!(
            key("workerd-0ther-gw-Sandbox-ab12", Some("0ther")),
            expected
        );
        assert_eq!(key("gw-Sandbox-ab12", Some("5e55")), expected);
        assert_eq!(key("gw-Sandbox-ab12", None), expected);
    }

    #[test]
    fn later_variables_win_over_earlier_ones() {
        let image = ["A=1".to_owned(), "B=x=y".to_owned()];
        let request = ["A=2".to_owned(), "HOME=/home/openclaw".to_owned()];
        let env = environment("abc", "/root", [&image[..], &request[..]]);
        let expected = [
            "A=2",
            "B=x=y",
            "HOME=/home/openclaw",
            "HOSTNAME=abc",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ];
        assert_eq!(env, expected);
    }
}
