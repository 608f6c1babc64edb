//! What `xtask/runtime/host.mjs` is told.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

/// One Worker to run in Miniflare. Holds no secret: those go through standard input.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct HostSpec {
    /// Name of the Worker in this run.
    pub(crate) name: String,
    /// Its `wrangler.toml`, which says everything that is not said here.
    pub(crate) config: PathBuf,
    /// Folder for what makes the next start faster; shared by all Workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Folder whose `node_modules` holds wrangler and miniflare.
    pub(crate) packages_dir: PathBuf,
    /// Folder of the finished build.
    pub(crate) build_dir: PathBuf,
    /// Entry module in that folder.
    pub(crate) main: String,
    /// Variables, over those of `wrangler.toml`.
    pub(crate) vars: BTreeMap<String, String>,
    /// Folder of static assets, over that of `wrangler.toml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) assets_dir: Option<PathBuf>,
    /// The container of its Durable Object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) container: Option<ContainerSpec>,
    /// The Chromium that answers its browser binding; none leaves the binding out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) browser: Option<PathBuf>,
    /// Port on 127.0.0.1.
    pub(crate) port: u16,
    /// One more port, on which workerd hands requests to this Worker itself,
    /// past what Miniflare puts in front.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) direct_port: Option<u16>,
    /// More Workers in the same workerd, each on its `direct_port`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) beside: Vec<HostSpec>,
    /// Where D1, Durable Objects and R2 keep their data.
    pub(crate) persist_dir: PathBuf,
    /// Where Miniflare keeps what it does not need again.
    pub(crate) tmp_dir: PathBuf,
}

/// The container of a Durable Object.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ContainerSpec {
    /// Binding of the Durable Object.
    pub(crate) binding: String,
    /// Name of the image.
    pub(crate) image: String,
    /// The engine's socket, as `unix:///path`.
    pub(crate) engine: String,
    /// Name of the image of the sidecar that takes the container's outbound requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) egress_image: Option<String>,
}
