//! What runs the gateways' containers, and what the containers hold.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::args::EngineKind;
use super::host::ContainerSpec;
use super::state::State;
use crate::build::Artifacts;
use crate::engine::docker::Docker;
use crate::engine::{Bind, Engine, EngineConfig, Image};
use crate::tools::{OPENCLAW_PACKAGE, Tools};
use crate::ui::Progress;

/// Name of the gateways' image, in the engine and in Docker.
const IMAGE: &str = "tedix-openclaw";
/// Binding of the Durable Object that owns the container.
const BINDING: &str = "SANDBOX";
/// Class of that Durable Object.
const CLASS: &str = "Sandbox";
/// Name by which workerd asks the embedded engine for its egress sidecar.
const EGRESS_IMAGE: &str = "tedix-egress";
/// The sidecar for a real Docker engine: the one that wrangler 4.164 pulls.
const DOCKER_EGRESS_IMAGE: &str = "cloudflare/proxy-everything:3cb1195@sha256:\
    0ef6716c52430096900b150d84a3302057d6cd2319dae7987128c85d0733e3c8";
/// Longest path of a unix socket in bytes, its end included (unix(7)).
const LONGEST_SOCKET: usize = 107;

/// The engine of this run.
#[derive(Debug)]
pub(crate) enum Containers {
    /// The one that is part of this program.
    Embedded {
        /// It.
        engine: Engine,
        /// Its folder.
        folder: PathBuf,
    },
    /// A Docker engine.
    Docker {
        /// Its socket, as `unix:///path`.
        socket: String,
    },
}

impl Containers {
    /// Starts the engine, or finds Docker and makes the image. The embedded one offers the
    /// versions of OpenClaw in these folders as well.
    ///
    /// # Errors
    /// When there is none, with what to do.
    pub(crate) async fn start(
        kind: EngineKind,
        state: &State,
        (tools, versions): (&Tools, &[PathBuf]),
        artifacts: &Artifacts,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        match kind {
            EngineKind::Embedded => {
                let others = others(versions)?;
                offer_skills(tools.checkout.root(), &modules(tools))?;
                for (_, modules) in &others {
                    offer_skills(tools.checkout.root(), modules)?;
                }
                let folder = state.root().join("containers");
                let engine = Engine::start(EngineConfig {
                    socket: socket(&state.run()),
                    state_dir: folder.clone(),
                    image: image(tools, artifacts, &others),
                    egress_image: EGRESS_IMAGE.to_owned(),
                    isolation: None,
                    helper: None,
                })
                .await?;
                for warning in engine.warnings() {
                    progress.say(format!("warning: {warning}"));
                }
                Ok(Self::Embedded { engine, folder })
            }
            EngineKind::Docker => {
                let docker = Docker::find(std::env::var("DOCKER_HOST").ok().as_deref()).await?;
                let root = tools.checkout.root();
                docker.build(root, &root.join("container/Dockerfile"), IMAGE)?;
                docker.pull(DOCKER_EGRESS_IMAGE)?;
                Ok(Self::Docker {
                    socket: docker.socket_url(),
                })
            }
        }
    }

    /// What a gateway's Worker is told about its container.
    #[must_use]
    pub(crate) fn spec(&self) -> ContainerSpec {
        let (engine, egress) = match self {
            Self::Embedded { engine, .. } => (engine.socket_url(), EGRESS_IMAGE),
            Self::Docker { socket } => (socket.clone(), DOCKER_EGRESS_IMAGE),
        };
        ContainerSpec {
            binding: BINDING.to_owned(),
            image: IMAGE.to_owned(),
            engine,
            egress_image: Some(egress.to_owned()),
        }
    }

    /// What the container of that Worker has printed; none before it started,
    /// and none with Docker, which keeps it itself.
    #[must_use]
    pub(crate) fn log(&self, worker: &str) -> Option<PathBuf> {
        let Self::Embedded { folder, .. } = self else {
            return None;
        };
        let start = format!("{worker}-{CLASS}-");
        let logs = std::fs::read_dir(folder.join("logs")).ok()?;
        logs.flatten()
            .find(|entry| entry.file_name().to_string_lossy().starts_with(&start))
            .map(|entry| entry.path())
    }

    /// Ends every container.
    pub(crate) async fn stop(self, grace: Duration) {
        if let Self::Embedded { engine, .. } = self {
            engine.shutdown(grace).await;
        }
    }
}

/// What `container/Dockerfile` puts into the image, from where it is here.
fn image(tools: &Tools, artifacts: &Artifacts, others: &[(String, PathBuf)]) -> Image {
    let bind = |source: PathBuf, target: &str| Bind {
        source,
        target: target.into(),
    };
    let mut binds = vec![
        bind(modules(tools), "/opt/openclaw/node_modules"),
        bind(tools.node.node.clone(), "/opt/node/bin/node"),
        bind(artifacts.tedix_init.clone(), "/usr/local/bin/tedix-init"),
    ];
    binds.extend(others.iter().map(|(version, modules)| {
        let target = format!("/opt/openclaw/versions/{version}/node_modules");
        bind(modules.clone(), &target)
    }));
    Image {
        name: IMAGE.to_owned(),
        binds,
        entrypoint: vec!["/usr/local/bin/tedix-init".to_owned()],
        cmd: Vec::new(),
        // The TEDIX variables are tedix-init's own defaults. They are said here
        // because an engine without namespaces moves the paths it is told.
        env: [
            "PATH=/opt/node/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "TEDIX_CONFIG_FILE=/etc/openclaw/openclaw.json",
            "TEDIX_DATA=/data",
            "TEDIX_NODE=/opt/node/bin/node",
            "TEDIX_OPENCLAW=/opt/openclaw/node_modules/openclaw/openclaw.mjs",
            "TEDIX_OPENCLAW_VERSIONS=/opt/openclaw/versions",
        ]
        .map(str::to_owned)
        .to_vec(),
        workdir: PathBuf::from("/"),
        // The image of container/Dockerfile has one of its own.
        caches: vec!["compile-cache".to_owned()],
    }
}

/// The `node_modules` that OpenClaw is in.
fn modules(tools: &Tools) -> PathBuf {
    let package = tools.openclaw.join(OPENCLAW_PACKAGE);
    package
        .parent()
        .map_or_else(|| tools.openclaw.clone(), Path::to_path_buf)
}

/// The versions of OpenClaw in these folders, each with its `node_modules`.
fn others(folders: &[PathBuf]) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let version = |folder: &PathBuf| {
        let package = folder.join(OPENCLAW_PACKAGE).join("package.json");
        let text = std::fs::read(&package)
            .with_context(|| format!("{} is no OpenClaw", folder.display()))?;
        let package: serde_json::Value = serde_json::from_slice(&text)?;
        let version = package.get("version").and_then(serde_json::Value::as_str);
        let version = version.filter(|version| domain::upgrade::is_version(version));
        let version = version
            .with_context(|| format!("{} says no version", folder.display()))?
            .to_owned();
        let modules = std::path::absolute(folder.join("node_modules"))?;
        Ok((version, modules))
    };
    folders.iter().map(version).collect()
}

/// Puts the skills that ship with the container where OpenClaw offers them by itself, as
/// the Dockerfile does.
fn offer_skills(root: &Path, modules: &Path) -> anyhow::Result<()> {
    for skill in std::fs::read_dir(root.join("container/skills"))? {
        let skill = skill?;
        let target = modules.join("openclaw/skills").join(skill.file_name());
        std::fs::create_dir_all(&target)?;
        for file in std::fs::read_dir(skill.path())? {
            let file = file?;
            std::fs::copy(file.path(), target.join(file.file_name()))?;
        }
    }
    Ok(())
}

/// Where the engine listens: in the run's folder, or where paths are short.
fn socket(run: &Path) -> PathBuf {
    let near = run.join("engine.sock");
    if near.as_os_str().len() < LONGEST_SOCKET {
        return near;
    }
    std::env::temp_dir().join(format!("tedix-engine-{}.sock", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::offer_skills;

    #[test]
    fn every_skill_of_the_container_is_where_openclaw_looks() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let modules = std::env::temp_dir().join(format!("tedix-skills-{}", std::process::id()));
        for _ in 0..2 {
            offer_skills(&root, &modules).expect("copied");
        }
        let skill = modules.join("openclaw/skills/propose-change/SKILL.md");
        let text = std::fs::read_to_string(skill).expect("there");
        assert!(text.contains("governance.internal/v1/proposals"));
        std::fs::remove_dir_all(modules).expect("removed");
    }
}
