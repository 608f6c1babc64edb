//! The embedded container engine.
//!
//! workerd runs a Durable Object's container by asking a Docker engine over a
//! unix socket. This is an engine that answers just those calls, for machines
//! without Docker: containers are processes in namespaces of their own, and the
//! sidecar through which workerd reaches into a container, and answers what
//! comes out of it, is part of the engine. docs/engine.md tells the whole story.
//!
//! Out of scope: images (one is given at the start), volumes, real networks,
//! resource limits, TLS interception.

mod api;
mod container;
mod control;
pub mod docker;
mod egress;
mod exec;
mod head;
mod ingress;
pub mod internal;
mod leaks;
mod logs;
mod network;
mod plain;
mod probe;
mod process;
mod proxy;
mod registry;
mod signal;
mod spec;

use std::io::{Error, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

pub use leaks::{Leak, leaks};
pub use spec::{Bind, Isolation};

use process::Helpers;
use registry::Registry;

/// Open files that suffice for thousands of tunnels.
const DESCRIPTORS: u64 = 65_536;

/// How long helpers may take to end once the engine has let go of them.
const HELPERS_END: Duration = Duration::from_secs(5);

/// What an engine needs to know.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Where to listen for workerd; at most 107 bytes long.
    pub socket: PathBuf,
    /// Data, logs and instances of the containers; made when missing. One
    /// engine at a time may use it.
    pub state_dir: PathBuf,
    /// The one image there is.
    pub image: Image,
    /// The name by which workerd asks for its egress sidecar.
    pub egress_image: String,
    /// How to isolate containers; `None` for the best the machine allows.
    pub isolation: Option<Isolation>,
    /// The xtask binary; `None` for the running program, which must then hand
    /// `internal` over to [`internal::main`].
    pub helper: Option<PathBuf>,
}

/// What containers are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The name Durable Objects start it by.
    pub name: String,
    /// Its files, shown read-only on top of the machine's programs.
    pub binds: Vec<Bind>,
    /// Always comes first in the command.
    pub entrypoint: Vec<String>,
    /// What follows when the Durable Object gives no command.
    pub cmd: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Where the program starts; absolute.
    pub workdir: PathBuf,
    /// Folders of /data that outlive a container: caches that a real image brings.
    pub caches: Vec<String>,
}

impl Default for Image {
    fn default() -> Self {
        Self {
            name: String::new(),
            binds: Vec::new(),
            entrypoint: Vec::new(),
            cmd: Vec::new(),
            env: Vec::new(),
            workdir: PathBuf::from("/"),
            caches: Vec::new(),
        }
    }
}

impl EngineConfig {
    fn data_dir(&self, key: &str) -> PathBuf {
        self.state_dir.join("data").join(file_name(key))
    }

    /// Where the output of a container goes.
    fn log_file(&self, key: &str) -> PathBuf {
        let name = format!("{}.log", file_name(key));
        self.state_dir.join("logs").join(name)
    }
}

/// A container's name as a file name; Docker allows nothing else in names.
fn file_name(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = key.chars().filter(|c| plain(*c)).collect();
    name.trim_start_matches('.').to_owned()
}

/// A running engine.
#[derive(Debug)]
pub struct Engine {
    registry: Arc<Registry>,
    server: JoinHandle<()>,
    warnings: Vec<String>,
    /// Held while the engine runs, so that no other uses the same directory.
    _lock: std::fs::File,
}

impl Engine {
    /// Starts answering on the socket.
    ///
    /// # Errors
    /// When another engine uses the state directory, the socket cannot be
    /// made, or the isolation asked for is not to be had.
    pub async fn start(config: EngineConfig) -> Result<Self> {
        let state = &config.state_dir;
        for folder in ["data", "logs", "instances"] {
            let path = state.join(folder);
            std::fs::create_dir_all(&path)
                .with_context(|| format!("cannot make {}", path.display()))?;
        }
        std::fs::set_permissions(state, std::fs::Permissions::from_mode(0o700))?;
        let state_dir = state.canonicalize()?;
        let config = EngineConfig {
            state_dir,
            ..config
        };
        let lock = lock(&config.state_dir)?;
        clear_instances(&config.state_dir)?;

        let program = config.helper.clone();
        let helpers = Helpers::new(
            program.unwrap_or_else(|| "/proc/self/exe".into()),
            config.state_dir.clone().into_os_string(),
        );
        raise_descriptor_limit();
        let (isolation, warnings) = probe::choose(&config, &helpers).await?;

        let listener = listen(&config.socket)?;
        let registry = Arc::new(Registry::new(config, helpers, isolation));
        let server = tokio::spawn(api::serve(listener, Arc::clone(&registry)));
        Ok(Self {
            registry,
            server,
            warnings,
            _lock: lock,
        })
    }

    /// How containers are isolated on this machine.
    pub fn isolation(&self) -> Isolation {
        self.registry.isolation
    }

    /// What the person at the terminal should know about the isolation.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Where the engine listens, as workerd and Miniflare want it.
    pub fn socket_url(&self) -> String {
        format!("unix://{}", self.registry.config.socket.display())
    }

    /// Where the output of a container goes, given its Durable Object's part
    /// of the name (`<worker>-<class>-<object id>`).
    pub fn log_file(&self, key: &str) -> PathBuf {
        self.registry.config.log_file(key)
    }

    /// Ends every container and the engine: SIGTERM first, SIGKILL for those
    /// that have not ended after `grace`.
    pub async fn shutdown(self, grace: Duration) {
        self.server.abort();
        // Only tells whether it was aborted, which it was.
        let _ = self.server.await;
        self.registry.shutdown(grace).await;
        let ended = self.registry.helpers.all_ended();
        if tokio::time::timeout(HELPERS_END, ended).await.is_err() {
            for leak in leaks(&self.registry.config.state_dir) {
                eprintln!("engine: {leak}");
            }
        }
        let _ = std::fs::remove_file(&self.registry.config.socket);
    }
}

/// Forgets what containers have written, as `--fresh` asks.
///
/// # Errors
/// When an engine runs on this directory, or it cannot be removed.
pub fn wipe(state_dir: &Path) -> Result<()> {
    if !state_dir.exists() {
        return Ok(());
    }
    let _lock = lock(state_dir)?;
    std::fs::remove_dir_all(state_dir)
        .with_context(|| format!("cannot remove {}", state_dir.display()))
}

fn lock(state_dir: &Path) -> Result<std::fs::File> {
    let path = state_dir.join("lock");
    let file =
        std::fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::new(
            ErrorKind::AddrInUse,
            format!(
                "another container engine runs on {}; stop it, or choose another state directory",
                state_dir.display()
            ),
        )
        .into()),
        Err(error) => Err(error).context("cannot lock the state directory"),
    }
}

/// Every tunnel takes two descriptors here, and a shell's usual 1024 would
/// bound the requests that can be under way.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit
        .maximum
        .map_or(DESCRIPTORS, |most| most.min(DESCRIPTORS));
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        // Up to the maximum anybody may; else it stays as it is.
        let _ = setrlimit(Resource::Nofile, raised);
    }
}

/// Removes what an engine that was killed has left. Its mounts went with it.
fn clear_instances(state_dir: &Path) -> Result<()> {
    for entry in std::fs::read_dir(state_dir.join("instances"))? {
        let path = entry?.path();
        std::fs::remove_dir_all(&path)
            .with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

fn listen(socket: &Path) -> Result<UnixListener> {
    // The lock says that whoever made it is gone.
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).context(format!("cannot remove {}", socket.display()));
        }
        _ => {}
    }
    let listener = UnixListener::bind(socket)
        .with_context(|| format!("cannot listen on {}", socket.display()))?;
    // Whoever reaches it may run programs.
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
