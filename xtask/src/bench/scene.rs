//! Both sides, ready to be measured: the gateway and a bare Worker in one
//! workerd, each with a container of the same image in the same engine.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::load::{Target, answers};
use super::upstream::SUBCOMMAND;
use crate::build::Artifacts;
use crate::dev::OPERATOR;
use crate::dev::host::{ContainerSpec, Host, HostSpec, Launch};
use crate::engine::{Bind, Engine, EngineConfig, Image};
use crate::secrets;
use crate::standins::Server;
use crate::standins::access::{Issuer, IssuerConfig, Overrides};
use crate::tools::Tools;

const IMAGE: &str = "tedix-bench";
const EGRESS_IMAGE: &str = "tedix-egress";
const AUDIENCE: &str = "tedix-bench";
/// Both containers start in well under a second; tedix-init's first look takes longer.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// Runs what the image is asked for: tedix-init with the gateway's credentials,
/// the upstream alone without them.
const ENTRY: &str = "#!/bin/sh\n\
    if [ -n \"$TEDIX_INIT_CREDENTIAL\" ]; then exec /usr/local/bin/tedix-init; fi\n\
    exec /opt/node/bin/node\n";

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Scene {
    /// The gateway's front door, with somebody's token.
    pub(super) gateway: Target,
    /// The bare Worker.
    pub(super) bare: Target,
    /// Version of workerd.
    pub(super) workerd: String,
    host: Host,
    engine: Engine,
    _issuer: Server,
    folder: Folder,
}

/// A folder that goes with its owner.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// A new one among the temporary files.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn temporary(name: &str) -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("tedix-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl Scene {
    /// Starts it all and waits until both sides answer.
    ///
    /// # Errors
    /// When a part does not start.
    pub(super) async fn start(tools: &Tools, artifacts: &Artifacts) -> anyhow::Result<Self> {
        let folder = Folder::temporary("bench")?;
        let root = folder.path();
        let [issuer_port, main_port, gateway_port, bare_port] = free_ports()?;
        let url = format!("http://localhost:{gateway_port}");
        let issuer = Issuer::open(
            &root.join("keys"),
            IssuerConfig {
                issuer: format!("http://localhost:{issuer_port}"),
                audiences: vec![AUDIENCE.to_owned()],
                return_origins: Vec::new(),
                people: Vec::new(),
            },
        )?;
        let token = issuer.mint(OPERATOR, &Overrides::default())?;
        let vars = gateway_vars(&issuer, &url);
        let server = Server::start(issuer_port, issuer.router()).await?;
        let engine = Engine::start(EngineConfig {
            socket: root.join("engine.sock"),
            state_dir: root.join("containers"),
            image: image(root, artifacts)?,
            egress_image: EGRESS_IMAGE.to_owned(),
            isolation: None,
            helper: None,
        })
        .await?;
        let container = |binding: &str| ContainerSpec {
            binding: binding.to_owned(),
            image: IMAGE.to_owned(),
            engine: engine.socket_url(),
            egress_image: Some(EGRESS_IMAGE.to_owned()),
        };
        let checkout = &tools.checkout;
        let spec =
            |name: &str, config: PathBuf, build_dir: PathBuf, binding: &str, port| HostSpec {
                name: name.to_owned(),
                config,
                cache_dir: None,
                packages_dir: checkout.root().to_owned(),
                build_dir,
                main: "index.js".to_owned(),
                vars: BTreeMap::new(),
                assets_dir: None,
                container: Some(container(binding)),
                port: main_port,
                direct_port: Some(port),
                beside: Vec::new(),
                persist_dir: root.join("data"),
                tmp_dir: root.join("tmp"),
            };
        let bare = checkout.join("xtask/src/bench/bare");
        let bare = spec("bare", bare.join("wrangler.toml"), bare, "BARE", bare_port);
        let config = checkout.join("gateway-worker/wrangler.toml");
        let build = artifacts.gateway_worker.clone();
        let gateway = spec("gateway-bench", config, build, "SANDBOX", gateway_port);
        let launch = Launch {
            label: "benchmark".to_owned(),
            node: tools.node.node.clone(),
            script: checkout.join("xtask/runtime/host.mjs"),
            spec_file: root.join("host.json"),
            log: checkout.logs().join("bench-workers.log"),
            spec: HostSpec {
                vars,
                beside: vec![bare],
                ..gateway
            },
            secrets: BTreeMap::from([("OPENAI_API_KEY".to_owned(), secrets::random()?)]),
        };
        let (events, _) = mpsc::unbounded_channel();
        let host = Host::start(launch, events).await?;
        let scene = Self {
            gateway: Target {
                port: gateway_port,
                token: Some(token),
            },
            bare: Target {
                port: bare_port,
                token: None,
            },
            workerd: workerd_version(&tools.node.modules)?,
            host,
            engine,
            _issuer: server,
            folder,
        };
        for (side, target) in [("bare Worker", &scene.bare), ("gateway", &scene.gateway)] {
            let begun = Instant::now();
            // The first requests start the containers.
            while !answers(target).await {
                if begun.elapsed() > READY_LIMIT {
                    let log = checkout.logs().join("bench-workers.log");
                    bail!(
                        "the {side} does not pass requests on; its log is {}",
                        log.display()
                    );
                }
                sleep(Duration::from_millis(200)).await;
            }
        }
        Ok(scene)
    }

    /// Stops it all.
    pub(super) async fn stop(self) {
        self.host.stop().await;
        self.engine.shutdown(Duration::from_secs(2)).await;
        drop(self.folder);
    }
}

fn gateway_vars(issuer: &Issuer, url: &str) -> BTreeMap<String, String> {
    let model = json!([{
        "provider": "openai", "id": "none", "context_tokens": 128_000,
        "max_output_tokens": 8_192, "stand_in": true,
    }]);
    [
        ("GATEWAY_NAME", "bench".to_owned()),
        ("PUBLIC_URL", url.to_owned()),
        ("ADMIN_ORIGIN", url.to_owned()),
        ("ACCESS_ISSUER", issuer.config().issuer.clone()),
        ("ACCESS_AUDIENCE", AUDIENCE.to_owned()),
        ("BOOTSTRAP_ADMINS", OPERATOR.to_owned()),
        ("OPENAI_BASE_URL", issuer.config().issuer.clone()),
        ("MODELS", model.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The same image for both sides: this program stands where OpenClaw would.
fn image(root: &Path, artifacts: &Artifacts) -> anyhow::Result<Image> {
    let script = |name: &str, text: &str| {
        let path = root.join(name);
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        anyhow::Ok(path)
    };
    let upstream = format!("#!/bin/sh\nexec /opt/bench/xtask {SUBCOMMAND} \"$@\"\n");
    // A copy: a build that runs meanwhile may replace this program's file.
    let program = root.join("xtask");
    std::fs::copy("/proc/self/exe", &program).context("this program cannot be copied")?;
    let bind = |source: PathBuf, target: &str| Bind {
        source,
        target: target.into(),
    };
    Ok(Image {
        name: IMAGE.to_owned(),
        binds: vec![
            bind(script("node", &upstream)?, "/opt/node/bin/node"),
            bind(script("entry", ENTRY)?, "/opt/bench/entry"),
            bind(program, "/opt/bench/xtask"),
            bind(artifacts.tedix_init.clone(), "/usr/local/bin/tedix-init"),
        ],
        entrypoint: vec!["/opt/bench/entry".to_owned()],
        ..Image::default()
    })
}

fn workerd_version(modules: &Path) -> anyhow::Result<String> {
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(modules.join("workerd/package.json"))?)?;
    Ok(manifest
        .get("version")
        .and_then(Value::as_str)
        .unwrap_or("unknown")
        .to_owned())
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
