//! One process at a time.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context, bail};

use crate::ui::Progress;

/// A lock that is held until this is dropped, or the process ends however it does.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock on this file, and says so when another holds it.
    ///
    /// # Errors
    /// When the file cannot be made or locked.
    pub fn take(path: &Path, progress: &Progress) -> anyhow::Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress.say("waiting for another `cargo xtask` to finish its set-up or build");
                file.lock()
                    .with_context(|| format!("cannot lock {}", path.display()))?;
            }
            Err(TryLockError::Error(error)) => bail!("cannot lock {}: {error}", path.display()),
        }
        Ok(Self { _file: file })
    }
}
