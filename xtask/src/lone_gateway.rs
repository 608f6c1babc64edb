//! A gateway's Worker by itself, for benchmarks and tests of what it does with
//! model calls: no registry, no OpenClaw, and a model server of the caller's.
//!
//! In its container runs a program that does nothing but write down the key for
//! `models.internal`, so that key is one that the Sandbox object issued. A Worker
//! beside it, bound as the container's door is, passes calls on from a port.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use domain::wire::gateway::API_PREFIX;
use domain::wire::init::MODEL_KEY_ENV;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::dev::OPERATOR;
use crate::dev::host::{ContainerSpec, Host, HostSpec, Launch};
use crate::engine::{Bind, Engine, EngineConfig, Image};
use crate::standins::Server;
use crate::standins::access::{Issuer, IssuerConfig, Overrides};

/// What the Worker is called; `xtask/runtime/door/wrangler.toml` binds this name.
const NAME: &str = "gateway-lone";
const IMAGE: &str = "tedix-lone";
const EGRESS_IMAGE: &str = "tedix-egress";
const AUDIENCE: &str = "tedix-lone";
/// The container's program: a shell that leaves the key behind and stays.
const ENTRY: &str = "/opt/lone/entry";
/// Where it leaves the key, in the container.
const KEY_FILE: &str = "/data/model-key";
/// Header that Access puts its token in.
const TOKEN_HEADER: &str = "cf-access-jwt-assertion";
/// Longest wait for the container, on a machine that is busy.
const START: Duration = Duration::from_secs(60);

/// What a lone gateway is made from.
#[derive(Debug, Clone)]
pub struct LoneConfig {
    /// Root of the checkout, with its npm packages.
    pub checkout: PathBuf,
    /// The `node` program.
    pub node: PathBuf,
    /// The finished build of the gateway Worker.
    pub build: PathBuf,
    /// The xtask program, which runs the container; none for the running program.
    pub helper: Option<PathBuf>,
    /// Folder for everything that it keeps; the caller's to remove.
    pub folder: PathBuf,
    /// Folder for its log.
    pub logs: PathBuf,
    /// Origin of the model server, without a slash at the end.
    pub upstream: String,
    /// The key that the model server wants.
    pub upstream_key: String,
    /// `MODELS`, and whatever else the Worker's variables are to be.
    pub vars: BTreeMap<String, String>,
}

/// A running gateway Worker. [`LoneGateway::stop`] it.
#[derive(Debug)]
pub struct LoneGateway {
    /// Its front door.
    pub url: String,
    /// Port of the container's door: `/gateway/openai/v1/…`, and `/bare/openai/v1/…`
    /// for the same through a bare Worker.
    pub door: u16,
    /// The key that calls have to show there.
    pub key: String,
    issuer: Issuer,
    launch: Launch,
    host: Host,
    engine: Engine,
    data: PathBuf,
    _issuer_server: Server,
}

impl LoneGateway {
    /// Starts it and its container.
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
        let engine = Engine::start(EngineConfig {
            socket: folder.join("engine.sock"),
            state_dir: folder.join("containers"),
            image: image(folder)?,
            egress_image: EGRESS_IMAGE.to_owned(),
            isolation: None,
            helper: config.helper.clone(),
        })
        .await?;
        let mut vars = vars(&issuer, &url, &config.upstream);
        vars.extend(config.vars.clone());
        let mut spec = worker(
            config,
            NAME,
            config.checkout.join("gateway-worker"),
            main_port,
        );
        spec.build_dir.clone_from(&config.build);
        spec.vars = vars;
        spec.direct_port = Some(port);
        spec.container = Some(ContainerSpec {
            binding: "SANDBOX".to_owned(),
            image: IMAGE.to_owned(),
            engine: engine.socket_url(),
            egress_image: Some(EGRESS_IMAGE.to_owned()),
        });
        let runtime = config.checkout.join("xtask/runtime");
        let mut door_worker = worker(config, "door", runtime.join("door"), main_port);
        door_worker.direct_port = Some(door);
        let mut bare = worker(
            config,
            "pass-through",
            runtime.join("pass-through"),
            main_port,
        );
        bare.vars = BTreeMap::from([("UPSTREAM".to_owned(), config.upstream.clone())]);
        spec.beside = vec![door_worker, bare];
        let launch = Launch {
            label: "lone gateway".to_owned(),
            node: config.node.clone(),
            script: runtime.join("host.mjs"),
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
            door,
            key: String::new(),
            issuer,
            launch,
            host,
            engine,
            data,
            _issuer_server: issuer_server,
        };
        gateway.key = gateway.start_container().await?;
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

fn image(folder: &Path) -> anyhow::Result<Image> {
    let path = folder.join("entry");
    // The end of the line says that all of the key is there.
    let script =
        format!("#!/bin/sh\necho \"${MODEL_KEY_ENV}\" > \"$KEY_FILE\"\nexec sleep 86400\n");
    std::fs::write(&path, script)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(Image {
        name: IMAGE.to_owned(),
        binds: vec![Bind {
            source: path,
            target: ENTRY.into(),
        }],
        entrypoint: vec![ENTRY.to_owned()],
        env: vec![format!("KEY_FILE={KEY_FILE}")],
        ..Image::default()
    })
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
