//! Files in OpenClaw's workspace, written by root where agents may have put anything: no
//! link is ever followed, so nothing outside the workspace can be reached.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Uid, fchown, mkdirat, open,
    openat2, renameat, statat, unlinkat,
};

/// Stays below its folder and follows no link (openat2, Linux 5.6).
const BELOW: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS);
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);
/// What a file is called while it is written.
const UNFINISHED: &str = ".tedix-unfinished";

/// Writes a file whole, for a user; folders on the way are made.
///
/// # Errors
/// When a part of the path is a link or the disk refuses it.
pub(crate) fn write(root: &Path, path: &str, content: &[u8], owner: u32) -> io::Result<()> {
    write_with_mode(root, path, content, owner, 0o644)
}

/// [`write`] with permissions of its own.
///
/// # Errors
/// As there.
pub(crate) fn write_with_mode(
    root: &Path,
    path: &str,
    content: &[u8],
    owner: u32,
    mode: u32,
) -> io::Result<()> {
    let (folders, name) = split(path)?;
    let mut folder = open(root, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
    for part in folders {
        match mkdirat(&folder, part, Mode::from_raw_mode(0o755)) {
            Ok(()) => {
                folder = enter(folder.as_fd(), part)?;
                give(&folder, owner)?;
            }
            Err(rustix::io::Errno::EXIST) => folder = enter(folder.as_fd(), part)?,
            Err(error) => return Err(error.into()),
        }
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    // Something may be left from a start that was cut off.
    let _ = unlinkat(&folder, UNFINISHED, AtFlags::empty());
    let file = openat2(&folder, UNFINISHED, flags, Mode::from_raw_mode(mode), BELOW)?;
    give(&file, owner)?;
    fs::File::from(file).write_all(content)?;
    renameat(&folder, UNFINISHED, &folder, name)?;
    Ok(())
}

/// Takes a file away; that it is not there is as good.
///
/// # Errors
/// When a part of the path is a link, or it is a folder.
pub(crate) fn remove(root: &Path, path: &str) -> io::Result<()> {
    let (folders, name) = split(path)?;
    let mut folder = open(root, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
    for part in folders {
        folder = match enter(folder.as_fd(), part) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
    }
    match unlinkat(&folder, name, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Moves what is at a path into a folder of root's; where it went, or nothing when there
/// was nothing or an empty folder. A link on the way goes itself.
///
/// # Errors
/// When the disk refuses it.
pub(crate) fn take(root: &Path, path: &str, into: &Path) -> io::Result<Option<PathBuf>> {
    let mut folder = open(root, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let found = match statat(&folder, part, AtFlags::SYMLINK_NOFOLLOW) {
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            other => FileType::from_raw_mode(other?.st_mode),
        };
        if found == FileType::Directory && parts.peek().is_some() {
            folder = enter(folder.as_fd(), part)?;
            continue;
        }
        if found == FileType::Directory && is_empty(&enter(folder.as_fd(), part)?)? {
            return Ok(None);
        }
        // A file where a folder would have to be leads to nothing.
        if found != FileType::Symlink && parts.peek().is_some() {
            return Ok(None);
        }
        fs::create_dir_all(into)?;
        let place = (0..1_000).map(|number| into.join(format!("{number}-{part}")));
        let mut free = place.filter(|place| fs::symlink_metadata(place).is_err());
        let place = free.next().ok_or(io::ErrorKind::StorageFull)?;
        renameat(&folder, part, CWD, &place)?;
        return Ok(Some(place));
    }
    Ok(None)
}

fn is_empty(folder: &OwnedFd) -> io::Result<bool> {
    let mut entries = Dir::read_from(folder)?;
    Ok(entries
        .all(|entry| entry.is_ok_and(|entry| matches!(entry.file_name().to_bytes(), b"." | b".."))))
}

/// The folders of a path, and the name in the last of them.
fn split(path: &str) -> io::Result<(impl Iterator<Item = &str>, &str)> {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    if name.is_empty() || path.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    Ok((folders.split('/').filter(|part| !part.is_empty()), name))
}

fn enter(folder: BorrowedFd<'_>, part: &str) -> io::Result<OwnedFd> {
    Ok(openat2(folder, part, FOLDER, Mode::empty(), BELOW)?)
}

fn give(file: &OwnedFd, owner: u32) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Ok(fchown(
        file,
        Some(Uid::from_raw(owner)),
        Some(Gid::from_raw(owner)),
    )?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_are_written_whole_and_links_are_not_followed() {
        let base = std::env::temp_dir().join(format!("tedix-workspace-{}", std::process::id()));
        let (root, outside) = (base.join("workspace"), base.join("outside"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("kept"), "kept").unwrap();

        write(&root, "a/b/c.md", b"one", 1000).unwrap();
        write(&root, "a/b/c.md", b"two", 1000).unwrap();
        assert_eq!(fs::read_to_string(root.join("a/b/c.md")).unwrap(), "two");
        remove(&root, "a/b/c.md").unwrap();
        remove(&root, "a/b/c.md").unwrap();
        remove(&root, "nowhere/at.all").unwrap();
        assert!(!root.join("a/b/c.md").exists());

        symlink(&outside, root.join("out")).unwrap();
        symlink(outside.join("kept"), root.join("file")).unwrap();
        assert!(write(&root, "out/new", b"x", 1000).is_err());
        assert!(remove(&root, "out/kept").is_err());
        // The link itself may be replaced; what it leads to stays as it is.
        write(&root, "file", b"x", 1000).unwrap();
        for path in ["../outside/kept", "a/../../outside/kept", "", "a/"] {
            assert!(write(&root, path, b"x", 1000).is_err(), "{path}");
            assert!(remove(&root, path).is_err(), "{path}");
        }
        assert_eq!(fs::read_to_string(outside.join("kept")).unwrap(), "kept");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
        fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn what_is_taken_away_is_kept_where_only_root_looks() {
        let base = std::env::temp_dir().join(format!("tedix-taken-{}", std::process::id()));
        let (root, into, outside) = (base.join("root"), base.join("into"), base.join("outside"));
        fs::create_dir_all(root.join("a/b/evil")).unwrap();
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("kept"), "kept").unwrap();
        let taken = |path: &str| take(&root, path, &into).unwrap();
        assert_eq!(taken("nowhere/b"), None);
        assert_eq!(taken("a/b/evil"), None, "empty");
        let first = taken("a/b").unwrap();
        assert!(first.join("evil").is_dir() && !root.join("a/b").exists());
        symlink(&outside, root.join("a/b")).unwrap();
        assert_ne!(taken("a/b").unwrap(), first);
        symlink(&outside, root.join("link")).unwrap();
        assert!(taken("link/kept").is_some(), "the link on the way");
        assert!(fs::symlink_metadata(root.join("link")).is_err());
        assert_eq!(fs::read_to_string(outside.join("kept")).unwrap(), "kept");
        fs::write(root.join("file"), "x").unwrap();
        assert_eq!(taken("file/below"), None);
        fs::remove_dir_all(base).unwrap();
    }
}
