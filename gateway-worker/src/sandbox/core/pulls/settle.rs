//! What became of proposals at a Git host, and what a merge means for the commit in use.

use chrono::{DateTime, Utc};
use domain::git::change::{pinned_at, skill_of_pack};
use domain::git::{self, Source, words};
use domain::policy::{CommitId, Promotion, save_faults};
use domain::proposal::State;

use super::{Pull, url};
use crate::ports::{Db, StorageError};
use crate::sandbox::core::{Core, GATEWAY};
use crate::sandbox::store::proposals;

impl<D: Db> Core<D> {
    /// A proposal is in a pull request now.
    pub(super) fn carried(
        &self,
        id: &str,
        url: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        if let Some(mut proposal) = proposals::get(&self.db, id)? {
            proposal.pull_request = Some(url.to_owned());
            proposals::save(&self.db, &proposal)?;
            self.note(GATEWAY, "proposal.sent", &format!("{id}: {url}"), now)?;
        }
        Ok(())
    }

    /// Whether nobody here wants anything of what a branch carries.
    pub(super) fn all_rejected(&self, pull: &Pull) -> Result<bool, StorageError> {
        for id in &pull.carried {
            let proposal = proposals::get(&self.db, id)?;
            if proposal.is_none_or(|proposal| proposal.state != State::Rejected) {
                return Ok(false);
            }
        }
        Ok(!pull.carried.is_empty() && pull.queue.is_empty())
    }

    /// A proposal was rejected here: its pull request is looked at, which may close it.
    pub(in crate::sandbox::core) fn look_at_pull_of(
        &mut self,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let carries = |pull: &&mut Pull| pull.carried.iter().any(|other| other == id);
        let Some(pull) = self.pulls.sources.values_mut().find(carries) else {
            return Ok(());
        };
        pull.looks = 0;
        pull.due_at = pull.due_at.map(|due| due.min(now));
        self.save_pulls()
    }

    /// Skills of packs are decided at the Git host: what is decided there is written down.
    pub(super) fn settle_carried(
        &self,
        pull: &Pull,
        state: State,
        detail: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        for id in &pull.carried {
            let Some(mut proposal) = proposals::get(&self.db, id)? else {
                continue;
            };
            if proposal.state == State::Pending && skill_of_pack(&proposal.draft).is_some() {
                proposal.state = state;
                proposal.detail = Some(detail.to_owned());
                proposal.decided_by = Some(GATEWAY.to_owned());
                proposal.decided_at = Some(now);
                proposals::save(&self.db, &proposal)?;
            }
        }
        Ok(())
    }

    pub(super) fn merged(
        &mut self,
        source: &Source,
        pull: &mut Pull,
        commit: &CommitId,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let url = url(source, pull);
        let what = format!("{}: {url} as {commit}", source.name);
        self.note(GATEWAY, "git.pull_request_merged", &what, now)?;
        self.settle_carried(pull, State::Approved, &format!("Merged: {url}"), now)?;
        if let Err(why) = self.promote(source, pull, commit, &url, now)? {
            let why = words(&format!("merged, and not in use: {why}"));
            let what = format!("{}: {why}", source.name);
            self.note(GATEWAY, "git.not_promoted", &what, now)?;
            pull.problem = Some(why);
        }
        Ok(())
    }

    /// Has a merged commit used, where the policy says so; or why it is not.
    fn promote(
        &mut self,
        source: &Source,
        pull: &Pull,
        commit: &CommitId,
        url: &str,
        now: DateTime<Utc>,
    ) -> Result<Result<(), String>, StorageError> {
        // What the policy says now counts, not what it said when the Git host was asked.
        let sources = git::sources(&self.newest.document);
        let current = sources.iter().find(|other| other.name == source.name);
        let Some(current) = current.filter(|other| other.repository == source.repository) else {
            return Ok(Ok(()));
        };
        if current.promotion != Promotion::Merged {
            return Ok(Ok(()));
        }
        if pull.base.as_ref() != Some(&current.commit) {
            return Ok(Err("the policy names another commit by now".to_owned()));
        }
        for id in &pull.carried {
            let proposal = proposals::get(&self.db, id)?;
            if proposal.is_some_and(|proposal| proposal.state == State::Rejected) {
                return Ok(Err(format!("{id} was rejected here")));
            }
        }
        let Some(next) = pinned_at(&self.newest.document, &source.name, commit) else {
            return Ok(Ok(()));
        };
        if let Some(fault) = save_faults(&next, now, false).into_iter().next() {
            return Ok(Err(format!("{}: {}", fault.pointer, fault.detail)));
        }
        let note = format!("Merged: {url}");
        Ok(match self.save_policy(next, GATEWAY, Some(&note), now) {
            Ok(_) => Ok(()),
            Err(problem) => Err(problem.detail),
        })
    }
}
