//! Pull requests at Git hosts, through their REST APIs: one commit at a time on a branch of
//! ours, never over what is there, and nothing twice.
//!
//! The rules are over a port ([`crate::ports::GitApi`]); the token is added behind it.

mod client;
mod github;
mod gitlab;
#[cfg(test)]
pub(crate) mod tests;
mod tokens;

pub use tokens::GitTokens;

use chrono::{DateTime, Utc};
use domain::git::Source;
use domain::git::change::is_ours;
use domain::policy::{CommitId, GitService};

use crate::ports::GitApi;
use client::Client;

/// What is to be done at a Git host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The repository; its branch takes the pull request.
    pub source: Source,
    /// Our branch.
    pub branch: String,
    /// The commit that our branch begins at.
    pub base: CommitId,
    /// The pull request, once there is one.
    pub number: Option<u64>,
    /// What to add; none only looks how far the pull request is.
    pub change: Option<FileCommit>,
    /// Whether the pull request is to be closed: everything in it was rejected.
    pub close: bool,
    /// Title of the pull request.
    pub title: String,
    /// What the pull request says.
    pub body: String,
    /// Who commits: a name and an e-mail address.
    pub author: (String, String),
}

/// A commit that changes one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCommit {
    /// The proposal that it carries out.
    pub proposal: String,
    /// The file, from the root of the repository.
    pub path: String,
    /// What it is to hold; none takes it away.
    pub text: Option<String>,
    /// What the commit says.
    pub message: String,
    /// When the change was proposed: the same change makes the same commit.
    pub at: DateTime<Utc>,
}

/// What came of a [`Job`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The repository says so already, so there is nothing to propose.
    Nothing,
    /// People decide at the Git host.
    Open {
        /// The newest commit of the branch, where it was looked at.
        commit: Option<CommitId>,
        /// The pull request.
        number: u64,
    },
    /// It was merged, as this commit. Nothing was added.
    Merged(CommitId),
    /// It was closed without being merged. Nothing was added.
    Closed,
}

/// Why a [`Job`] could not be done, in words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It is worth trying again.
    Later(String),
    /// The Git host refuses this change.
    Refused(String),
}

/// How far a pull request is.
enum Progress {
    Open,
    Merged(CommitId),
    Closed,
}

/// Does a job, or finds it done.
///
/// # Errors
/// When the Git host does not answer, refuses, or answers what cannot be.
pub async fn run<A: GitApi>(api: &A, job: &Job) -> Result<Outcome, Failure> {
    let refused = |why: &str| Failure::Refused(why.to_owned());
    let service = job.source.pull_requests;
    let service = service.ok_or_else(|| refused("the policy takes no pull requests"))?;
    let target = job.source.branch.as_deref();
    let target = target.ok_or_else(|| refused("the policy names no branch"))?;
    // INVARIANT: nothing but a branch of ours is ever written to.
    if !is_ours(&job.branch) || job.branch == target {
        return Err(refused("the branch has no name of ours"));
    }
    let client = Client::new(api, job, service, target)?;
    if let Some(number) = job.number {
        let progress = match service {
            GitService::Github => github::look(&client, number).await?,
            GitService::Gitlab => gitlab::look(&client, number).await?,
        };
        match progress {
            Progress::Open if job.close && job.change.is_none() => {
                match service {
                    GitService::Github => github::close(&client, number).await?,
                    GitService::Gitlab => gitlab::close(&client, number).await?,
                }
                return Ok(Outcome::Closed);
            }
            Progress::Open => {}
            Progress::Merged(commit) => return Ok(Outcome::Merged(commit)),
            Progress::Closed => return Ok(Outcome::Closed),
        }
    }
    let commit = match (&job.change, service) {
        (None, _) => None,
        (Some(change), GitService::Github) => github::commit(&client, change).await?,
        (Some(change), GitService::Gitlab) => gitlab::commit(&client, change).await?,
    };
    let number = match (job.number, &commit, service) {
        (Some(number), _, _) => number,
        (None, None, _) => return Ok(Outcome::Nothing),
        (None, Some(_), GitService::Github) => github::open(&client).await?,
        (None, Some(_), GitService::Gitlab) => gitlab::open(&client).await?,
    };
    Ok(Outcome::Open { commit, number })
}
