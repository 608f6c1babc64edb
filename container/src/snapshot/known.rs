//! What is known of the generation before: which chunks are stored, and how files looked
//! when they were read. By it an unchanged file is not even opened.

use std::collections::{HashMap, HashSet};

use domain::state::{Digest, File, Index, Pack};

use super::tree::Mark;

/// A pack of which less than this part is still in use is left behind: what is still
/// needed of it goes into a new one, so that the store can let it go.
const WORTH: f64 = 0.25;
/// Times are no finer than this, in nanoseconds: a file that changed so shortly before it
/// was read may change again without looking different.
const COARSE: i128 = 1_000_000_000;

/// How a file looked when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// The file, and for a database what SQLite keeps beside it.
    pub marks: Vec<Option<Mark>>,
    /// Whether it was copied as a database.
    pub database: bool,
}

/// What is known of a generation.
#[derive(Debug)]
pub(crate) struct Known {
    pub(super) index: Index,
    pub(super) seen: HashMap<String, Seen>,
    /// In which pack of the index each chunk lies.
    chunks: HashMap<Digest, usize>,
    /// Where each file is in the index.
    files: HashMap<String, usize>,
}

impl Known {
    /// What is known of a generation.
    pub(super) fn new(index: Index, seen: HashMap<String, Seen>) -> Self {
        let mut chunks = HashMap::new();
        let used: HashSet<Digest> = index
            .files
            .iter()
            .flat_map(|file| file.chunks.iter().copied())
            .collect();
        for (at, pack) in index.packs.iter().enumerate() {
            let live = pack
                .chunks
                .iter()
                .filter(|chunk| used.contains(&chunk.hash));
            let live: u64 = live.map(|chunk| chunk.length).sum();
            if live as f64 >= pack.raw_bytes as f64 * WORTH {
                chunks.extend(pack.chunks.iter().map(|chunk| (chunk.hash, at)));
            }
        }
        let paths = index.files.iter().enumerate();
        let files = paths.map(|(at, file)| (file.path.clone(), at)).collect();
        Self {
            index,
            seen,
            chunks,
            files,
        }
    }

    /// These packs are not there any more.
    pub(super) fn forget(&mut self, missing: &[Digest]) {
        let missing: HashSet<&Digest> = missing.iter().collect();
        let packs = &self.index.packs;
        self.chunks.retain(|_, at| {
            packs
                .get(*at)
                .is_some_and(|pack| !missing.contains(&pack.key))
        });
    }

    /// Whether a chunk is stored.
    pub(super) fn has(&self, chunk: &Digest) -> bool {
        self.chunks.contains_key(chunk)
    }

    /// The packs that hold these chunks, as far as they are stored.
    pub(super) fn packs_of<'a>(
        &'a self,
        chunks: impl Iterator<Item = &'a Digest>,
    ) -> Vec<&'a Pack> {
        let mut used: Vec<usize> = chunks
            .filter_map(|chunk| self.chunks.get(chunk).copied())
            .collect();
        used.sort_unstable();
        used.dedup();
        used.into_iter()
            .filter_map(|at| self.index.packs.get(at))
            .collect()
    }

    /// A file as it was.
    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.index.files.get(*self.files.get(path)?)
    }

    /// A file as it was, if it still looks the same and all of it is stored.
    pub(super) fn unchanged(&self, path: &str, marks: &[Option<Mark>]) -> Option<(&File, &Seen)> {
        let seen = self.seen.get(path)?;
        let same = if seen.database {
            seen.marks == marks
        } else {
            seen.marks.first() == marks.first()
        };
        let file = self.file(path).filter(|_| same)?;
        file.chunks
            .iter()
            .all(|chunk| self.has(chunk))
            .then_some((file, seen))
    }
}

impl Seen {
    /// How a file looked, if its looks tell when it changes: not when it changed only a
    /// moment before `read_at`, in nanoseconds since 1970.
    pub(super) fn telling(marks: Vec<Option<Mark>>, database: bool, read_at: i128) -> Option<Self> {
        let old = |mark: &Mark| mark.changed.max(mark.modified) < read_at - COARSE;
        marks
            .iter()
            .flatten()
            .all(old)
            .then_some(Self { marks, database })
    }
}
