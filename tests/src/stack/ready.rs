//! What `xtask dev --ready-file` writes once everything is healthy.

use std::path::PathBuf;

use serde::Deserialize;

/// The file.
#[derive(Debug, Clone, Deserialize)]
pub struct ReadyFile {
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
}

/// A Worker.
#[derive(Debug, Clone, Deserialize)]
pub struct ReadyWorker {
    /// Its origin.
    pub url: String,
    /// Its Access audience.
    pub audience: String,
}

/// A gateway.
#[derive(Debug, Clone, Deserialize)]
pub struct ReadyGateway {
    /// Its name.
    pub name: String,
    /// Its origin.
    pub url: String,
    /// Its Access audience.
    pub audience: String,
}

/// The Access stand-in.
#[derive(Debug, Clone, Deserialize)]
pub struct ReadyIssuer {
    /// Its origin, and `iss` of its tokens.
    pub url: String,
    /// Folder with its keys.
    pub keys: PathBuf,
}

/// The model stand-in.
#[derive(Debug, Clone, Deserialize)]
pub struct ReadyModel {
    /// Its origin.
    pub url: String,
    /// File with the key it takes.
    pub key: PathBuf,
}
