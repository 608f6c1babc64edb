//! Builds what `dev` runs and the tests use. Each part is skipped when nothing
//! it is made of has changed.

mod admin_app;
mod fingerprint;
mod inputs;
mod size;
mod tedix_init;
mod worker;

use std::path::PathBuf;

pub use size::Sizes;

use crate::tools::Tools;
use crate::ui::Progress;

/// What was built, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifacts {
    /// The folder of the registry Worker: `index.js` and `index_bg.wasm`.
    pub registry_worker: PathBuf,
    /// The folder of the gateway Worker: `index.js` and `index_bg.wasm`.
    pub gateway_worker: PathBuf,
    /// The folder of the admin app: `index.html` and `assets/`.
    pub admin_app: PathBuf,
    /// The program that is PID 1 of a gateway's container.
    pub tedix_init: PathBuf,
}

/// Builds everything that is not up to date. The quick parts come first.
///
/// # Errors
/// When a part does not build.
pub fn all(tools: &Tools, progress: &Progress) -> anyhow::Result<Artifacts> {
    let _lock = tools.checkout.lock(progress)?;
    Ok(Artifacts {
        tedix_init: tedix_init::build(tools, progress)?,
        registry_worker: worker::build(tools, progress, &worker::REGISTRY)?,
        gateway_worker: worker::build(tools, progress, &worker::GATEWAY)?,
        admin_app: admin_app::build(tools, progress)?,
    })
}

/// Builds the program that fills a folder with state to measure with.
///
/// # Errors
/// When it does not build.
pub fn make_state(tools: &Tools, progress: &Progress) -> anyhow::Result<PathBuf> {
    let _lock = tools.checkout.lock(progress)?;
    tedix_init::make_state(tools, progress)
}

/// Builds the gateway Worker alone, when it is not up to date.
///
/// # Errors
/// When it does not build.
pub fn gateway_worker(tools: &Tools, progress: &Progress) -> anyhow::Result<PathBuf> {
    let _lock = tools.checkout.lock(progress)?;
    worker::build(tools, progress, &worker::GATEWAY)
}
