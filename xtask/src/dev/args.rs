//! What `cargo xtask dev` can be told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Most gateways: their ports lie between the registry's and the stand-ins'.
const MAX_GATEWAYS: u16 = 64;
/// Distance from the registry's port to the last one used.
const PORT_SPAN: u16 = 99;

/// Options of `cargo xtask dev`.
#[derive(Debug, Clone, Args)]
pub struct DevArgs {
    /// How many gateways to run: personal, company, gateway-3 and so on. Each takes about 1 GB of memory.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_GATEWAYS)))]
    pub gateways: u16,
    /// Port of the registry and the admin app; the gateways follow, the stand-ins are at +98 and +99.
    #[arg(long, default_value_t = 8700, value_parser = clap::value_parser!(u16).range(1024..=i64::from(u16::MAX - PORT_SPAN)))]
    pub port: u16,
    /// Folder for everything that outlives a run: databases, keys, logs.
    #[arg(long, default_value = ".state", value_name = "DIR")]
    pub state: PathBuf,
    /// Start anew: delete what the state folder holds, after saying what it is.
    #[arg(long)]
    pub fresh: bool,
    /// Let agents use this machine's Chromium where the policy gives them a browser. It reaches
    /// what this machine reaches, but for private addresses.
    #[arg(long)]
    pub browser: bool,
    /// Offer the version of OpenClaw before as well, as the image does; it takes 650 MB of disk.
    #[arg(long)]
    pub previous_openclaw: bool,
    /// Offer another version of OpenClaw: a folder with `node_modules/openclaw`. Can come more
    /// than once; the embedded engine only.
    #[arg(long, value_name = "DIR")]
    pub openclaw_version: Vec<PathBuf>,
    /// What runs the containers.
    #[arg(long, value_enum, default_value_t = EngineKind::Embedded)]
    pub engine: EngineKind,
    /// Write a JSON file with every address once everything is healthy.
    #[arg(long, value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
}

/// What runs the containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// The engine that is part of this program: Linux namespaces, no Docker.
    Embedded,
    /// A Docker engine on this machine.
    Docker,
}
