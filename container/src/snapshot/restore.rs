//! Makes the tree of a generation: into a folder beside the data first, and in its place
//! only when every byte was verified.

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, UNIX_EPOCH};

use domain::state::{Chunk, Digest, Index, Manifest, ObjectRef};
use rustix::fs::statvfs;
use sha2::{Digest as _, Sha256};

use super::database::MAGIC;
use super::known::{Known, Seen};
use super::packs::open;
use super::store::{Store, StoreError};
use super::tree::{Mark, ROOTS};
use crate::privileges::Separation;

/// Where the tree is made.
const STAGING: &str = "restoring";
/// Where what lay in its place goes; the next restore removes it.
const REPLACED: &str = "replaced";
/// Room that has to be left on the disk, in bytes.
const ROOM: u64 = 64 * 1024 * 1024;

/// Why there is no tree.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRestored {
    /// The generation is not what it was: another one may be.
    #[error("{0}")]
    Damaged(String),
    /// The store does not answer: the same may work later.
    #[error("{0}")]
    Away(String),
    /// The disk does not play along; no generation would do better.
    #[error("the state cannot be written here: {0}")]
    Io(#[from] io::Error),
}

/// A generation that was restored.
#[derive(Debug)]
pub(crate) struct Restored {
    /// Its manifest.
    pub(crate) manifest: Manifest,
    /// What the next snapshot builds on.
    pub(crate) known: Known,
}

/// A place that a chunk belongs in.
#[derive(Clone, Copy)]
struct Place {
    file: usize,
    offset: u64,
}

/// Makes the tree of a generation and puts it in place.
pub(crate) fn restore(
    store: &dyn Store,
    data: &Path,
    line: &str,
    generation: u64,
    owner: Separation,
) -> Result<Restored, NotRestored> {
    let (manifest, index) = read(store, line, generation)?;
    let staging = data.join(STAGING);
    remove(&staging)?;
    fs::create_dir_all(data)?;
    check_room(data, manifest.totals.bytes)?;
    DirBuilder::new().mode(0o700).create(&staging)?;
    let made = make(store, &staging, &index, owner).and_then(|databases| {
        swap(data, &staging)?;
        Ok(databases)
    });
    // Half a tree helps nobody; what is left of a whole one is an empty folder.
    remove(&staging)?;
    let databases = made?;
    let seen = index.files.iter().enumerate().filter_map(|(at, file)| {
        let found = fs::symlink_metadata(data.join(&file.path)).ok()?;
        let marks = vec![Some(Mark::of(&found)), None, None];
        let database = databases.contains(&at);
        Some((file.path.clone(), Seen { marks, database }))
    });
    let seen = seen.collect();
    Ok(Restored {
        known: Known::new(index, seen),
        manifest,
    })
}

/// What is known of a generation whose tree is on the disk already.
pub(super) fn known(store: &dyn Store, line: &str, generation: u64) -> Result<Known, NotRestored> {
    let (_, index) = read(store, line, generation)?;
    Ok(Known::new(index, HashMap::new()))
}

/// Reads every object of a generation and checks all of it, without writing anything.
pub(crate) fn verify(
    store: &dyn Store,
    line: &str,
    generation: u64,
) -> Result<Manifest, NotRestored> {
    let (manifest, index) = read(store, line, generation)?;
    for pack in &index.packs {
        let raw = fetch(store, &super::object_of(pack))?;
        for chunk in &pack.chunks {
            check_chunk(&raw, chunk)?;
        }
    }
    Ok(manifest)
}

fn read(store: &dyn Store, line: &str, generation: u64) -> Result<(Manifest, Index), NotRestored> {
    let damaged = |damage: domain::state::Damage| NotRestored::Damaged(damage.to_string());
    let manifest = store.manifest(generation).map_err(of_store)?;
    let manifest = Manifest::read(&manifest).map_err(damaged)?;
    manifest.belongs(line, generation).map_err(damaged)?;
    let index = fetch(store, &manifest.index)?;
    let index = Index::read(&index, &manifest).map_err(damaged)?;
    let paths = index.directories.iter().map(|directory| &directory.path);
    let paths = paths.chain(index.files.iter().map(|file| &file.path));
    let mut paths = paths.chain(index.links.iter().map(|link| &link.path));
    let outside = |path: &&String| !ROOTS.contains(&path.split('/').next().unwrap_or_default());
    match paths.find(outside) {
        None => Ok((manifest, index)),
        Some(path) => Err(NotRestored::Damaged(format!(
            "{path:?} is not a place for state"
        ))),
    }
}

fn of_store(error: StoreError) -> NotRestored {
    match error {
        StoreError::Away(why) => NotRestored::Away(why),
        other => NotRestored::Damaged(other.to_string()),
    }
}

fn fetch(store: &dyn Store, object: &ObjectRef) -> Result<Vec<u8>, NotRestored> {
    let stored = store.object(object).map_err(|error| match error {
        StoreError::Absent(_) => {
            NotRestored::Damaged(format!("object {} is not there", object.key))
        }
        other => of_store(other),
    })?;
    open(object, &stored).map_err(NotRestored::Damaged)
}

fn check_chunk<'a>(raw: &'a [u8], chunk: &Chunk) -> Result<&'a [u8], NotRestored> {
    let part = usize::try_from(chunk.offset)
        .ok()
        .zip(usize::try_from(chunk.length).ok());
    let bytes = part.and_then(|(offset, length)| raw.get(offset..)?.get(..length));
    match bytes {
        Some(bytes) if Digest::of(bytes) == chunk.hash => Ok(bytes),
        _ => Err(NotRestored::Damaged(format!(
            "chunk {} holds other bytes than its name says",
            chunk.hash
        ))),
    }
}

fn check_room(data: &Path, bytes: u64) -> io::Result<()> {
    let disk = statvfs(data)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < bytes.saturating_add(ROOM) {
        return Err(io::Error::other(format!(
            "{bytes} bytes of state do not fit on a disk with {free} free"
        )));
    }
    Ok(())
}

/// Makes the tree below a folder: directories, files, links, and modes and owners last.
/// Which files are databases.
fn make(
    store: &dyn Store,
    root: &Path,
    index: &Index,
    owner: Separation,
) -> Result<HashSet<usize>, NotRestored> {
    let mut databases = HashSet::new();
    make_directories(root, index)?;
    for file in &index.files {
        create(root, &file.path)?.set_len(file.size)?;
    }
    let places = places(index);
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(1);
        scope.spawn(move || {
            for pack in &index.packs {
                let raw = fetch(store, &super::object_of(pack));
                let failed = raw.is_err();
                if sender.send((pack, raw)).is_err() || failed {
                    return;
                }
            }
        });
        for (pack, raw) in receiver {
            let raw = raw?;
            for chunk in &pack.chunks {
                let bytes = check_chunk(&raw, chunk)?;
                for place in places.get(&chunk.hash).map_or(&[][..], Vec::as_slice) {
                    // INVARIANT: places were made from this index.
                    if let Some(file) = index.files.get(place.file) {
                        if place.offset == 0 && bytes.starts_with(MAGIC) {
                            databases.insert(place.file);
                        }
                        open_to_write(root, &file.path)?.write_all_at(bytes, place.offset)?;
                    }
                }
            }
        }
        Ok::<(), NotRestored>(())
    })?;
    finish(root, index, owner)?;
    Ok(databases)
}

fn make_directories(root: &Path, index: &Index) -> io::Result<()> {
    let mut folders: HashSet<&str> = index
        .directories
        .iter()
        .map(|directory| directory.path.as_str())
        .collect();
    let leaves = index.files.iter().map(|file| file.path.as_str());
    for leaf in leaves.chain(index.links.iter().map(|link| link.path.as_str())) {
        folders.extend(leaf.rsplit_once('/').map(|(folder, _)| folder));
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    folders
        .into_iter()
        .try_for_each(|folder| builder.create(root.join(folder)))
}

fn create(root: &Path, path: &str) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(root.join(path))
}

fn open_to_write(root: &Path, path: &str) -> io::Result<File> {
    OpenOptions::new().write(true).open(root.join(path))
}

/// Where each chunk belongs.
fn places(index: &Index) -> HashMap<Digest, Vec<Place>> {
    let lengths: HashMap<Digest, u64> = index
        .packs
        .iter()
        .flat_map(|pack| pack.chunks.iter().map(|chunk| (chunk.hash, chunk.length)))
        .collect();
    let mut places: HashMap<Digest, Vec<Place>> = HashMap::new();
    for (file, entry) in index.files.iter().enumerate() {
        let mut offset = 0;
        for chunk in &entry.chunks {
            places
                .entry(*chunk)
                .or_default()
                .push(Place { file, offset });
            offset += lengths.get(chunk).copied().unwrap_or_default();
        }
    }
    places
}

/// Verifies files as wholes; then links, modes, times and owners, the deepest first.
fn finish(root: &Path, index: &Index, owner: Separation) -> Result<(), NotRestored> {
    for entry in &index.files {
        let path = root.join(&entry.path);
        let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
        let sha256 = match entry.chunks.as_slice() {
            // Verified as a chunk.
            [only] => *only,
            _ => hash(&mut file)?,
        };
        if sha256 != entry.sha256 {
            return Err(NotRestored::Damaged(format!(
                "{:?} is not what it was",
                entry.path
            )));
        }
        let seconds = Duration::from_secs(entry.modified.unsigned_abs());
        let modified = if entry.modified < 0 {
            UNIX_EPOCH.checked_sub(seconds)
        } else {
            UNIX_EPOCH.checked_add(seconds)
        };
        if let Some(modified) = modified {
            file.set_modified(modified)?;
        }
        file.set_permissions(Permissions::from_mode(entry.mode))?;
        owner.give(&path)?;
    }
    for link in &index.links {
        let path = root.join(&link.path);
        symlink(&link.target, &path)?;
        owner.give(&path)?;
    }
    let modes: HashMap<&str, u32> = index
        .directories
        .iter()
        .map(|directory| (directory.path.as_str(), directory.mode))
        .collect();
    give_directories(root, &modes, owner)?;
    Ok(())
}

/// Owners and modes of the directories, the deepest first.
fn give_directories(root: &Path, modes: &HashMap<&str, u32>, owner: Separation) -> io::Result<()> {
    let mut waiting = vec![String::new()];
    let mut found = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                waiting.push(if folder.is_empty() {
                    name.into_owned()
                } else {
                    format!("{folder}/{name}")
                });
            }
        }
        found.push(folder);
    }
    for folder in found.iter().rev().filter(|folder| !folder.is_empty()) {
        let place = root.join(folder);
        let mode = modes.get(folder.as_str()).copied().unwrap_or(0o700);
        fs::set_permissions(&place, Permissions::from_mode(mode))?;
        owner.give(&place)?;
    }
    Ok(())
}

fn hash(file: &mut File) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        match buffer.get(..read) {
            Some(bytes) if !bytes.is_empty() => hasher.update(bytes),
            _ => return Ok(Digest(hasher.finalize().into())),
        }
    }
}

/// Puts the tree in place, and what was there aside.
fn swap(data: &Path, staging: &Path) -> io::Result<()> {
    let aside = data.join(REPLACED);
    remove(&aside)?;
    for root in ROOTS {
        let place = data.join(root);
        // An empty folder is nothing to keep.
        let there = fs::remove_dir(&place).is_err() && fs::symlink_metadata(&place).is_ok();
        if there {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&aside)?;
            fs::rename(&place, aside.join(root))?;
        }
        let new = staging.join(root);
        if new.exists() {
            fs::rename(&new, &place)?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
