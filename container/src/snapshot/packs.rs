//! Chunks on their way into the store: grouped, compressed and sent by a thread of its
//! own while the next ones are read, and taken out again.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use domain::state::{Chunk, Digest, MAX_PACK_RAW, ObjectRef, Pack};

use super::store::{Store, StoreError};

/// zstd's own default: fast, and most of what there is to gain.
const LEVEL: i32 = 3;

/// Chunks that become a pack.
#[derive(Debug, Default)]
struct Open {
    raw: Vec<u8>,
    chunks: Vec<Chunk>,
}

/// Takes new chunks and sends them in packs. Holds at most three packs at a time: the
/// one that fills, one that waits, one that is being sent.
#[derive(Debug)]
pub(super) struct Packer<'scope> {
    open: Open,
    /// What is on its way already.
    sent: HashSet<Digest>,
    sender: SyncSender<Open>,
    worker: ScopedJoinHandle<'scope, Result<Vec<Pack>, StoreError>>,
}

impl<'scope> Packer<'scope> {
    /// Begins to send to a store.
    pub(super) fn start<'env>(scope: &'scope Scope<'scope, 'env>, store: &'env dyn Store) -> Self {
        let (sender, receiver) = sync_channel(1);
        Self {
            open: Open::default(),
            sent: HashSet::new(),
            sender,
            worker: scope.spawn(move || send_all(&receiver, store)),
        }
    }

    /// Adds a chunk, unless it is on its way; false when sending has failed, for which
    /// [`Self::finish`] has the reason.
    pub(super) fn add(&mut self, hash: Digest, bytes: &[u8]) -> bool {
        if !self.sent.insert(hash) {
            return true;
        }
        let full = (self.open.raw.len() + bytes.len()) as u64 > MAX_PACK_RAW;
        if full && !self.flush() {
            return false;
        }
        self.open.chunks.push(Chunk {
            hash,
            offset: self.open.raw.len() as u64,
            length: bytes.len() as u64,
        });
        self.open.raw.extend_from_slice(bytes);
        true
    }

    /// Sends the rest; all the packs, once every one of them is stored.
    pub(super) fn finish(mut self) -> Result<Vec<Pack>, StoreError> {
        self.flush();
        drop(self.sender);
        self.worker
            .join()
            .unwrap_or_else(|_| Err(StoreError::Refused("the sending thread failed".to_owned())))
    }

    fn flush(&mut self) -> bool {
        if self.open.chunks.is_empty() {
            return true;
        }
        self.sender.send(std::mem::take(&mut self.open)).is_ok()
    }
}

fn send_all(receiver: &Receiver<Open>, store: &dyn Store) -> Result<Vec<Pack>, StoreError> {
    let mut packs = Vec::new();
    for open in receiver {
        let object = send(&open.raw, store)?;
        packs.push(Pack {
            key: object.key,
            bytes: object.bytes,
            raw_bytes: object.raw_bytes,
            chunks: open.chunks,
        });
    }
    Ok(packs)
}

/// Compresses and stores bytes, as a pack or an index.
pub(super) fn send(raw: &[u8], store: &dyn Store) -> Result<ObjectRef, StoreError> {
    let stored = zstd::bulk::compress(raw, LEVEL)
        .map_err(|error| StoreError::Refused(format!("cannot compress: {error}")))?;
    let object = ObjectRef {
        key: Digest::of(&stored),
        bytes: stored.len() as u64,
        raw_bytes: raw.len() as u64,
    };
    store.put_object(object.key, &stored)?;
    Ok(object)
}

/// What an object holds, once its bytes are the ones that its name promises and not more
/// than it says.
pub(super) fn open(object: &ObjectRef, stored: &[u8]) -> Result<Vec<u8>, String> {
    let key = object.key;
    if stored.len() as u64 != object.bytes {
        return Err(format!(
            "object {key} has another size than {}",
            object.bytes
        ));
    }
    if Digest::of(stored) != key {
        return Err(format!("object {key} holds other bytes than its name says"));
    }
    // INVARIANT: the manifest was checked, so this is at most MAX_INDEX_RAW.
    let size = usize::try_from(object.raw_bytes).map_err(|error| error.to_string())?;
    let raw = zstd::bulk::decompress(stored, size)
        .map_err(|error| format!("object {key} cannot be decompressed: {error}"))?;
    if raw.len() != size {
        return Err(format!("object {key} holds less than it says"));
    }
    Ok(raw)
}
