//! The stack, started the way a user starts it: `xtask dev`.

mod process;
mod ready;
mod stand_in;

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;

pub use process::DevProcess;
pub use ready::{Ready, ReadyGateway};
pub use stand_in::BROKEN_VERSION;

use crate::client::{Api, Credential, Gateway, Registry, sign_in};
use crate::environment::Environment;
use crate::forge::Forge;
use crate::machine::{Container, Process, Traces, descendants};

/// Name of the gateway whose policy the tests leave as it is.
pub const PERSONAL: &str = "personal";
/// Name of the gateway whose policy the tests tighten.
pub const COMPANY: &str = "company";

/// Long enough to stop everything, OpenClaw's own drain included.
const STOP: Duration = Duration::from_secs(90);

/// A running stack.
#[derive(Debug)]
pub struct Stack {
    /// The `xtask dev` that runs it.
    pub process: DevProcess,
    /// What it said when it was ready.
    pub ready: Ready,
    state: PathBuf,
    operator_token: RwLock<String>,
}

/// The folder that a stack keeps its state in, and how it is started.
#[derive(Debug)]
pub struct Site {
    environment: Environment,
    folder: TempDir,
    starts: u32,
}

impl Site {
    /// A new one, empty.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn new(environment: &Environment) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("tedix-e2e-")
            .tempdir()
            .context("no folder for the stack's state")?;
        Ok(Self {
            environment: environment.clone(),
            folder,
            starts: 0,
        })
    }

    /// The state folder.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Starts the stack and waits until it says that it is ready.
    ///
    /// # Errors
    /// When it ends before, or takes for ever: with the end of its log.
    pub async fn start(&mut self) -> anyhow::Result<Stack> {
        self.starts += 1;
        let ready_file = self
            .folder
            .path()
            .join(format!("ready-{}.json", self.starts));
        let log = self
            .environment
            .logs
            .join(format!("e2e-dev-{}.log", self.starts));
        let broken = stand_in::broken_version(self.folder.path())?;
        let mut process =
            DevProcess::spawn(&self.environment, &self.state(), &ready_file, log, &broken).await?;
        let ready = process.ready(&ready_file).await?;
        let registry = Registry {
            door: Api::new(&ready.registry.url)?,
        };
        let problem = registry
            .get("me")
            .send()
            .await?
            .problem(401, "unauthenticated")?;
        let url = problem
            .sign_in_url
            .context("a 401 of the registry names no sign-in address")?;
        let signed_in = sign_in(&url, &ready.operator).await?;
        ensure!(
            signed_in.location.starts_with(&ready.registry.url),
            "signing in leads to {} and not back to the registry",
            signed_in.location
        );
        Ok(Stack {
            process,
            ready,
            state: self.state(),
            operator_token: RwLock::new(signed_in.token),
        })
    }
}

impl Stack {
    /// The registry, for the operator.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn registry(&self) -> anyhow::Result<Registry> {
        Ok(Registry {
            door: Api::new(&self.ready.registry.url)?.with(self.operator()),
        })
    }

    /// A gateway, for the operator.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn gateway(&self, name: &str) -> anyhow::Result<Gateway> {
        let ready = self.ready_gateway(name)?;
        Ok(Gateway {
            door: Api::new(&ready.url)?.with(self.operator()),
        })
    }

    /// What was said of a gateway.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn ready_gateway(&self, name: &str) -> anyhow::Result<&ReadyGateway> {
        let mut gateways = self.ready.gateways.iter();
        gateways
            .find(|gateway| gateway.name == name)
            .with_context(|| format!("no gateway {name}"))
    }

    /// The operator's credential, as Access puts it on a request.
    #[must_use]
    pub fn operator(&self) -> Credential {
        Credential::AccessHeader(self.operator_token())
    }

    /// The operator's token.
    #[must_use]
    pub fn operator_token(&self) -> String {
        self.operator_token
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Gives the operator a new token, for when the issuer's keys were replaced.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub fn sign_in_again(&self) -> anyhow::Result<()> {
        let token = self.forge()?.genuine(&self.ready.operator)?;
        *self
            .operator_token
            .write()
            .unwrap_or_else(PoisonError::into_inner) = token;
        Ok(())
    }

    /// Signs anything with the issuer's keys.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub fn forge(&self) -> anyhow::Result<Forge> {
        Forge::open(&self.ready)
    }

    /// The folder with its state.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The container of a gateway.
    ///
    /// # Errors
    /// When there is not exactly one.
    pub fn container(&self, name: &str) -> anyhow::Result<Container> {
        Container::of(self.process.pid(), &self.ready_gateway(name)?.url)
    }

    /// The processes that run the registry: Miniflare and workerd.
    #[must_use]
    pub fn registry_processes(&self) -> Vec<Process> {
        descendants(self.ready.registry.pid)
    }

    /// What it has on the machine now.
    ///
    /// # Errors
    /// When it is not isolated from the machine, so that the tests could show nothing.
    pub fn traces(&self) -> anyhow::Result<Traces> {
        let workers = std::iter::once(&self.ready.registry.url);
        let workers = workers.chain(self.ready.gateways.iter().map(|gateway| &gateway.url));
        let urls = workers.chain([&self.ready.issuer.url, &self.ready.model.url]);
        let ports = urls
            .filter_map(|url| url::Url::parse(url).ok()?.port())
            .collect::<Vec<_>>();
        let traces = Traces::of(self.process.pid(), &self.state, &ports);
        let (processes, namespaces) = traces.counts();
        ensure!(
            ports.len() >= 5 && processes >= 10 && namespaces >= 2,
            "a stack of {processes} processes, {namespaces} namespaces and ports {ports:?}"
        );
        Ok(traces)
    }

    /// Ends it as Ctrl-C does and waits until it is gone.
    ///
    /// # Errors
    /// When it does not end, or ends with a failure.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.process.interrupt()?;
        let status = self.process.ended(STOP).await?;
        ensure!(
            status.success(),
            "Ctrl-C ended it with {status}\n{}",
            self.process.log_tail()
        );
        Ok(())
    }
}
