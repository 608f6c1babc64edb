//! Folders that were made of a commit, put in place.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::repository::remove;
use crate::approved::MAX_KEPT;
use crate::privileges::Separation;

/// Most that is kept in memory of a workspace's beginning, in bytes.
const MAX_ALL: usize = 32 * 1024 * 1024;

/// Whether there is anything at a path: an empty folder is nothing.
pub(super) fn has_something(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::read_dir(path)
            .map(|mut entries| entries.next().is_some())
            .unwrap_or(true),
        Ok(_) => true,
        Err(_) => false,
    }
}

/// Hands a folder that only root has touched, with all that is in it, to OpenClaw's user.
pub(super) fn give(folder: &Path, owner: Separation) -> io::Result<()> {
    owner.give(folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // Links are not followed; Git was told to make none.
        if fs::symlink_metadata(&path)?.is_dir() {
            give(&path, owner)?;
        } else {
            owner.give(&path)?;
        }
    }
    Ok(())
}

/// Files of a folder that only root has touched, by their paths in it, as far as they can
/// be kept.
pub(super) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut found, mut folders, mut bytes) = (Vec::new(), vec![folder.to_owned()], 0);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(folder).ok().and_then(Path::to_str);
            let size = fs::symlink_metadata(&path).map_or(u64::MAX, |found| found.len());
            if path.is_dir() {
                folders.push(path);
            } else if let (Some(name), true) = (name, size <= MAX_KEPT as u64)
                && bytes < MAX_ALL
                && let Ok(content) = fs::read(&path)
            {
                bytes += content.len();
                found.push((name.to_owned(), content));
            }
        }
    }
    found
}

/// Puts a folder where nothing is, or an empty folder.
pub(super) fn begin(made: &Path, place: &Path) -> io::Result<()> {
    fs::set_permissions(made, Permissions::from_mode(0o755))?;
    fs::rename(made, place)
}

/// Puts a folder in the place of the one before, which is never half of each.
pub(super) fn replace(made: &Path, place: &Path) -> io::Result<()> {
    let parent = place.parent().ok_or(io::ErrorKind::InvalidInput)?;
    if !parent.is_dir() {
        fs::create_dir_all(parent)?;
        fs::set_permissions(parent, Permissions::from_mode(0o755))?;
    }
    if begin(made, place).is_ok() {
        return Ok(());
    }
    let before = made.with_extension("before");
    remove(&before)?;
    fs::rename(place, &before)?;
    fs::rename(made, place)?;
    remove(&before)
}

/// Takes away the folders that have another name; what could not be.
pub(super) fn remove_others(folder: &Path, named: &dyn Fn(&str) -> bool) -> Vec<io::Error> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let others = entries.filter(|entry| !entry.file_name().to_str().is_some_and(named));
    others
        .filter_map(|entry| remove(&entry.path()).err())
        .collect()
}
