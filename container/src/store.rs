//! What tedix-init remembers across starts, in a directory that OpenClaw cannot read.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use domain::wire::init::ConfigBundle;

use crate::config_file::write_with_mode;
use crate::log;

/// How many validated configurations are remembered.
const REMEMBERED: usize = 16;

/// What lasts of tedix-init's knowledge.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
}

impl Store {
    /// The memory in a directory, made when it is not there.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        fs::set_permissions(directory, Permissions::from_mode(0o700))?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    /// Where it lies.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The last configuration that OpenClaw confirmed.
    pub(crate) fn last_good(&self) -> Option<ConfigBundle> {
        serde_json::from_slice(&fs::read(self.file("last-good.json")).ok()?).ok()
    }

    /// OpenClaw confirmed a configuration.
    pub(crate) fn set_last_good(&self, bundle: &ConfigBundle) {
        self.write("last-good.json", &serde_json::json!(bundle).to_string());
    }

    /// Whether this version of OpenClaw found a configuration valid before.
    pub(crate) fn was_valid(&self, config_hash: &str, version: &str) -> bool {
        self.validated().contains(&mark(config_hash, version))
    }

    /// This version of OpenClaw finds a configuration valid.
    pub(crate) fn set_valid(&self, config_hash: &str, version: &str) {
        let mark = mark(config_hash, version);
        let mut marks = self.validated();
        marks.retain(|other| *other != mark);
        marks.push(mark);
        let surplus = marks.len().saturating_sub(REMEMBERED);
        marks.drain(..surplus);
        self.write("validated.json", &serde_json::json!(marks).to_string());
    }

    fn validated(&self) -> Vec<String> {
        let read = fs::read(self.file("validated.json")).ok();
        read.and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// A memory that cannot be written costs time at the next start, nothing else.
    fn write(&self, name: &str, text: &str) {
        let next = self.file("next");
        let written =
            write_with_mode(&next, text, 0o600).and_then(|()| fs::rename(&next, self.file(name)));
        if let Err(error) = written {
            log::line(&format!("cannot remember {name}: {error}"));
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

fn mark(config_hash: &str, version: &str) -> String {
    format!("{version} {config_hash}")
}
