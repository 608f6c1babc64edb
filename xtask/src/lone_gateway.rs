//! A gateway's Worker by itself, for benchmarks and tests: no registry, no OpenClaw,
//! and a model server of the caller's.
//!
//! For what it does with model calls there runs in its container a program that does
//! nothing but write down the key for `models.internal`, so that key is one that the
//! Sandbox object issued. A Worker beside it, bound as the container's door is, passes
//! calls on from a port. Anything else may run in the container, and beside the Worker.

mod config;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use domain::wire::gateway::API_PREFIX;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::dev::OPERATOR;
use crate::dev::host::{ContainerSpec, Host, HostSpec, Launch};
use crate::engine::{Engine, EngineConfig};
use crate::standins::Server;
use crate::standins::access::{Issuer, IssuerConfig, Overrides};
pub use config::{Beside, Inside, LoneConfig};
use config::{KEY_FILE, key_image, model_doors};

/// What the Worker is called; `xtask/runtime/door/wrangler.toml` binds this name.
const NAME: &str = "gateway-lone";
const EGRESS_IMAGE: &str = "tedix-egress";
const AUDIENCE: &str = "tedix-lone";
/// Header that Access puts its token in.
const TOKEN_HEADER: &str = "cf-access-jwt-assertion";
/// Longest wait for the container, on a machine that is busy.
const START: Duration = Duration::from_secs(60);

/// A running gateway Worker. [`LoneGateway::stop`] it.
#[derive(Debug)]
pub struct LoneGateway {
    /// Its front door.
    pub url: String,
    /// Port of that.
    pub port: u16,
    /// Port of the first Worker beside it: the container's door, with
    /// `/gateway/openai/v1/…`, and `/bare/openai/v1/…` for the same through a bare Worker.
    pub door: u16,
    /// The key that calls have to show there; empty where nothing leaves one behind.
    pub key: String,
    issuer: Issuer,
    launch: Launch,
    host: Host,
    engine: Engine,
    data: PathBuf,
    _issuer_server: Server,
}

impl LoneGateway {
    /// Starts it, and the container that leaves the key behind; any other one is the
    /// caller's to start.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn start(config: &LoneConfig) -> anyhow::Result<Self> {
        let folder = &config.folder;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        std::fs::create_dir_all(&config.logs)?;
        let [issuer_port, main_port, port, door] = free_ports()?;
        let url = format!("http://localhost:{port}");
        let issuer = Issuer::open(
            &folder.join("keys"),
            IssuerConfig {
                issuer: format!("http://localhost:{issuer_port}"),
                audiences: vec![AUDIENCE.to_owned()],
                return_origins: Vec::new(),
                people: Vec::new(),
            },
        )?;
        let issuer_server = Server::start(issuer_port, issuer.clone().router()).await?;
        let (image, others) = match &config.inside {
            inside @ (Inside::Key | Inside::Program { .. }) => {
                (key_image(folder, inside)?, model_doors(config))
            }
            Inside::Other { image, beside } => (image.clone(), beside.clone()),
        };
        let image_name = image.name.clone();
        let engine = Engine::start(EngineConfig {
            socket: folder.join("engine.sock"),
            state_dir: folder.join("containers"),
            image,
            egress_image: EGRESS_IMAGE.to_owned(),
            isolation: None,
            helper: config.helper.clone(),
        })
        .await?;
        let container = |binding: &str| ContainerSpec {
            binding: binding.to_owned(),
            image: image_name.clone(),
            engine: engine.socket_url(),
            egress_image: Some(EGRESS_IMAGE.to_owned()),
        };
        let mut vars = vars(&issuer, &url, &config.upstream);
        vars.extend(config.vars.clone());
        let place = config.checkout.join("gateway-worker");
        let mut spec = worker(config, NAME, place, main_port);
        spec.build_dir.clone_from(&config.build);
        spec.vars = vars;
        spec.direct_port = Some(port);
        spec.container = Some(container("SANDBOX"));
        spec.browser.clone_from(&config.browser);
        for (at, other) in others.into_iter().enumerate() {
            let mut beside = worker(config, other.name, other.place, main_port);
            beside.vars = other.vars;
            beside.container = other.container.map(container);
            beside.direct_port = (at == 0).then_some(door);
            spec.beside.push(beside);
        }
        let launch = Launch {
            label: "lone gateway".to_owned(),
            node: config.node.clone(),
            script: config.checkout.join("xtask/runtime/host.mjs"),
            spec_file: folder.join("host.json"),
            log: config.logs.join("lone-gateway.log"),
            spec,
            secrets: ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"]
                .map(|name| (name.to_owned(), config.upstream_key.clone()))
                .into(),
        };
        let (events, _) = mpsc::unbounded_channel();
        let host = Host::start(launch.clone(), events).await?;
        let data = folder.join("containers/data");
        let mut gateway = Self {
            url,
            port,
            door,
            key: String::new(),
            issuer,
            launch,
            host,
            engine,
            data,
            _issuer_server: issuer_server,
        };
        if !matches!(config.inside, Inside::Other { .. }) {
            gateway.key = gateway.start_container().await?;
        }
        Ok(gateway)
    }

    /// A token of somebody who may do everything.
    ///
    /// # Errors
    /// When none can be signed.
    pub fn operator_token(&self) -> anyhow::Result<String> {
        self.issuer.mint(OPERATOR, &Overrides::default())
    }

    /// Id of the process that runs the Workers, whose child workerd is.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.host.pid()
    }

    /// Saves the policy with other budgets.
    ///
    /// # Errors
    /// When they are refused.
    pub async fn set_budgets(&self, budgets: Value) -> anyhow::Result<()> {
        let (client, token) = (client()?, self.operator_token()?);
        let url = format!("{}{API_PREFIX}/policy", self.url);
        let asked = client.get(&url).header(TOKEN_HEADER, &token);
        let mut policy: Value = asked.send().await?.error_for_status()?.json().await?;
        let mut document = policy
            .get_mut("document")
            .map(Value::take)
            .unwrap_or_default();
        if let Some(fields) = document.as_object_mut() {
            fields.insert("budgets".to_owned(), budgets);
        }
        let version = policy.get("version").and_then(Value::as_u64).unwrap_or(0);
        let saved = client
            .put(&url)
            .header(TOKEN_HEADER, &token)
            .header("if-match", format!("\"v{version}\""))
            .json(&json!({ "document": document }))
            .send()
            .await?;
        if !saved.status().is_success() {
            bail!("the budgets were refused: {}", saved.text().await?);
        }
        Ok(())
    }

    /// Kills the Workers' processes (`SIGKILL`) and starts them again over what they kept.
    ///
    /// # Errors
    /// When they do not start again.
    pub async fn kill_and_restart(&mut self) -> anyhow::Result<()> {
        self.restart_after(|_| Ok(())).await
    }

    /// The same, with something done to what they kept while they are down.
    ///
    /// # Errors
    /// When that fails, or they do not start again.
    pub async fn restart_after(
        &mut self,
        between: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.host.kill();
        // The files are let go of a moment after.
        sleep(Duration::from_millis(500)).await;
        between(&self.launch.spec.persist_dir)?;
        for file in key_files(&self.data)? {
            // One that is not there was not written yet.
            drop(std::fs::remove_file(file));
        }
        let begun = Instant::now();
        self.host = loop {
            let (events, _) = mpsc::unbounded_channel();
            match Host::start(self.launch.clone(), events).await {
                Ok(host) => break host,
                // The ports are free a moment after the processes have ended.
                Err(error) if begun.elapsed() > START => return Err(error),
                Err(_) => sleep(Duration::from_millis(300)).await,
            }
        };
        // The Sandbox object adopts the container, or starts another with another key.
        while begun.elapsed() < START {
            if let Some(key) = left_key(&self.data)? {
                self.key = key;
                return Ok(());
            }
            if self.is_key_good().await? {
                return Ok(());
            }
            sleep(Duration::from_millis(100)).await;
        }
        bail!(
            "no container runs; the log is {}",
            self.launch.log.display()
        )
    }

    /// Whether the container's door takes the key: then the model is what is wrong.
    async fn is_key_good(&self) -> anyhow::Result<bool> {
        let path = "gateway/openai/v1/chat/completions";
        let answer = client()?
            .post(format!("http://localhost:{}/{path}", self.door))
            .bearer_auth(&self.key)
            .json(&json!({ "model": "there is no such model" }))
            .send()
            .await?;
        Ok(answer.status() == reqwest::StatusCode::NOT_FOUND)
    }

    /// What the container's program has left behind in `/data`, once it has.
    #[must_use]
    pub fn left(&self, name: &str) -> Option<String> {
        let containers = std::fs::read_dir(&self.data).ok()?;
        let paths = containers.flatten().map(|one| one.path().join(name));
        paths.flat_map(std::fs::read_to_string).next()
    }

    /// Stops it.
    pub async fn stop(self) {
        self.host.stop().await;
        self.engine.shutdown(Duration::from_millis(200)).await;
    }

    async fn start_container(&self) -> anyhow::Result<String> {
        let start = client()?
            .post(format!("{}{API_PREFIX}/sandbox/start", self.url))
            .header(TOKEN_HEADER, self.operator_token()?)
            .send()
            .await?;
        if !start.status().is_success() {
            bail!("the container was not started: {}", start.text().await?);
        }
        let begun = Instant::now();
        while begun.elapsed() < START {
            if let Some(key) = left_key(&self.data)? {
                return Ok(key);
            }
            sleep(Duration::from_millis(50)).await;
        }
        let log = self.launch.log.display();
        bail!("the container did not start; the log is {log}")
    }
}

fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().build()?)
}

/// Where containers leave the key.
fn key_files(data: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let Ok(containers) = std::fs::read_dir(data) else {
        return Ok(Vec::new());
    };
    let name = KEY_FILE.trim_start_matches("/data/");
    let files = containers.map(|container| Ok(container?.path().join(name)));
    files.collect()
}

/// The key, once the container has left it behind.
fn left_key(data: &Path) -> anyhow::Result<Option<String>> {
    let texts = key_files(data)?.into_iter().map(std::fs::read_to_string);
    let whole = |text: String| text.strip_suffix('\n').map(str::to_owned);
    Ok(texts.flatten().find_map(whole))
}

fn worker(config: &LoneConfig, name: &str, place: PathBuf, port: u16) -> HostSpec {
    HostSpec {
        name: name.to_owned(),
        config: place.join("wrangler.toml"),
        cache_dir: None,
        packages_dir: config.checkout.clone(),
        build_dir: place,
        main: "index.js".to_owned(),
        vars: BTreeMap::new(),
        assets_dir: None,
        container: None,
        browser: None,
        port,
        direct_port: None,
        beside: Vec::new(),
        persist_dir: config.folder.join("data"),
        tmp_dir: config.folder.join("tmp"),
    }
}

fn vars(issuer: &Issuer, url: &str, upstream: &str) -> BTreeMap<String, String> {
    [
        ("GATEWAY_NAME", "lone".to_owned()),
        ("PUBLIC_URL", url.to_owned()),
        ("ADMIN_ORIGIN", url.to_owned()),
        ("ACCESS_ISSUER", issuer.config().issuer.clone()),
        ("ACCESS_AUDIENCE", AUDIENCE.to_owned()),
        ("BOOTSTRAP_ADMINS", OPERATOR.to_owned()),
        ("OPENAI_BASE_URL", format!("{upstream}/openai/v1")),
        ("ANTHROPIC_BASE_URL", format!("{upstream}/anthropic")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Ports that nobody listens on now.
fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}
