//! What the container's door asks about Git repositories.

use serde::{Deserialize, Serialize};

/// Answer to [`super::Command::Git`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitTicket {
    /// Part of every key in the bucket.
    pub line: String,
    /// The repository's address.
    pub repository: String,
    /// The commit that the policy says.
    pub commit: String,
    /// Every commit that the policy says.
    pub pinned: Vec<String>,
}
