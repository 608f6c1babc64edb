//! Which generation the disk holds, for a start of tedix-init on a disk that is not new.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config_file::write_with_mode;

const NAME: &str = "generation.json";

/// What lies on the disk is this generation, or newer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    /// Whose state it is.
    pub(super) line: String,
    /// The generation.
    pub(super) generation: u64,
}

impl Marker {
    /// The mark in a folder, if there is one that can be read.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(NAME)).ok()?).ok()
    }

    /// Marks the disk.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let next = folder.join("generation.next");
        write_with_mode(&next, &serde_json::json!(self).to_string(), 0o600)?;
        fs::rename(&next, folder.join(NAME))
    }

    /// From now on the disk holds nothing in particular.
    pub(super) fn remove(folder: &Path) -> io::Result<()> {
        match fs::remove_file(folder.join(NAME)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
