//! Reads the files of a snapshot: only those that are not as they were, databases as
//! copies of one moment, others until they hold still.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::state::{Digest, File as Entry, MAX_TREE};
use rustix::fs::OFlags;
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::chunks::{Cut, cut};
use super::database::{self, MAGIC, NotCopied};
use super::known::{Known, Seen};
use super::packs::Packer;
use super::rules::database_of_sidecar;
use super::store::StoreError;
use super::take::{NotTaken, Source};
use super::tree::{Found, Mark, Skipped};

/// How often a file is read that changes while it is read. After that it is kept as it
/// was read: what is appended to a log meanwhile is in the next snapshot.
const READS: u32 = 3;
/// What SQLite keeps beside a database and writes to before the database itself.
const JOURNALS: [&str; 2] = ["-wal", "-journal"];

/// Reads files, and hands what is new to a packer.
pub(super) struct Reader<'a, 'scope> {
    source: &'a Source,
    known: Option<&'a Known>,
    reading: Reading<'scope>,
    /// Files that are databases.
    databases: HashSet<String>,
    bytes: u64,
}

/// What was read.
pub(super) struct Reading<'scope> {
    /// Sends what is new.
    pub(super) packer: Packer<'scope>,
    /// The files, in the order in which they were read.
    pub(super) files: Vec<Entry>,
    /// How they looked.
    pub(super) seen: HashMap<String, Seen>,
    /// What was left out.
    pub(super) skipped: Skipped,
}

/// The result of reading one file.
struct Content {
    size: u64,
    sha256: Digest,
    chunks: Vec<Digest>,
}

impl<'a, 'scope> Reader<'a, 'scope> {
    pub(super) fn new(
        source: &'a Source,
        known: Option<&'a Known>,
        packer: Packer<'scope>,
        skipped: Skipped,
    ) -> Self {
        Self {
            source,
            known,
            reading: Reading {
                packer,
                files: Vec::new(),
                seen: HashMap::new(),
                skipped,
            },
            databases: HashSet::new(),
            bytes: 0,
        }
    }

    pub(super) fn into_reading(self) -> Reading<'scope> {
        self.reading
    }

    /// Reads every file that is not as it was: databases first, since they refer to
    /// other files, and what SQLite keeps beside them not at all.
    pub(super) fn read_all(&mut self, found: &[Found]) -> Result<(), NotTaken> {
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
            self.reading.seen.insert(path.clone(), seen);
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
            self.reading.seen.insert(path.clone(), seen);
        }
        self.add(found, content.size, content.sha256, content.chunks);
        Ok(())
    }

    fn add(&mut self, found: &Found, size: u64, sha256: Digest, chunks: Vec<Digest>) {
        self.bytes = self.bytes.saturating_add(size);
        self.reading.files.push(Entry {
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
                self.reading
                    .skipped
                    .add(&found.path, "its owner may not read it");
                Ok(None)
            }
            // Gone, or a link now: the next snapshot has what it is then.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Ok(None),
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
                self.reading.skipped.add(
                    &found.path,
                    "somebody keeps the database locked; kept as it was before",
                );
                self.add(found, file.size, file.sha256, file.chunks);
            }
            None => self
                .reading
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
            if stored || self.reading.packer.add(hash, bytes) {
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
