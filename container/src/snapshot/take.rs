//! Takes a snapshot: walks the tree, reads what has changed, sends what is not stored,
//! and writes the manifest last.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use domain::state::{
    Digest, File as Entry, Index, MAX_ENTRIES, MAX_TREE, Manifest, SCHEMA, Totals,
};
use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use super::chunks::{Cut, cut};
use super::database::{self, MAGIC, NotCopied};
use super::known::{Known, Seen};
use super::packs::{Packer, send};
use super::rules::database_of_sidecar;
use super::store::{Store, StoreError};
use super::tree::{Found, Mark, Skipped, walk};

/// How often a file is read that changes while it is read. After that it is kept as it
/// was read: what is appended to a log meanwhile is in the next snapshot.
const READS: u32 = 3;
/// How often packs are sent again that the store has lost.
const ROUNDS: u32 = 3;
/// What SQLite keeps beside a database and writes to before the database itself.
const JOURNALS: [&str; 2] = ["-wal", "-journal"];

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

/// One run.
struct Take<'a, 'scope> {
    source: &'a Source,
    known: Option<&'a Known>,
    packer: Packer<'scope>,
    files: Vec<Entry>,
    seen: HashMap<String, Seen>,
    /// Files that are databases.
    databases: HashSet<String>,
    skipped: Skipped,
    bytes: u64,
}

/// The result of reading one file.
struct Content {
    size: u64,
    sha256: Digest,
    chunks: Vec<Digest>,
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
            Err(NotTaken::Store(StoreError::MissingPacks(missing))) if round < ROUNDS => {
                if let Some(known) = known.as_deref_mut() {
                    known.forget(&missing);
                }
            }
            other => return other,
        }
    }
}

fn take_once(
    source: &Source,
    store: &dyn Store,
    known: Option<&Known>,
    template: &Manifest,
) -> Result<Taken, NotTaken> {
    let tree = walk(&source.data)?;
    if tree.files.len() + tree.directories.len() + tree.links.len() > MAX_ENTRIES {
        let message = format!("there are more than {MAX_ENTRIES} files and folders to keep");
        return Err(NotTaken::TooMuch(message));
    }
    let (files, seen, skipped, new) = std::thread::scope(|scope| {
        let mut take = Take {
            source,
            known,
            packer: Packer::start(scope, store),
            files: Vec::with_capacity(tree.files.len()),
            seen: HashMap::new(),
            databases: HashSet::new(),
            skipped: tree.skipped,
            bytes: 0,
        };
        let read = take.read_all(&tree.files);
        let Take {
            packer,
            files,
            seen,
            skipped,
            ..
        } = take;
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
        return Ok(Taken::Unchanged);
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
    Ok(Taken::Written {
        known: Box::new(Known::new(index, seen)),
        manifest: Box::new(manifest),
        named: skipped.named,
    })
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

impl Take<'_, '_> {
    /// Reads every file that is not as it was: databases first, since they refer to
    /// other files, and what SQLite keeps beside them not at all.
    fn read_all(&mut self, found: &[Found]) -> Result<(), NotTaken> {
        let marks: BTreeMap<&str, Mark> = found
            .iter()
            .map(|file| (file.path.as_str(), file.mark))
            .collect();
        let is_sidecar = |path: &str| {
            database_of_sidecar(path).is_some_and(|database| marks.contains_key(database))
        };
        let order = |file: &&Found| (is_sidecar(&file.path), !file.path.ends_with(".sqlite"));
        let mut files: Vec<&Found> = found.iter().collect();
        files.sort_by_key(order);
        for file in files {
            let database = database_of_sidecar(&file.path);
            if database.is_some_and(|path| self.databases.contains(path)) {
                continue;
            }
            self.read(file, &marks)?;
            if self.bytes > MAX_TREE {
                let message = format!("there are more than {MAX_TREE} bytes to keep");
                return Err(NotTaken::TooMuch(message));
            }
        }
        Ok(())
    }

    fn read(&mut self, found: &Found, marks: &BTreeMap<&str, Mark>) -> Result<(), NotTaken> {
        let path = &found.path;
        let beside = JOURNALS.map(|end| marks.get(format!("{path}{end}").as_str()).copied());
        let marks: Vec<Option<Mark>> = [Some(found.mark)].into_iter().chain(beside).collect();
        if let Some((file, seen)) = self.known.and_then(|known| known.unchanged(path, &marks)) {
            let (file, seen) = (file.clone(), seen.clone());
            if seen.database {
                self.databases.insert(path.clone());
            }
            self.seen.insert(path.clone(), seen);
            self.add(found, file.size, file.sha256, file.chunks);
            return Ok(());
        }
        let read_at = nanoseconds_now();
        let Some(mut file) = self.open(found)? else {
            return Ok(());
        };
        let database = begins_as_database(&mut file)?;
        let content = if database {
            drop(file);
            self.read_database(found)?
        } else {
            Some(self.read_file(&mut file)?)
        };
        let Some((content, database)) = content else {
            return Ok(());
        };
        if database {
            self.databases.insert(path.clone());
        }
        if let Some(seen) = Seen::telling(marks, database, read_at) {
            self.seen.insert(path.clone(), seen);
        }
        self.add(found, content.size, content.sha256, content.chunks);
        Ok(())
    }

    fn add(&mut self, found: &Found, size: u64, sha256: Digest, chunks: Vec<Digest>) {
        self.bytes = self.bytes.saturating_add(size);
        self.files.push(Entry {
            path: found.path.clone(),
            mode: found.mode,
            modified: found.modified,
            size,
            sha256,
            chunks,
        });
    }

    /// Opens a file that was found as one: never through a link that took its place, and
    /// without waiting at a pipe.
    fn open(&mut self, found: &Found) -> io::Result<Option<File>> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(self.source.data.join(&found.path));
        match opened {
            Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.skipped.add(&found.path, "its owner may not read it");
                Ok(None)
            }
            // Gone, or a link now: the next snapshot has what it is then.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads a file until it holds still for as long as that takes.
    fn read_file(&mut self, file: &mut File) -> Result<(Content, bool), NotTaken> {
        let mut left = READS;
        loop {
            left -= 1;
            let before = Mark::of(&file.metadata()?);
            file.rewind()?;
            let content = self.send(&mut *file, before.size, Cut::Content)?;
            let after = Mark::of(&file.metadata()?);
            if (before == after && content.size == before.size) || left == 0 {
                return Ok((content, false));
            }
        }
    }

    /// Copies a database and reads the copy. One that is locked stays as it was; what
    /// SQLite cannot read is a file like any other.
    fn read_database(&mut self, found: &Found) -> Result<Option<(Content, bool)>, NotTaken> {
        let path = self.source.data.join(&found.path);
        let copy = self.source.scratch.join("database");
        let copied = database::copy(&path, &copy);
        let result = match copied {
            Ok(()) => {
                let file = File::open(&copy)?;
                let size = file.metadata()?.len();
                self.send(file, size, Cut::Pages)
                    .map(|content| Some((content, true)))
            }
            Err(NotCopied::Io(error)) => Err(error.into()),
            Err(NotCopied::Unreadable(_)) => match self.open(found)? {
                Some(mut file) => self.read_file(&mut file).map(Some),
                None => Ok(None),
            },
            Err(NotCopied::Locked) => {
                self.keep_as_it_was(found);
                Ok(None)
            }
        };
        remove(&copy)?;
        result
    }

    /// A database that could not be copied is in the snapshot as it was in the one before.
    fn keep_as_it_was(&mut self, found: &Found) {
        self.databases.insert(found.path.clone());
        let known = self.known.filter(|known| {
            known
                .file(&found.path)
                .is_some_and(|file| file.chunks.iter().all(|chunk| known.has(chunk)))
        });
        match known.and_then(|known| known.file(&found.path)).cloned() {
            Some(file) => {
                self.skipped.add(
                    &found.path,
                    "somebody keeps the database locked; kept as it was before",
                );
                self.add(found, file.size, file.sha256, file.chunks);
            }
            None => self
                .skipped
                .add(&found.path, "somebody keeps the database locked"),
        }
    }

    /// Cuts what a source holds, and sends what is not stored.
    fn send(&mut self, source: impl Read, size: u64, how: Cut) -> Result<Content, NotTaken> {
        let (mut whole, mut read) = (Sha256::new(), 0u64);
        let mut chunks: Vec<Digest> = Vec::new();
        cut::<NotTaken>(source, size, how, |bytes| {
            read += bytes.len() as u64;
            whole.update(bytes);
            let hash = if chunks.is_empty() {
                Digest(whole.clone().finalize().into())
            } else {
                Digest::of(bytes)
            };
            chunks.push(hash);
            let stored = self.known.is_some_and(|known| known.has(&hash));
            if stored || self.packer.add(hash, bytes) {
                return Ok(());
            }
            Err(StoreError::Away("packs are not taken any more".to_owned()).into())
        })?;
        Ok(Content {
            size: read,
            sha256: Digest(whole.finalize().into()),
            chunks,
        })
    }
}

fn begins_as_database(file: &mut File) -> io::Result<bool> {
    let mut start = [0; MAGIC.len()];
    let mut read = 0;
    while let Some(rest) = start.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => return Ok(false),
            n => read += n,
        }
    }
    Ok(start == *MAGIC)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn nanoseconds_now() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i128::try_from(since.as_nanos()).unwrap_or(i128::MAX)
    })
}
