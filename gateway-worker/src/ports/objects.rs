//! Objects in R2, as the rules need them.

use chrono::{DateTime, Utc};
use domain::problem::Problem;

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was written.
    pub uploaded_at: DateTime<Utc>,
}

/// A page of a listing, in the order of the keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The objects.
    pub objects: Vec<ObjectInfo>,
    /// Key after which the next page begins; none on the last.
    pub after: Option<String>,
}

/// Why an object could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// What arrived is not what its checksum says, or not that long.
    #[error("the bytes do not match their SHA-256 or their length")]
    Mismatch,
    /// It is larger than expected.
    #[error("the object is too large")]
    TooLarge,
    /// The store failed.
    #[error("object store: {0}")]
    Failed(String),
}

/// A bucket.
pub trait ObjectStore {
    /// A stream of bytes.
    type Body;

    /// What is known of an object; none when it is not there.
    ///
    /// # Errors
    /// When the store fails.
    fn head(&self, key: &str) -> impl Future<Output = Result<Option<ObjectInfo>, StoreError>>;

    /// A small object as a whole; none when it is not there.
    ///
    /// # Errors
    /// When it has more than `limit` bytes or the store fails.
    fn read(
        &self,
        key: &str,
        limit: usize,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>>;

    /// An object with its size, streamed; none when it is not there.
    ///
    /// # Errors
    /// When the store fails.
    fn stream(
        &self,
        key: &str,
    ) -> impl Future<Output = Result<Option<(u64, Self::Body)>, StoreError>>;

    /// Writes a small object unless there is one of that key; whether it did.
    ///
    /// # Errors
    /// When the store fails.
    fn create(&self, key: &str, bytes: &[u8]) -> impl Future<Output = Result<bool, StoreError>>;

    /// Writes an object of known length and SHA-256, which the store itself checks.
    ///
    /// # Errors
    /// When the bytes are others, or the store fails. Nothing is written then.
    fn store(
        &self,
        key: &str,
        body: Self::Body,
        length: u64,
        sha256: [u8; 32],
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Up to 1,000 objects whose keys begin with `prefix` and come after `after`.
    ///
    /// # Errors
    /// When the store fails.
    fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Listing, StoreError>>;

    /// Removes up to 1,000 objects; those that are not there are no error.
    ///
    /// # Errors
    /// When the store fails.
    fn delete(&self, keys: &[String]) -> impl Future<Output = Result<(), StoreError>>;
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Mismatch => Self::invalid(format!("Nothing was stored: {error}.")),
            StoreError::TooLarge => {
                Self::conflict("An object in the store is larger than any of ours.")
            }
            // The adapter has logged what it was.
            StoreError::Failed(_) => {
                Self::unavailable("The object store does not answer; try again.")
                    .with_retry_after(2)
            }
        }
    }
}
