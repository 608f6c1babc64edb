//! The file that OpenClaw reads: ours to write, OpenClaw's to read.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use domain::wire::init::ConfigBundle;

/// Everyone in the container may read the configuration: it holds no secrets.
const MODE: u32 = 0o644;

/// A file that holds one configuration, whole, at any time.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
}

impl ConfigFile {
    /// The file at a path; makes the directory.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
            fs::set_permissions(parent, Permissions::from_mode(0o755))?;
        }
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a configuration beside the file, to be looked at first.
    pub(crate) fn write_candidate(&self, bundle: &ConfigBundle) -> io::Result<PathBuf> {
        let path = self.path.with_extension("candidate.json");
        write(&path, &text(bundle))?;
        Ok(path)
    }

    /// Puts a configuration in place, from one moment to the next.
    pub(crate) fn install(&self, bundle: &ConfigBundle) -> io::Result<()> {
        let next = self.path.with_extension("next.json");
        write(&next, &text(bundle))?;
        fs::rename(&next, &self.path)
    }

    /// Whether the file still says what was put there.
    pub(crate) fn holds(&self, bundle: &ConfigBundle) -> bool {
        fs::read(&self.path).is_ok_and(|found| found == text(bundle).as_bytes())
    }
}

fn text(bundle: &ConfigBundle) -> String {
    format!("{:#}\n", bundle.config)
}

/// A new file with this text, synced; whatever lay there is gone.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    write_with_mode(path, text, MODE)
}

/// [`write`] with permissions of its own.
pub(crate) fn write_with_mode(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    // The mode above is cut by the umask.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}
