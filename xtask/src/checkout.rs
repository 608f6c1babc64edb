//! Where things are in the checkout.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::lock::Lock;
use crate::ui::Progress;

/// The checkout that this command works on. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// Finds the checkout: upwards from the crate that cargo runs, else from
    /// the current directory.
    ///
    /// # Errors
    /// When neither lies in a checkout.
    pub fn find() -> anyhow::Result<Self> {
        let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(crate_dir) => PathBuf::from(crate_dir),
            None => std::env::current_dir().context("the current directory is gone")?,
        };
        start
            .ancestors()
            .find(|dir| dir.join("Cargo.lock").is_file() && dir.join("xtask/Cargo.toml").is_file())
            .map(|root| Self {
                root: root.to_owned(),
            })
            .with_context(|| format!("{} is not in a tedix-claw checkout", start.display()))
    }

    /// The folder that holds the workspace's `Cargo.toml`.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path given from the root.
    #[must_use]
    pub fn join(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// Everything that `cargo xtask` produces, apart from cargo's own target folder.
    #[must_use]
    pub fn build(&self) -> PathBuf {
        self.root.join("build")
    }

    /// One log file per step.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("build/logs")
    }

    /// Waits until no other `cargo xtask` installs or builds in this checkout;
    /// the others wait until the result is dropped.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn lock(&self, progress: &Progress) -> anyhow::Result<Lock> {
        std::fs::create_dir_all(self.build())?;
        Lock::take(&self.build().join(".lock"), progress)
    }

    /// Cargo's target folder for native code.
    #[must_use]
    pub fn native_target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// Cargo's target folder for wasm32. Apart from the native one, because the
    /// two may be built by different compilers and would rebuild each other's work.
    #[must_use]
    pub fn wasm_target(&self) -> PathBuf {
        self.root.join("target/wasm")
    }
}
