//! What is kept, where and for how long.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::policy::value::{AgentId, CommitId, IsoDuration};

/// What is kept, where and for how long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Persistence {
    /// Snapshots of what OpenClaw owns: its state directory and workspaces.
    #[serde(default, skip_serializing_if = "is_default")]
    pub snapshots: Snapshots,
    /// For how long nobody needs the gateway before it goes to sleep, from `PT5M` to `P7D`;
    /// it never does when absent. A visit and scheduled jobs wake it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sleep_after: Option<IsoDuration>,
    /// Skill packs by name, each at a commit that people chose.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub skill_packs: BTreeMap<AgentId, SkillPack>,
    /// Repository that a new workspace begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceRepository>,
}

/// When snapshots are taken and how long they are kept. One is always kept: the newest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Snapshots {
    /// Time between two, from `PT1M` to `P7D`; the gateway's own rhythm when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<IsoDuration>,
    /// How many are kept; 1 to 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
    /// For how long they are kept, from `PT1H`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_for: Option<IsoDuration>,
}

/// Skills from a Git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SkillPack {
    /// Where it is: `https://…`, without user, query and fragment; `http://` on this
    /// machine only.
    pub repository: String,
    /// The commit in use; another one is a change of this policy.
    pub commit: CommitId,
    /// Branch whose newest commit is shown as available, such as `main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Folder in the repository that holds the skills; its root when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Changes that wait for a person become pull requests on `branch`, through this API of
    /// the Git host; none do when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_requests: Option<GitService>,
    /// What a merged pull request means here; `manual` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote: Option<Promotion>,
}

/// The API through which a Git host takes pull requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GitService {
    /// GitHub's REST API.
    Github,
    /// GitLab's REST API.
    Gitlab,
}

/// What a merged pull request means for the commit in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Promotion {
    /// Nothing: a person saves a policy with another commit.
    #[default]
    Manual,
    /// Its commit is the one in use from then on, as a new version of the policy.
    Merged,
}

/// Repository that a new workspace begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkspaceRepository {
    /// Where it is: `https://…`, without user, query and fragment; `http://` on this
    /// machine only.
    pub repository: String,
    /// Branch, such as `main`.
    pub branch: String,
    /// The commit that a new workspace starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// Changes that wait for a person become pull requests on `branch`, through this API of
    /// the Git host; none do when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_requests: Option<GitService>,
    /// What a merged pull request means here; `manual` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote: Option<Promotion>,
}
