//! Pull requests: which proposals go into the repositories that the policy names, what became
//! of them there, and what that means for the commit in use.

mod settle;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::git::change::{branch, change_of, inert, page};
use domain::git::{self, Source, words};
use domain::policy::CommitId;
use domain::proposal::{Proposal, State};
use domain::wire::git::{Proposed, ProposedState};
use serde::{Deserialize, Serialize};

use super::{Core, GATEWAY};
use crate::forge::{Failure, FileCommit, Job, Outcome};
use crate::ports::{Db, StorageError};
use crate::sandbox::backoff::backoff;
use crate::sandbox::store::proposals;
use crate::sandbox::store::records::{self, Record};

/// Most proposals of one repository that wait for its Git host.
const MAX_QUEUE: usize = 50;
/// Wait before the Git host is asked again, in seconds; it doubles.
const FIRST_WAIT: i64 = 15;
/// Longest wait between two looks at a pull request, in seconds.
const MAX_LOOK: i64 = 15 * 60;
/// Longest wait after failures, in seconds.
const MAX_RETRY: i64 = 3_600;
/// After this many seconds without an end a job counts as lost with the isolate that did it.
const LOST: i64 = 120;

/// Every repository's, by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pulls {
    sources: BTreeMap<String, Pull>,
    /// Since when a job is done.
    #[serde(skip)]
    under_way: Option<DateTime<Utc>>,
}

/// One repository's branch and pull request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Pull {
    repository: String,
    /// How many branches there were.
    attempt: u64,
    branch: String,
    /// The commit that the branch began at.
    base: Option<CommitId>,
    /// Proposals that wait.
    #[serde(default)]
    queue: Vec<String>,
    /// Proposals that are in the branch.
    #[serde(default)]
    carried: Vec<String>,
    #[serde(default)]
    commit: Option<CommitId>,
    #[serde(default)]
    number: Option<u64>,
    #[serde(default)]
    state: ProposedState,
    #[serde(default)]
    merged_as: Option<CommitId>,
    #[serde(default)]
    problem: Option<String>,
    #[serde(default)]
    failures: u32,
    #[serde(default)]
    looks: u32,
    #[serde(default)]
    due_at: Option<DateTime<Utc>>,
}

impl Pull {
    fn wait(&mut self, count: u32, most: i64, now: DateTime<Utc>) {
        let seconds = backoff(FIRST_WAIT, count, most);
        self.due_at = Some(now + TimeDelta::seconds(seconds));
    }
}

impl<D: Db> Core<D> {
    /// Takes a proposal that waits for a person up into a pull request, where it changes a
    /// repository that takes them.
    pub(super) fn propose_to_repository(
        &mut self,
        proposal: &Proposal,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let change = change_of(&self.newest.document, &proposal.draft);
        let Some(change) = change.filter(|_| proposal.state == State::Pending) else {
            return Ok(());
        };
        let pull = self.pulls.sources.entry(change.source.name).or_default();
        if pull.queue.len() < MAX_QUEUE {
            pull.queue.push(proposal.id.clone());
            pull.failures = 0;
            pull.due_at = Some(now);
        }
        self.save_pulls()
    }

    /// When a Git host is to be asked; while one is, when that is given up.
    pub(super) fn pulls_due_at(&self) -> Option<DateTime<Utc>> {
        if let Some(since) = self.pulls.under_way {
            return Some(since + TimeDelta::seconds(LOST));
        }
        let pulls = self.pulls.sources.values();
        pulls.filter_map(|pull| pull.due_at).min()
    }

    /// What is due at a Git host now. [`Core::pull_done`] must follow. `line` is the
    /// gateway's folder in the bucket.
    ///
    /// # Errors
    /// When the database fails.
    pub fn begin_pull(
        &mut self,
        line: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Job>, StorageError> {
        if self.pulls_due_at().is_none_or(|due| due > now) {
            return Ok(None);
        }
        self.pulls.under_way = None;
        let due = |pull: &&Pull| pull.due_at.is_some_and(|due| due <= now);
        let names: Vec<String> = self
            .pulls
            .sources
            .iter()
            .filter(|(_, pull)| due(pull))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            let Some(mut pull) = self.pulls.sources.get(&name).cloned() else {
                continue;
            };
            let sources = git::sources(&self.newest.document);
            let mut sources = sources.into_iter();
            let source = sources.find(|source| {
                source.name == name && source.pull_requests.is_some() && source.branch.is_some()
            });
            let job = match source {
                Some(source) => self.job(&mut pull, source, line, now)?,
                // Nobody wants it any longer.
                None => None,
            };
            if job.is_none() {
                pull.due_at = None;
            }
            self.pulls.sources.insert(name, pull);
            self.save_pulls()?;
            if job.is_some() {
                self.pulls.under_way = Some(now);
                return Ok(job);
            }
        }
        Ok(None)
    }

    fn job(
        &self,
        pull: &mut Pull,
        source: Source,
        line: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Job>, StorageError> {
        if pull.repository != source.repository {
            // What was proposed elsewhere is none of this repository's.
            *pull = Pull {
                repository: source.repository.clone(),
                attempt: pull.attempt,
                queue: std::mem::take(&mut pull.queue),
                ..Pull::default()
            };
        }
        let change = self.next_commit(pull, &source, now)?;
        if change.is_none() && pull.state != ProposedState::Open {
            return Ok(None);
        }
        let ended = matches!(pull.state, ProposedState::Merged | ProposedState::Closed);
        if ended || pull.branch.is_empty() {
            // INVARIANT: written down before the Git host hears of it, so the same change goes
            // to the same branch however often it is tried.
            let attempt = pull.attempt.saturating_add(1);
            *pull = Pull {
                repository: source.repository.clone(),
                attempt,
                branch: branch(line, &source.name, attempt),
                base: Some(source.commit.clone()),
                queue: std::mem::take(&mut pull.queue),
                due_at: pull.due_at,
                ..Pull::default()
            };
        }
        let name = &self.settings.name;
        let host = self.settings.public_host();
        let host = host.split(':').next().unwrap_or(host);
        Ok(Some(Job {
            branch: pull.branch.clone(),
            base: pull.base.clone().unwrap_or_else(|| source.commit.clone()),
            number: pull.number,
            close: change.is_none() && self.all_rejected(pull)?,
            change,
            title: format!("Changes proposed by the gateway {name}"),
            body: format!(
                "Proposed by agents or operators of the gateway {name}, for {}. Each commit \
                 says which proposal it is; nothing is in use before it is merged and promoted.",
                source.name
            ),
            author: (format!("tedix-claw {name}"), format!("noreply@{host}")),
            source,
        }))
    }

    /// The first proposal in the queue that is still to be proposed.
    fn next_commit(
        &self,
        pull: &mut Pull,
        source: &Source,
        now: DateTime<Utc>,
    ) -> Result<Option<FileCommit>, StorageError> {
        while let Some(id) = pull.queue.first() {
            if let Some(proposal) = proposals::get(&self.db, id)?
                && matches!(
                    domain::proposal::state_at(&proposal, now),
                    State::Pending | State::Approved
                )
                && let Some(change) = change_of(&self.newest.document, &proposal.draft)
                && change.source.name == source.name
            {
                let verb = match &change.text {
                    Some(_) => "Change",
                    None => "Remove",
                };
                let message = format!(
                    "{verb} {}\n\n{}\n\nProposal {id} of the gateway {}.",
                    inert(&change.path),
                    inert(&proposal.draft.reason),
                    self.settings.name
                );
                return Ok(Some(FileCommit {
                    proposal: id.clone(),
                    path: change.path,
                    text: change.text,
                    message,
                    at: proposal.created_at,
                }));
            }
            pull.queue.remove(0);
        }
        Ok(None)
    }

    /// A job came to an end.
    ///
    /// # Errors
    /// When the database fails.
    pub fn pull_done(
        &mut self,
        job: &Job,
        outcome: Result<Outcome, Failure>,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        self.pulls.under_way = None;
        let name = job.source.name.clone();
        let Some(mut pull) = self.pulls.sources.get(&name).cloned() else {
            return Ok(());
        };
        if pull.repository != job.source.repository || pull.branch != job.branch {
            // It was given up, and another branch has begun since: what it says is of the old one.
            return Ok(());
        }
        let before = pull.clone();
        let id = job.change.as_ref().map(|change| change.proposal.clone());
        let asked = |pull: &mut Pull| pull.queue.retain(|other| Some(other) != id.as_ref());
        match outcome {
            Ok(Outcome::Nothing) => {
                asked(&mut pull);
                (pull.failures, pull.problem, pull.due_at) = (0, None, Some(now));
            }
            Ok(Outcome::Open { commit, number }) => {
                (pull.number, pull.state) = (Some(number), ProposedState::Open);
                (pull.failures, pull.problem) = (0, None);
                pull.commit = commit.or(pull.commit);
                let url = page(&job.source, number).unwrap_or_default();
                if before.number != Some(number) {
                    let words = format!("{name}: {url}");
                    self.note(GATEWAY, "git.pull_request_opened", &words, now)?;
                }
                if let Some(id) = &id {
                    asked(&mut pull);
                    pull.carried.push(id.clone());
                    pull.looks = 0;
                    self.carried(id, &url, now)?;
                }
                let looks = pull.looks;
                pull.wait(looks, MAX_LOOK, now);
                pull.looks = looks.saturating_add(1);
                if !pull.queue.is_empty() {
                    pull.due_at = Some(now);
                }
            }
            Ok(Outcome::Merged(commit)) => {
                (pull.state, pull.merged_as) = (ProposedState::Merged, Some(commit.clone()));
                (pull.failures, pull.problem, pull.due_at) = (0, None, Some(now));
                self.merged(&job.source, &mut pull, &commit, now)?;
            }
            Ok(Outcome::Closed) => {
                pull.state = ProposedState::Closed;
                (pull.failures, pull.problem, pull.due_at) = (0, None, Some(now));
                let url = url(&job.source, &pull);
                self.note(
                    GATEWAY,
                    "git.pull_request_closed",
                    &format!("{name}: {url}"),
                    now,
                )?;
                self.settle_carried(&pull, State::Rejected, &format!("Closed: {url}"), now)?;
            }
            Err(Failure::Refused(why)) if job.change.is_some() => {
                asked(&mut pull);
                let words = words(&why);
                let what = format!("{name}: {}: {words}", id.unwrap_or_default());
                self.note(GATEWAY, "git.pull_request_failed", &what, now)?;
                (pull.problem, pull.due_at) = (Some(words), Some(now));
            }
            // A look has no change to give up: at once again would be for ever.
            Err(Failure::Refused(why) | Failure::Later(why)) => {
                let words = words(&why);
                if before.problem.as_ref() != Some(&words) {
                    let what = format!("{name}: {words}");
                    self.note(GATEWAY, "git.pull_request_failed", &what, now)?;
                }
                let failures = pull.failures;
                pull.problem = Some(words);
                pull.wait(failures, MAX_RETRY, now);
                pull.failures = failures.saturating_add(1);
            }
        }
        let seen = |pull: &Pull| (pull.state, pull.commit.clone(), pull.problem.clone());
        if seen(&before) != seen(&pull) {
            self.announce();
        }
        // A proposal may have come meanwhile: only its place in the queue was ours to change.
        if let Some(newer) = self.pulls.sources.get(&name) {
            let known = |id: &String| before.queue.contains(id);
            let more = newer.queue.iter().filter(|id| !known(id));
            pull.queue.extend(more.cloned());
        }
        self.pulls.sources.insert(name, pull);
        self.save_pulls()
    }

    /// What was proposed to a repository last.
    pub(super) fn proposed(&self, source: &Source) -> Option<Proposed> {
        let pull = self.pulls.sources.get(&source.name)?;
        if pull.branch.is_empty() || pull.repository != source.repository {
            return None;
        }
        Some(Proposed {
            branch: pull.branch.clone(),
            state: pull.state,
            commit: pull.commit.clone(),
            url: pull.number.and_then(|number| page(source, number)),
            merged_as: pull.merged_as.clone(),
            problem: pull.problem.clone(),
        })
    }

    fn save_pulls(&self) -> Result<(), StorageError> {
        records::save(&self.db, Record::Pulls, &self.pulls)
    }
}

fn url(source: &Source, pull: &Pull) -> String {
    let url = pull.number.and_then(|number| page(source, number));
    url.unwrap_or_default()
}

#[cfg(test)]
mod tests;
