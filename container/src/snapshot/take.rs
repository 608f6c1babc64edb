//! Takes a snapshot: walks the tree, reads what has changed, sends what is not stored,
//! and writes the manifest last.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;

use domain::state::{Digest, File as Entry, Index, MAX_ENTRIES, Manifest, SCHEMA, Totals};

use super::known::{Known, Seen};
use super::packs::{Packer, send};
use super::reading::{Reader, Reading};
use super::store::{Store, StoreError};
use super::tree::walk;

/// How often packs are sent again that the store has lost.
const ROUNDS: u32 = 3;

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk does not play along.
    #[error("the state cannot be read: {0}")]
    Io(#[from] io::Error),
    /// There is more than a generation may hold.
    #[error("{0}")]
    TooMuch(String),
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Everything is as in the generation before; the store was left alone.
    Unchanged,
    /// There is a new generation.
    Written {
        /// Its manifest.
        manifest: Box<Manifest>,
        /// What the next one builds on.
        known: Box<Known>,
        /// What was left out.
        named: Vec<String>,
    },
}

/// Where the state is, and where copies of databases may lie for a while.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The data directory.
    pub(crate) data: PathBuf,
    /// A folder that the thread may write to, outside of what is walked.
    pub(crate) scratch: PathBuf,
}

/// Takes a snapshot. The template is the manifest without index, packs and totals.
pub(crate) fn take(
    source: &Source,
    store: &dyn Store,
    known: Option<&mut Known>,
    template: &Manifest,
) -> Result<Taken, NotTaken> {
    let mut known = known;
    let mut round = 0;
    loop {
        round += 1;
        if let Some(known) = known.as_deref_mut() {
            let objects: Vec<_> = known.index.packs.iter().map(super::object_of).collect();
            known.forget(&store.missing(&objects)?);
        }
        match take_once(source, store, known.as_deref(), template) {
            Ok(Outcome::Same(seen)) => {
                if let Some(known) = known {
                    known.seen = seen;
                }
                return Ok(Taken::Unchanged);
            }
            Ok(Outcome::New(taken)) => return Ok(taken),
            Err(NotTaken::Store(StoreError::MissingPacks(missing))) if round < ROUNDS => {
                if let Some(known) = known.as_deref_mut() {
                    known.forget(&missing);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// What one round came to.
enum Outcome {
    /// All is as it was; how the files look now.
    Same(HashMap<String, Seen>),
    /// There is a new generation.
    New(Taken),
}

fn take_once(
    source: &Source,
    store: &dyn Store,
    known: Option<&Known>,
    template: &Manifest,
) -> Result<Outcome, NotTaken> {
    let tree = walk(&source.data)?;
    if tree.files.len() + tree.directories.len() + tree.links.len() > MAX_ENTRIES {
        let message = format!("there are more than {MAX_ENTRIES} files and folders to keep");
        return Err(NotTaken::TooMuch(message));
    }
    let (files, seen, skipped, new) = std::thread::scope(|scope| {
        let mut reader = Reader::new(source, known, Packer::start(scope, store), tree.skipped);
        let read = reader.read_all(&tree.files);
        let Reading {
            packer,
            files,
            seen,
            skipped,
        } = reader.into_reading();
        // Why sending failed says more than that it did.
        let new = packer.finish()?;
        read?;
        Ok::<_, NotTaken>((files, seen, skipped, new))
    })?;
    let mut files = files;
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let stored = known.map_or_else(Vec::new, |known| {
        known.packs_of(files.iter().flat_map(|file| &file.chunks))
    });
    let sent: u64 = new.iter().map(|pack| pack.bytes).sum();
    // What was read of a file that changed meanwhile may be used by none.
    let used: HashSet<&Digest> = files.iter().flat_map(|file| &file.chunks).collect();
    let new = new
        .into_iter()
        .filter(|pack| pack.chunks.iter().any(|chunk| used.contains(&chunk.hash)));
    let mut packs: Vec<_> = stored.into_iter().cloned().chain(new).collect();
    packs.sort_unstable_by_key(|pack| pack.key);
    packs.dedup_by_key(|pack| pack.key);
    let index = Index {
        schema: SCHEMA,
        directories: tree.directories,
        files,
        links: tree.links,
        packs,
    };
    if known.is_some_and(|known| is_same(&known.index, &index)) {
        return Ok(Outcome::Same(seen));
    }
    let raw = serde_json::to_vec(&index).map_err(|error| io::Error::other(error.to_string()))?;
    let object = send(&raw, store)?;
    drop(raw);
    let mut manifest = template.clone();
    manifest.index = object;
    manifest.packs = index.packs.iter().map(super::object_of).collect();
    manifest.totals = Totals {
        files: index.files.len() as u64,
        bytes: index.files.iter().map(|file| file.size).sum(),
        stored_bytes: manifest.packs.iter().map(|pack| pack.bytes).sum::<u64>() + object.bytes,
        sent_bytes: sent + object.bytes,
        skipped: skipped.count,
    };
    let text =
        serde_json::to_vec(&manifest).map_err(|error| io::Error::other(error.to_string()))?;
    commit(store, manifest.generation, &text)?;
    Ok(Outcome::New(Taken::Written {
        known: Box::new(Known::new(index, seen)),
        manifest: Box::new(manifest),
        named: skipped.named,
    }))
}

/// Commits, and takes it for done when that very manifest is there already: an answer may
/// get lost.
fn commit(store: &dyn Store, generation: u64, manifest: &[u8]) -> Result<(), StoreError> {
    match store.commit(generation, manifest) {
        Err(StoreError::Conflict(why)) => match store.manifest(generation) {
            Ok(there) if there == manifest => Ok(()),
            _ => Err(StoreError::Conflict(why)),
        },
        other => other,
    }
}

/// Whether two trees hold the same; when a file was last written does not count.
fn is_same(before: &Index, now: &Index) -> bool {
    let same = |a: &Entry, b: &Entry| a.path == b.path && a.mode == b.mode && a.sha256 == b.sha256;
    before.directories == now.directories
        && before.links == now.links
        && before.packs == now.packs
        && before.files.len() == now.files.len()
        && before.files.iter().zip(&now.files).all(|(a, b)| same(a, b))
}
