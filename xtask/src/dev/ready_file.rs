//! A description of a running installation, for tests and scripts.

use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::id::GatewayName;
use serde::{Deserialize, Serialize};

use crate::standins::access::{Issuer, IssuerConfig};

/// What `--ready-file` holds. No secret: tokens are made with the keys in the
/// state folder, which only their owner can read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyFile {
    /// Process id of `cargo xtask dev`.
    pub pid: u32,
    /// The state folder.
    pub state_dir: PathBuf,
    /// Log files, one to a part.
    pub logs_dir: PathBuf,
    /// Origin of the registry and the admin app.
    pub registry_url: String,
    /// Process id of the registry's Worker, which leads a process group.
    pub registry_pid: u32,
    /// The gateways.
    pub gateways: Vec<ReadyGateway>,
    /// Operator of the registry and admin of every gateway.
    pub operator: String,
    /// What the issuer stand-in was told.
    pub issuer: IssuerConfig,
    /// Folder of its keys.
    pub keys_dir: PathBuf,
    /// Origin of the model stand-in, when it answers.
    pub model_stand_in_url: Option<String>,
    /// A command that prints an Access token for the e-mail address that is added to it.
    pub token_command: Vec<String>,
}

/// One gateway of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyGateway {
    /// What it is called.
    pub name: GatewayName,
    /// Its origin.
    pub url: String,
    /// Process id of its Worker, which leads a process group.
    pub pid: u32,
    /// What its container prints.
    pub container_log: Option<PathBuf>,
}

impl ReadyFile {
    /// Writes it in one step, so that whoever waits for it never reads half of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let partial = path.with_extension("partial");
        let text = serde_json::to_vec_pretty(self)?;
        std::fs::write(&partial, text)
            .and_then(|()| std::fs::rename(&partial, path))
            .with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Removes it: nothing is ready any more, or not yet.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub(super) fn remove(path: &Path) -> anyhow::Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{} cannot be removed", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is not there, or not of this version.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read(path)
            .with_context(|| format!("{}: is `cargo xtask dev` running?", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not readable", path.display()))
    }

    /// The issuer, to make tokens with.
    ///
    /// # Errors
    /// When its keys cannot be read.
    pub fn issuer(&self) -> anyhow::Result<Issuer> {
        Issuer::open(&self.keys_dir, self.issuer.clone())
    }
}
