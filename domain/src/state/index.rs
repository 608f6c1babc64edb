//! The tree of a generation: which files there are, and which chunks make each.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{
    Damage, Digest, MAX_CHUNKS, MAX_ENTRIES, MAX_PACK_RAW, MAX_PACKS, MAX_TREE, Manifest,
    ObjectRef, check_link, check_path,
};

/// Bits of a mode that are kept: neither set-user-id nor sticky.
const MODES: u32 = 0o777;

/// The tree of a generation. Stored as one zstd frame over its JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// Version of this format, [`super::SCHEMA`].
    pub schema: u32,
    /// Directories, parents before what is in them. Those that files imply need not be here.
    pub directories: Vec<Directory>,
    /// Files.
    pub files: Vec<File>,
    /// Symbolic links. A restore makes them last.
    pub links: Vec<Link>,
    /// Packs that hold the chunks, in the order of their keys.
    pub packs: Vec<Pack>,
}

/// A directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// Where, see [`check_path`].
    pub path: String,
    /// Permission bits, at most `0o777`.
    pub mode: u32,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where, see [`check_path`].
    pub path: String,
    /// Permission bits, at most `0o777`.
    pub mode: u32,
    /// When it was last changed, in Unix seconds.
    pub modified: i64,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 of its content.
    pub sha256: Digest,
    /// Chunks that make it, one after the other; none for an empty file.
    pub chunks: Vec<Digest>,
}

/// A symbolic link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Where, see [`check_path`].
    pub path: String,
    /// What it points to, see [`check_link`].
    pub target: String,
}

/// A pack: one zstd frame over its chunks, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// SHA-256 of its stored bytes, and its name.
    pub key: Digest,
    /// Its stored size in bytes.
    pub bytes: u64,
    /// Its size once decompressed: the sum of its chunks.
    pub raw_bytes: u64,
    /// What is in it, in order and without gaps.
    pub chunks: Vec<Chunk>,
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chunk {
    /// SHA-256 of its bytes.
    pub hash: Digest,
    /// Where it begins in the decompressed pack.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
}

impl Index {
    /// Reads a decompressed index strictly and checks it against its manifest.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(bytes: &[u8], manifest: &Manifest) -> Result<Self, Damage> {
        let index: Self = super::read("index", bytes)?;
        index.check()?;
        index.belongs(manifest)?;
        Ok(index)
    }

    /// Checks that it is the index of that manifest: same packs, same totals.
    ///
    /// # Errors
    /// What differs.
    pub fn belongs(&self, manifest: &Manifest) -> Result<(), Damage> {
        let own = self.packs.iter().map(|pack| ObjectRef {
            key: pack.key,
            bytes: pack.bytes,
            raw_bytes: pack.raw_bytes,
        });
        if !own.eq(manifest.packs.iter().copied()) {
            return Err(Damage::new("index and manifest name different packs"));
        }
        let bytes = self.files.iter().map(|file| file.size).sum::<u64>();
        if self.files.len() as u64 != manifest.totals.files || bytes != manifest.totals.bytes {
            return Err(Damage::new("index and manifest do not add up to the same"));
        }
        Ok(())
    }

    /// Checks every rule that needs no bytes: paths, sizes, sums, what lies below what.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Damage> {
        super::check_schema("index", self.schema)?;
        let entries = self.directories.len() + self.files.len() + self.links.len();
        if entries > MAX_ENTRIES || self.packs.len() > MAX_PACKS {
            return Err(Damage::new("the index has too many entries"));
        }
        self.check_paths()?;
        let lengths = self.check_packs()?;
        self.check_files(&lengths)
    }

    fn check_paths(&self) -> Result<(), Damage> {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut directories: HashSet<&str> = HashSet::new();
        let mut add = |path| {
            check_path(path)?;
            let new = seen.insert(path);
            new.then_some(())
                .ok_or_else(|| Damage(format!("the path {path:?} is there twice")))
        };
        for directory in &self.directories {
            add(&directory.path)?;
            directories.insert(&directory.path);
        }
        for file in &self.files {
            add(&file.path)?;
        }
        for link in &self.links {
            add(&link.path)?;
            check_link(&link.path, &link.target)?;
        }
        let modes = self.directories.iter().map(|directory| directory.mode);
        let mut modes = modes.chain(self.files.iter().map(|file| file.mode));
        if modes.any(|mode| mode & !MODES != 0) {
            return Err(Damage::new("a mode has more than permission bits"));
        }
        // Nothing lies below a file or a link: a restore that went through one would
        // write where the link points.
        for path in &seen {
            let mut above = *path;
            while let Some((parent, _)) = above.rsplit_once('/') {
                if seen.contains(parent) && !directories.contains(parent) {
                    return Err(Damage(format!(
                        "{path:?} lies below {parent:?}, which is no directory"
                    )));
                }
                above = parent;
            }
        }
        Ok(())
    }

    fn check_packs(&self) -> Result<HashMap<Digest, u64>, Damage> {
        let mut lengths = HashMap::new();
        let ordered = |pair: &[Pack]| matches!(pair, [a, b] if a.key < b.key);
        if !self.packs.windows(2).all(ordered) {
            return Err(Damage::new("the packs are not in order"));
        }
        for pack in &self.packs {
            let mut end = 0u64;
            for chunk in &pack.chunks {
                if chunk.offset != end || chunk.length == 0 || chunk.length > MAX_PACK_RAW {
                    return Err(Damage(format!("pack {} has gaps", pack.key)));
                }
                // INVARIANT: both are at most MAX_PACK_RAW here, so the sum fits.
                end = chunk.offset + chunk.length;
                if end > MAX_PACK_RAW {
                    return Err(Damage(format!("pack {} is too large", pack.key)));
                }
                lengths.insert(chunk.hash, chunk.length);
            }
            if end != pack.raw_bytes {
                return Err(Damage(format!("pack {} does not add up", pack.key)));
            }
        }
        Ok(lengths)
    }

    fn check_files(&self, lengths: &HashMap<Digest, u64>) -> Result<(), Damage> {
        let (mut references, mut total) = (0usize, 0u64);
        for file in &self.files {
            references = references.saturating_add(file.chunks.len());
            if references > MAX_CHUNKS {
                return Err(Damage::new("the index refers to too many chunks"));
            }
            let mut size = 0u64;
            for chunk in &file.chunks {
                let length = lengths.get(chunk).ok_or_else(|| {
                    Damage(format!("chunk {chunk} of {:?} is in no pack", file.path))
                })?;
                size = size.saturating_add(*length);
            }
            if size != file.size {
                return Err(Damage(format!(
                    "{:?} is {} bytes long, its chunks {size}",
                    file.path, file.size
                )));
            }
            total = total.saturating_add(size);
            if total > MAX_TREE {
                return Err(Damage::new("the state is too large"));
            }
        }
        Ok(())
    }
}
