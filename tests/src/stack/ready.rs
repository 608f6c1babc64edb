//! What `xtask dev --ready-file` said once everything was healthy, with what
//! follows from it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use xtask::dev::{GatewayPlace, Layout, ReadyFile};
use xtask::standins::access::{Issuer, IssuerConfig};

/// The stack's addresses.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The registry.
    pub registry: ReadyWorker,
    /// The gateways, in the order of their ports.
    pub gateways: Vec<ReadyGateway>,
    /// The Access stand-in.
    pub issuer: ReadyIssuer,
    /// The model stand-in.
    pub model: ReadyModel,
    /// E-mail address of somebody who administers all of it.
    pub operator: String,
    /// File with the seed of the key that the registry signs with.
    pub registry_seed: PathBuf,
}

/// A Worker.
#[derive(Debug, Clone)]
pub struct ReadyWorker {
    /// Its origin.
    pub url: String,
    /// Its Access audience.
    pub audience: String,
    /// Process that runs it, which leads a process group.
    pub pid: u32,
}

/// A gateway.
#[derive(Debug, Clone)]
pub struct ReadyGateway {
    /// Its name.
    pub name: String,
    /// Its origin.
    pub url: String,
    /// Its Access audience.
    pub audience: String,
    /// Process that runs its Worker, which leads a process group.
    pub pid: u32,
}

/// The Access stand-in.
#[derive(Debug, Clone)]
pub struct ReadyIssuer {
    /// Its origin, and `iss` of its tokens.
    pub url: String,
    /// What it was told.
    pub config: IssuerConfig,
    /// Folder with its keys.
    pub keys: PathBuf,
}

/// The model stand-in.
#[derive(Debug, Clone)]
pub struct ReadyModel {
    /// Its origin.
    pub url: String,
    /// File with the key it takes.
    pub key: PathBuf,
}

impl Ready {
    /// Reads the file of a stack whose first port is `port`.
    ///
    /// # Errors
    /// When it is not there or says nothing of a part that the tests need.
    pub fn read(path: &Path, port: u16) -> anyhow::Result<Self> {
        let file = ReadyFile::read(path)?;
        let model = file
            .model_stand_in_url
            .context("the stack does not use the stand-in model")?;
        let gateways = file.gateways.into_iter().map(|gateway| ReadyGateway {
            audience: GatewayPlace {
                name: gateway.name.clone(),
                port,
            }
            .audience(),
            name: gateway.name.to_string(),
            url: gateway.url,
            pid: gateway.pid,
        });
        Ok(Self {
            gateways: gateways.collect(),
            registry: ReadyWorker {
                url: file.registry_url,
                audience: Layout::new(port, 0)?.registry_audience(),
                pid: file.registry_pid,
            },
            issuer: ReadyIssuer {
                url: file.issuer.issuer.clone(),
                config: file.issuer,
                keys: file.keys_dir.clone(),
            },
            model: ReadyModel {
                url: model,
                key: file.keys_dir.join("model-stand-in-key"),
            },
            operator: file.operator,
            registry_seed: file.keys_dir.join("registry-signing-key"),
        })
    }

    /// The issuer, to make tokens with.
    ///
    /// # Errors
    /// When its keys cannot be read.
    pub fn issuer(&self) -> anyhow::Result<Issuer> {
        Issuer::open(&self.issuer.keys, self.issuer.config.clone())
    }
}
