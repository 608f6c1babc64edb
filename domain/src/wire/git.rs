//! What tedix-init brings from Git repositories, at `http://git.internal`, with the
//! credential that only PID 1 holds. `NAME` is that of a [`GitOrder`].
//!
//! - `GET /NAME/info/refs?service=git-upload-pack`, `POST /NAME/git-upload-pack`: Git's own
//!   protocol for fetching; the Worker adds the repository's address and its credential.
//! - `GET /NAME/cache/COMMIT` → a pack with everything that the commit needs, or 404
//! - `PUT /NAME/cache/COMMIT` with one, its Content-Length and [`SHA256_HEADER`]

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::policy::CommitId;

/// Names the SHA-256 of a body, in lower-case hex.
pub const SHA256_HEADER: &str = "x-tedix-sha256";
/// Largest pack that is kept, in bytes.
pub const MAX_PACK: u64 = 64 * 1024 * 1024;
/// Most repositories of a gateway.
pub const MAX_SOURCES: usize = 200;

/// Something to bring into the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitOrder {
    /// `packs/` and the name of a skill pack, or `workspace`.
    pub name: String,
    /// The commit.
    pub commit: CommitId,
    /// The branch whose newest commit is to be reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Folder in the repository; its root when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// How far a [`GitOrder`] has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitState {
    /// Which.
    pub name: String,
    /// The commit that is in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_use: Option<CommitId>,
    /// Newest commit of the branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<CommitId>,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A repository as `GET status` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// `packs/` and the name of a skill pack, or `workspace`.
    pub name: String,
    /// Its address.
    pub repository: String,
    /// The commit that the policy says.
    pub pinned: CommitId,
    /// The commit that is in place, or began the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_use: Option<CommitId>,
    /// Newest commit of the branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<CommitId>,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// When the container last said something new about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// What was proposed to the repository last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed: Option<Proposed>,
}

/// A branch with changes that agents made or people proposed, and its pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    /// The branch in the repository: the gateway's own.
    pub branch: String,
    /// How far it is.
    pub state: ProposedState,
    /// The commit that the gateway last added to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// The page of the pull request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The commit of the target branch that it became.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_as: Option<CommitId>,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// How far a pull request is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposedState {
    /// The Git host does not have it yet.
    #[default]
    Waiting,
    /// People decide at the Git host.
    Open,
    /// It was merged.
    Merged,
    /// It was closed without being merged.
    Closed,
}
