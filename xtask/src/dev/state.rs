//! The state folder: what outlives a run.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{FlockOperation, flock, statvfs};

use crate::secrets;

/// Free space that a run needs for databases, logs and containers, in bytes.
const NEEDED_BYTES: u64 = 1024 * 1024 * 1024;
/// File that marks a folder as ours, and that a run holds locked.
const LOCK: &str = "lock";

/// The state folder, held by this run alone.
#[derive(Debug)]
pub(crate) struct State {
    root: PathBuf,
    _lock: File,
}

impl State {
    /// Takes the folder, which is made when it is not there.
    ///
    /// # Errors
    /// When another run holds it, it is somebody else's folder, or the disk is full.
    pub(crate) fn open(root: &Path) -> anyhow::Result<Self> {
        let described = root.display();
        let foreign = fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_some())
            && !root.join(LOCK).is_file();
        if foreign {
            bail!("{described} is no state folder of this project: choose another with --state");
        }
        fs::create_dir_all(root).with_context(|| format!("{described} cannot be made"))?;
        let root = root
            .canonicalize()
            .with_context(|| format!("{described} cannot be found"))?;
        enough_space(&root)?;
        let path = root.join(LOCK);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut holder = String::new();
            lock.read_to_string(&mut holder).ok();
            bail!(
                "another `cargo xtask dev` (process {}) runs with the state in {described}: \
                 stop it, or choose another folder with --state and other ports with --port",
                holder.trim()
            );
        }
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| lock.write_all(std::process::id().to_string().as_bytes()))?;
        Ok(Self { root, _lock: lock })
    }

    /// What the folder holds apart from the lock, as names with sizes in bytes.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn contents(&self) -> anyhow::Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.root)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != LOCK {
                found.push((name, size(&entry.path())));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Deletes everything but the lock.
    ///
    /// # Errors
    /// When something cannot be deleted.
    pub(crate) fn clear(&self) -> anyhow::Result<()> {
        for (name, _) in self.contents()? {
            let path = self.root.join(name);
            let is_folder = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
            let deleted = if is_folder {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            deleted.with_context(|| format!("{} cannot be deleted", path.display()))?;
        }
        Ok(())
    }

    /// The folder.
    #[must_use]
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Log files, one to a part.
    #[must_use]
    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Makes the folders of a run, and keeps the logs of the run before as `NAME.log.1`.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub(crate) fn prepare(&self) -> anyhow::Result<()> {
        for folder in [self.logs(), self.run(), self.cache()] {
            fs::create_dir_all(&folder)
                .with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        for entry in fs::read_dir(self.logs())?.flatten() {
            let path = entry.path();
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if is_file && path.extension().is_some_and(|kind| kind == "log") {
                // A log that cannot be put aside is written on.
                drop(fs::rename(&path, path.with_extension("log.1")));
            }
        }
        Ok(())
    }

    /// Shows a part's log, which lies elsewhere, among the others.
    pub(crate) fn link_log(&self, name: &str, target: &Path) {
        let link = self.logs().join(format!("{name}.log"));
        drop(fs::remove_file(&link));
        // Only a convenience: messages name the log where it is.
        drop(std::os::unix::fs::symlink(target, link));
    }

    /// Keys of the stand-ins and of the registry, readable by their owner alone.
    #[must_use]
    pub(crate) fn keys(&self) -> PathBuf {
        keys_of(&self.root)
    }

    /// What belongs to the present run alone.
    #[must_use]
    pub(crate) fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// What can be made again, to start faster.
    pub(crate) fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// Databases, objects and buckets of a Worker.
    #[must_use]
    pub(crate) fn data(&self, worker: &str) -> PathBuf {
        self.root.join("data").join(worker)
    }

    /// A random secret of that name, made the first time.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(crate) fn secret(&self, name: &str) -> anyhow::Result<String> {
        let text = secrets::read_or_make(&self.keys().join(name), secrets::random)?;
        Ok(text.trim().to_owned())
    }
}

/// Where the keys lie in a state folder.
#[must_use]
pub(crate) fn keys_of(state: &Path) -> PathBuf {
    state.join("keys")
}

fn enough_space(folder: &Path) -> anyhow::Result<()> {
    let disk = statvfs(folder).with_context(|| format!("{} has no disk", folder.display()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < NEEDED_BYTES {
        bail!(
            "the disk of {} has {} MB free and a run needs {}: make room, or choose a folder on \
             another disk with --state",
            folder.display(),
            free / 1_000_000,
            NEEDED_BYTES / 1_000_000
        );
    }
    Ok(())
}

fn size(path: &Path) -> u64 {
    walkdir::WalkDir::new(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .filter(fs::Metadata::is_file)
        .map(|found| found.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_by_one_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("state");
        let first = State::open(&root).expect("free");
        let message = State::open(&root).expect_err("held").to_string();
        assert!(
            message.contains(&format!("process {}", std::process::id())),
            "{message}"
        );
        drop(first);
        State::open(&root).expect("free again");
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("thesis.txt"), "precious").expect("written");
        let message = State::open(folder.path()).expect_err("foreign").to_string();
        assert!(message.contains("--state"), "{message}");
    }

    #[test]
    fn clearing_keeps_the_lock_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = State::open(&folder.path().join("state")).expect("free");
        let first = state.secret("one").expect("a secret");
        assert_eq!(state.secret("one").expect("kept"), first);
        state.clear().expect("cleared");
        assert_eq!(state.contents().expect("read"), []);
        assert_ne!(state.secret("one").expect("made anew"), first);
    }
}
