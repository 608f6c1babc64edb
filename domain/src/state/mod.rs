//! The durable state of a gateway: what a generation is, and what makes one valid.
//!
//! A generation is a [`Manifest`] in R2, written last. It names an [`Index`] (the
//! tree) and the packs that hold the bytes. Packs and indexes are content-addressed:
//! their name is the SHA-256 of what is stored. So nothing that exists is ever
//! written over, and an unchanged gigabyte is not sent again.
//!
//! In scope: the shape of what is stored and every rule that can be checked without
//! I/O. Out of scope: compression, files, R2.

mod digest;
mod index;
mod manifest;
mod path;
mod retention;
#[cfg(test)]
mod tests;

pub use digest::{Digest, DigestError};
pub use index::{Chunk, Directory, File, Index, Link, Pack};
pub use manifest::{ClonedFrom, Manifest, ObjectRef, SnapshotReason, Totals};
pub use path::{MAX_PATH, check_link, check_path};
pub use retention::{DEFAULT_KEEP, Kept, Retention};

/// Version of [`Manifest`] and [`Index`] that this program writes, and the newest
/// that it reads.
pub const SCHEMA: u32 = 1;

/// Most raw bytes in one pack: what a reader has to hold to take a chunk out of it.
pub const MAX_PACK_RAW: u64 = 8 * 1024 * 1024;
/// Most stored bytes of one pack or index. zstd adds a little to what it cannot
/// compress, so a full pack still fits.
pub const MAX_OBJECT: u64 = 16 * 1024 * 1024;
/// Most bytes of an index once decompressed.
pub const MAX_INDEX_RAW: u64 = 128 * 1024 * 1024;
/// Most bytes of a manifest, which is JSON and not compressed.
pub const MAX_MANIFEST: usize = 4 * 1024 * 1024;
/// Most packs of one generation.
pub const MAX_PACKS: usize = 20_000;
/// Most files, directories and links of one generation together.
pub const MAX_ENTRIES: usize = 1_000_000;
/// Most references to chunks of one generation, over all files.
pub const MAX_CHUNKS: usize = 4_000_000;
/// Most bytes of all files of one generation together: 32 GiB, more than the disk of
/// the largest container (20 GB, Cloudflare docs, autumn 2026).
pub const MAX_TREE: u64 = 32 * 1024 * 1024 * 1024;

/// Why something stored is not a valid generation: in a person's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Damage(pub String);

impl Damage {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Reads JSON strictly and refuses a schema from the future with a sentence that says so.
fn read<'a, T: serde::Deserialize<'a>>(what: &str, bytes: &'a [u8]) -> Result<T, Damage> {
    #[derive(serde::Deserialize)]
    struct Probe {
        schema: u32,
    }
    let probe: Probe = serde_json::from_slice(bytes)
        .map_err(|error| Damage(format!("the {what} cannot be read: {error}")))?;
    check_schema(what, probe.schema)?;
    serde_json::from_slice(bytes)
        .map_err(|error| Damage(format!("the {what} cannot be read: {error}")))
}

fn check_schema(what: &str, schema: u32) -> Result<(), Damage> {
    if (1..=SCHEMA).contains(&schema) {
        return Ok(());
    }
    Err(Damage(format!(
        "the {what} has schema {schema}, this version reads up to {SCHEMA}; \
         it was written by a newer tedix-claw"
    )))
}
