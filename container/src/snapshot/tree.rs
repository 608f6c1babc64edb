//! What lies in the data directory: paths, kinds and marks by which a change is seen.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use domain::state::{check_link, check_path};

use super::rules::is_covered;

/// Folders of the data directory that a snapshot holds.
pub(super) const ROOTS: [&str; 2] = ["openclaw", "home"];
/// Permission bits that are kept: neither set-user-id nor sticky.
const MODES: u32 = 0o777;
/// Most names of left-out things that are logged.
const NAMED: usize = 10;

/// By what a changed file is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// In bytes.
    pub size: u64,
    /// Last change of the content, in nanoseconds since 1970.
    pub modified: i128,
    /// Last change of the file, which nobody but the kernel sets.
    pub changed: i128,
    inode: u64,
}

impl Mark {
    /// The mark of a file.
    pub(super) fn of(found: &Metadata) -> Self {
        let nanoseconds =
            |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            size: found.size(),
            modified: nanoseconds(found.mtime(), found.mtime_nsec()),
            changed: nanoseconds(found.ctime(), found.ctime_nsec()),
            inode: found.ino(),
        }
    }
}

/// A file that was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Relative to the data directory.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// When it was last changed, in Unix seconds.
    pub modified: i64,
    /// How it was when it was found.
    pub mark: Mark,
}

/// Everything that was found, each list in the order of the paths.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub directories: Vec<domain::state::Directory>,
    pub files: Vec<Found>,
    pub links: Vec<domain::state::Link>,
    /// What was left out though no rule says so.
    pub skipped: Skipped,
}

/// Things that were left out.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    /// How many.
    pub count: u64,
    /// The first few, with why.
    pub named: Vec<String>,
}

impl Skipped {
    /// One more.
    pub(super) fn add(&mut self, path: &str, why: &str) {
        self.count += 1;
        if self.named.len() < NAMED {
            let path: String = path.chars().take(200).collect();
            self.named.push(format!("{path}: {why}"));
        }
    }
}

/// Looks through the data directory. What vanishes meanwhile was not there.
pub(super) fn walk(data: &Path) -> io::Result<Tree> {
    let mut tree = Tree::default();
    for root in ROOTS {
        match fs::symlink_metadata(data.join(root)) {
            Ok(found) if found.is_dir() => add(data, root.to_owned(), &found, &mut tree)?,
            Ok(_) => tree.skipped.add(root, "it is no folder"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    tree.directories
        .sort_unstable_by(|a, b| a.path.cmp(&b.path));
    tree.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    tree.links.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(tree)
}

/// Adds a directory and all that is in it. Not recursive: paths may be long.
fn add(data: &Path, path: String, found: &Metadata, tree: &mut Tree) -> io::Result<()> {
    let mut waiting = vec![(path, found.mode() & MODES)];
    while let Some((folder, mode)) = waiting.pop() {
        let entries = match fs::read_dir(data.join(&folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                tree.skipped.add(&folder, "its owner may not read it");
                continue;
            }
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                tree.skipped.add(
                    &format!("{folder}/{}", name.display()),
                    "its name is not UTF-8",
                );
                continue;
            };
            let path = format!("{folder}/{name}");
            if !is_covered(&path) {
                continue;
            }
            if let Err(damage) = check_path(&path) {
                tree.skipped.add(&path, &damage.to_string());
                continue;
            }
            let Ok(found) = fs::symlink_metadata(entry.path()) else {
                continue;
            };
            let kind = found.file_type();
            if kind.is_dir() {
                waiting.push((path, found.mode() & MODES));
            } else if kind.is_symlink() {
                link(data, path, tree);
            } else if kind.is_file() {
                tree.files.push(Found {
                    path,
                    mode: found.mode() & MODES,
                    modified: found.mtime(),
                    mark: Mark::of(&found),
                });
            } else {
                tree.skipped
                    .add(&path, "it is a socket, a pipe or a device");
            }
        }
        tree.directories
            .push(domain::state::Directory { path: folder, mode });
    }
    Ok(())
}

/// Adds a link, if it stays within the tree. One that is absolute but leads to a place
/// in the data directory becomes relative.
fn link(data: &Path, path: String, tree: &mut Tree) {
    let Ok(target) = fs::read_link(data.join(&path)) else {
        return;
    };
    let inside = target.strip_prefix(data).ok().and_then(Path::to_str);
    let target = match (inside, target.to_str()) {
        (Some(inside), _) => {
            let up = path.matches('/').count();
            format!("{}{inside}", "../".repeat(up))
        }
        (None, Some(target)) => target.to_owned(),
        (None, None) => return tree.skipped.add(&path, "where it leads is not UTF-8"),
    };
    match check_link(&path, &target) {
        Ok(()) => tree.links.push(domain::state::Link { path, target }),
        Err(damage) => tree.skipped.add(&path, &damage.to_string()),
    }
}
