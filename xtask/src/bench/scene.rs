//! Both sides, ready to be measured: the gateway and a bare Worker in one
//! workerd, each with a container of the same image in the same engine.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::load::{Target, answers};
use super::process::Process;
use super::upstream::SUBCOMMAND;
use crate::build::Artifacts;
use crate::engine::{Bind, Image};
use crate::lone_gateway::{Beside, Inside, LoneConfig, LoneGateway};
use crate::secrets;
use crate::tools::Tools;

const IMAGE: &str = "tedix-bench";
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
    lone: LoneGateway,
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
        let checkout = &tools.checkout;
        let bare = Beside {
            name: "bare",
            place: checkout.join("xtask/src/bench/bare"),
            vars: BTreeMap::new(),
            container: Some("BARE"),
        };
        let lone = LoneGateway::start(&LoneConfig {
            checkout: checkout.root().to_owned(),
            node: tools.node.node.clone(),
            build: artifacts.gateway_worker.clone(),
            helper: None,
            folder: root.join("gateway"),
            logs: checkout.logs(),
            // Nothing is asked of a model.
            upstream: "http://localhost:9".to_owned(),
            upstream_key: secrets::random()?,
            vars: BTreeMap::from([("MODELS".to_owned(), models().to_string())]),
            browser: None,
            inside: Inside::Other {
                image: image(root, artifacts)?,
                beside: vec![bare],
            },
        })
        .await?;
        let scene = Self {
            gateway: Target {
                port: lone.port,
                token: Some(lone.operator_token()?),
            },
            bare: Target {
                port: lone.door,
                token: None,
            },
            workerd: workerd_version(&tools.node.modules)?,
            lone,
            folder,
        };
        for (side, target) in [("bare Worker", &scene.bare), ("gateway", &scene.gateway)] {
            let begun = Instant::now();
            // The first requests start the containers.
            while !answers(target).await {
                if begun.elapsed() > READY_LIMIT {
                    let log = checkout.logs().join("lone-gateway.log");
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

    /// The workerd that both Workers run in.
    ///
    /// # Errors
    /// When none runs.
    pub(super) fn workerd_process(&self) -> anyhow::Result<Process> {
        Process::workerd(self.lone.pid())
    }

    /// `/data` of the gateway's container.
    ///
    /// # Errors
    /// When none has started.
    pub(super) fn container_data(&self) -> anyhow::Result<PathBuf> {
        let containers = std::fs::read_dir(self.folder.path().join("gateway/containers/data"))?;
        let mut folders = containers.flatten().map(|entry| entry.path());
        // The bare Worker's has no tedix-init.
        folders
            .find(|folder| folder.join("openclaw").is_dir())
            .context("no tedix-init has started")
    }

    /// Where Miniflare keeps what the gateway keeps.
    pub(super) fn kept(&self) -> PathBuf {
        self.folder.path().join("gateway/data")
    }

    /// Stops it all.
    pub(super) async fn stop(self) {
        self.lone.stop().await;
        drop(self.folder);
    }
}

fn models() -> Value {
    json!([{
        "provider": "openai", "id": "none", "context_tokens": 128_000,
        "max_output_tokens": 8_192, "stand_in": true,
    }])
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
