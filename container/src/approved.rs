//! Skills and files of workspaces that agents may not change by themselves: what is there,
//! and what was approved, kept where only root looks.
//!
//! Agents own these folders and may put anything there while we look: every step goes
//! through a handle of the folder before it, no link is followed, nothing that is no file
//! is opened for reading, and what is looked through in one go is bounded.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, CString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use domain::drift::Things;
use domain::drift::files::{ApprovedFile, FileRules, MAX_FILES, MAX_PATH, is_workspace};
use domain::proposal::content::MAX_TEXT;
use domain::state::Digest;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, open, openat2, renameat, statat,
};

/// Most of a file that is read, in bytes; of a longer one the size counts besides.
const MAX_READ: u64 = 8 * 1024 * 1024;
/// Longest file that can be put back, in bytes.
pub(crate) const MAX_KEPT: usize = 1024 * 1024;
/// Most folders above a file.
const MAX_DEPTH: usize = 16;
/// Most files that may change by themselves and are named.
const MAX_OPEN: usize = 300;
/// Most workspaces and agents that are looked at.
const MAX_OWNERS: usize = 200;
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);
const BELOW: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS);

/// By what a change is seen without reading: nobody but the kernel sets the last two.
type Mark = (u64, u64, i64, i64);

/// A file as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// SHA-256 of its content, in lower-case hex.
    pub(crate) sha256: String,
    /// Whether it may be run.
    pub(crate) executable: bool,
    /// Its content, where it was read just now and is no longer than [`MAX_KEPT`].
    pub(crate) content: Option<Vec<u8>>,
}

/// What one look found.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// Files that may not change by themselves.
    pub(crate) files: BTreeMap<String, Found>,
    /// What was taken away because it is neither a file nor a folder.
    pub(crate) odd: Vec<String>,
    /// Whether there is more than is looked at in one go.
    pub(crate) more: bool,
}

/// Looks through what OpenClaw's user may change.
#[derive(Debug)]
pub(crate) struct Looker {
    /// OpenClaw's state directory.
    root: PathBuf,
    /// Where only root looks: contents that were approved, by their SHA-256.
    kept: PathBuf,
    /// OpenClaw's user, where it is another one than ours.
    user: u32,
    /// What was read before.
    seen: HashMap<String, (Mark, String)>,
}

impl Looker {
    /// For a state directory; approved contents are kept in a folder of ours.
    pub(crate) fn new(root: PathBuf, kept: PathBuf, user: u32) -> Self {
        Self {
            root,
            kept,
            user,
            seen: HashMap::new(),
        }
    }

    /// What lies where the rules say that nothing changes by itself.
    pub(crate) fn look(&mut self, rules: &FileRules) -> Look {
        let mut look = Look::default();
        let workspaces = self.folders("", is_workspace);
        let agents = self.folders("agents", |_| true);
        for place in rules.places(&workspaces, &agents) {
            self.look_at(rules, &place, &mut look);
        }
        let files = &look.files;
        self.seen.retain(|path, _| files.contains_key(path));
        look
    }

    /// The next look reads every file anew.
    pub(crate) fn forget(&mut self) {
        self.seen.clear();
    }

    /// Whether a file is there, whatever it holds.
    pub(crate) fn is_there(&self, path: &str) -> bool {
        let root = open(&self.root, FOLDER | OFlags::NOFOLLOW, Mode::empty());
        let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        root.and_then(|root| openat2(root, path, flags, Mode::empty(), BELOW))
            .is_ok()
    }

    /// Files that clauses let change by themselves, by size and time: nothing is opened, and
    /// no more are named than anybody reads.
    pub(crate) fn open_files(&self, rules: &FileRules) -> Things {
        let mut found = Things::new();
        let mut waiting = rules.open_places(&self.folders("", is_workspace));
        while let Some(path) = waiting.pop() {
            let Ok(facts) = fs::symlink_metadata(self.root.join(&path)) else {
                continue;
            };
            if facts.is_file() && rules.opens(&path) && path.len() <= MAX_PATH {
                let changed = facts.mtime() * 1_000 + facts.mtime_nsec() / 1_000_000;
                found.insert(path, format!("{} {changed}", facts.size()));
            } else if facts.is_dir() && path.matches('/').count() < MAX_DEPTH {
                let entries = fs::read_dir(self.root.join(&path)).into_iter().flatten();
                let names = entries
                    .flatten()
                    .filter_map(|entry| entry.file_name().into_string().ok());
                waiting.extend(names.take(MAX_OPEN).map(|name| join(&path, &name)));
            }
            if found.len() >= MAX_OPEN || waiting.len() >= MAX_FILES {
                break;
            }
        }
        found
    }

    /// Names in a folder, links included, sorted.
    fn folders(&self, folder: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
        let read = fs::read_dir(self.root.join(folder)).into_iter().flatten();
        let names = read
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_file()))
            .filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| fits(name)).take(MAX_OWNERS).collect();
        names.sort();
        names
    }

    /// Goes to a place and looks through it.
    fn look_at(&mut self, rules: &FileRules, place: &str, look: &mut Look) {
        let Ok(mut folder) = open(&self.root, FOLDER | OFlags::NOFOLLOW, Mode::empty()) else {
            return;
        };
        let (way, name) = place.rsplit_once('/').unwrap_or(("", place));
        let mut path = String::new();
        for part in way.split('/').filter(|part| !part.is_empty()) {
            path = join(&path, part);
            match openat2(&folder, part, FOLDER, Mode::empty(), BELOW) {
                Ok(next) => folder = next,
                Err(rustix::io::Errno::LOOP) => {
                    // Whatever it leads to would be loaded from there.
                    if let Ok(name) = CString::new(part) {
                        self.discard(folder.as_fd(), &name, &path, look);
                    }
                    return;
                }
                Err(_) => return,
            }
        }
        if let Ok(name) = CString::new(name) {
            self.entry(rules, folder.as_fd(), &name, place.to_owned(), 0, look);
        }
    }

    /// One entry of a folder.
    fn entry(
        &mut self,
        rules: &FileRules,
        folder: BorrowedFd<'_>,
        name: &CStr,
        path: String,
        depth: usize,
        look: &mut Look,
    ) {
        let Ok(found) = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
            return;
        };
        let closed = rules.closed(&path).is_some();
        let named = name.to_str().is_ok() && path.len() <= MAX_PATH && depth <= MAX_DEPTH;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory if named => {
                let Ok(below) = openat2(folder, name, FOLDER, Mode::empty(), BELOW) else {
                    return;
                };
                let Ok(entries) = Dir::read_from(&below) else {
                    return;
                };
                for entry in entries.flatten() {
                    if look.files.len() + look.odd.len() >= 2 * MAX_FILES {
                        look.more = true;
                        return;
                    }
                    let name = entry.file_name();
                    if matches!(name.to_bytes(), b"." | b"..") {
                        continue;
                    }
                    let path = join(&path, &name.to_string_lossy());
                    self.entry(rules, below.as_fd(), name, path, depth + 1, look);
                }
            }
            FileType::RegularFile if named && closed => match self.read(folder, name, &path) {
                Ok(Some(found)) => {
                    look.files.insert(path, found);
                }
                // Gone again, or being replaced: the next look sees what it became.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Ok(None) | Err(_) => self.discard(folder, name, &path, look),
            },
            _ if closed => self.discard(folder, name, &path, look),
            _ => {}
        }
    }

    /// Reads a file, unless it looks as it did. None for one that is somebody else's under
    /// another name: what OpenClaw's user may not read does not leave the container.
    fn read(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        path: &str,
    ) -> io::Result<Option<Found>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut file = File::from(openat2(folder, name, flags, Mode::empty(), BELOW)?);
        let facts = file.metadata()?;
        let ours = rustix::process::geteuid().as_raw();
        let foreign = facts.uid() != self.user && (facts.uid() != ours || facts.nlink() > 1);
        if !facts.is_file() || foreign {
            return Ok(None);
        }
        let mark = (facts.ino(), facts.size(), facts.ctime(), facts.ctime_nsec());
        let executable = facts.mode() & 0o100 != 0;
        if let Some((_, sha256)) = self.seen.get(path).filter(|(seen, _)| *seen == mark) {
            return Ok(Some(Found {
                sha256: sha256.clone(),
                executable,
                content: None,
            }));
        }
        let mut content = Vec::new();
        (&mut file).take(MAX_READ).read_to_end(&mut content)?;
        let sha256 = if facts.size() > MAX_READ {
            content.extend(facts.size().to_be_bytes());
            Digest::of(&content).to_string()
        } else {
            Digest::of(&content).to_string()
        };
        // Written to meanwhile: the next look reads it again.
        let after = file.metadata()?;
        if (after.size(), after.ctime(), after.ctime_nsec()) == (mark.1, mark.2, mark.3) {
            self.seen.insert(path.to_owned(), (mark, sha256.clone()));
        }
        Ok(Some(Found {
            sha256,
            executable,
            content: (facts.size() <= MAX_KEPT as u64).then_some(content),
        }))
    }

    /// Takes something away that is neither a file nor a folder, or has no name that could
    /// be said.
    fn discard(&self, folder: BorrowedFd<'_>, name: &CStr, path: &str, look: &mut Look) {
        look.odd.push(match self.take_away(folder, name) {
            Ok(()) => format!("{path}: neither a file nor a folder; taken away"),
            Err(error) => format!("{path}: neither a file nor a folder; stays: {error}"),
        });
    }

    /// Keeps an approved content.
    pub(crate) fn keep(&self, sha256: &str, content: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.kept)?;
        let place = self.kept.join(sha256);
        if content.len() > MAX_KEPT || place.exists() {
            return Ok(());
        }
        let next = self.kept.join("next");
        match fs::remove_file(&next) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&next)?;
        file.write_all(content)?;
        fs::rename(next, place)
    }

    /// Forgets contents that are approved no longer.
    pub(crate) fn keep_only(&self, approved: &BTreeMap<String, ApprovedFile>) {
        let wanted = |name: &str| approved.values().any(|file| file.sha256 == name);
        for entry in fs::read_dir(&self.kept).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name
                .to_str()
                .is_none_or(|name| name.len() == 64 && !wanted(name))
            {
                // Only room is lost.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Puts an approved file back.
    ///
    /// # Errors
    /// When its content is not known any more, or the disk refuses it.
    pub(crate) fn put_back(&self, path: &str, file: &ApprovedFile) -> io::Result<()> {
        let kept = fs::read(self.kept.join(&file.sha256)).ok();
        let kept = kept.filter(|content| Digest::of(content).to_string() == file.sha256);
        let text = file.text.as_ref().map(|text| text.clone().into_bytes());
        let content = kept.or(text).ok_or_else(|| {
            io::Error::other("what was approved is too long to be kept outside the container")
        })?;
        let mode = if file.executable { 0o755 } else { 0o644 };
        self.clear_way(path)?;
        crate::workspace::write_with_mode(&self.root, path, &content, self.user, mode)
    }

    /// Takes away a folder that lies where a file belongs, and what is no folder on the way
    /// to it.
    fn clear_way(&self, path: &str) -> io::Result<()> {
        let mut folder = open(&self.root, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            let found = match statat(&folder, part, AtFlags::SYMLINK_NOFOLLOW) {
                Err(rustix::io::Errno::NOENT) => return Ok(()),
                other => FileType::from_raw_mode(other?.st_mode),
            };
            let last = parts.peek().is_none();
            if (found == FileType::Directory) == last {
                return self.take_away(folder.as_fd(), part);
            }
            if last {
                return Ok(());
            }
            folder = openat2(&folder, part, FOLDER, Mode::empty(), BELOW)?;
        }
        Ok(())
    }

    /// Takes a file away that nobody approved.
    ///
    /// # Errors
    /// When the disk refuses it.
    pub(crate) fn remove(&self, path: &str) -> io::Result<()> {
        crate::workspace::remove(&self.root, path)
    }

    /// Moves something to a folder of ours on the same disk, where nobody adds to it, and
    /// removes it there.
    fn take_away(&self, folder: BorrowedFd<'_>, name: impl rustix::path::Arg) -> io::Result<()> {
        let rubbish = self.kept.with_extension("gone");
        fs::create_dir_all(&rubbish)?;
        let place = rubbish.join("taken");
        clear(&place)?;
        renameat(folder, name, CWD, &place)?;
        clear(&place)
    }
}

/// Removes whatever lies at a path of ours; links in it are not followed.
fn clear(place: &Path) -> io::Result<()> {
    let gone = match fs::symlink_metadata(place) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(place),
        Ok(_) => fs::remove_file(place),
        Err(error) => Err(error),
    };
    match gone {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

/// A content as a text that a proposal or the gateway Worker can hold.
pub(crate) fn text(content: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(content).ok()?;
    (text.len() <= MAX_TEXT && !text.contains('\0')).then(|| text.to_owned())
}
