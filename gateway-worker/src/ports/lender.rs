//! Another gateway that lends a generation of its state.

/// What it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lent<B> {
    /// HTTP status.
    pub status: u16,
    /// The body, whatever the status.
    pub body: B,
}

/// Reads from one gateway with one code. Redirects are not followed.
pub trait Lender {
    /// A stream of bytes, as the object store takes them.
    type Body;

    /// The beginning of something small, `limit` bytes at most. `path` is below the API's prefix.
    ///
    /// # Errors
    /// When there is no answer or it breaks off, in a person's words.
    fn small(
        &self,
        path: &str,
        limit: usize,
    ) -> impl Future<Output = Result<Lent<Vec<u8>>, String>>;

    /// Something large, streamed. `path` is below the API's prefix.
    ///
    /// # Errors
    /// When there is no answer, in a person's words.
    fn stream(&self, path: &str) -> impl Future<Output = Result<Lent<Self::Body>, String>>;
}
