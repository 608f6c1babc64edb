//! Where generations are kept: a port, with the gateway Worker and a folder behind it.

use domain::state::{Digest, ObjectRef};

/// Why the store did not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    /// It does not answer, or is in trouble itself: the same may work later.
    #[error("{0}")]
    Away(String),
    /// The lease is somebody else's: nothing may be written any more.
    #[error("the lease on this gateway's state was lost: {0}")]
    LeaseLost(String),
    /// These packs are not there, so a generation that names them cannot be.
    #[error("{} packs are not there", .0.len())]
    MissingPacks(Vec<Digest>),
    /// Somebody else has written that generation.
    #[error("the generation exists: {0}")]
    Conflict(String),
    /// What was asked for is not there.
    #[error("{0} is not there")]
    Absent(String),
    /// It refuses, and will again.
    #[error("{0}")]
    Refused(String),
}

/// Keeps objects by their content, and generations by their number.
pub(crate) trait Store: Sync {
    /// Which of these are not there with that size.
    fn missing(&self, objects: &[ObjectRef]) -> Result<Vec<Digest>, StoreError>;

    /// The stored bytes of an object, unverified and at most one more than they should be.
    fn object(&self, object: &ObjectRef) -> Result<Vec<u8>, StoreError>;

    /// Stores an object; one that is there already stays.
    fn put_object(&self, key: Digest, bytes: &[u8]) -> Result<(), StoreError>;

    /// The manifest of a generation, unverified.
    fn manifest(&self, generation: u64) -> Result<Vec<u8>, StoreError>;

    /// Makes a generation exist. Everything that it names is there before.
    fn commit(&self, generation: u64, manifest: &[u8]) -> Result<(), StoreError>;
}
