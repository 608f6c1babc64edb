//! What comes from Git repositories: what tedix-init may fetch, and how far it has come.

use chrono::{DateTime, Utc};
use domain::git::{self, Source};
use domain::problem::{FieldError, Problem};
use domain::wire::gateway::GitPointer;
use domain::wire::git::{GitState, SourceStatus};
use domain::wire::init::GIT_HOST;
use serde::{Deserialize, Serialize};

use super::{Core, INIT};
use crate::command::{GitTicket, Outcome, Reply};
use crate::ports::{Db, StorageError};
use crate::sandbox::store::records::{self, Record};

/// What was last reported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    states: Vec<GitState>,
    #[serde(default)]
    at: Option<DateTime<Utc>>,
}

impl<D: Db> Core<D> {
    /// Where a repository of the policy's is, for tedix-init's credential. `line` is the
    /// gateway's folder in the bucket.
    ///
    /// # Errors
    /// 401 for a wrong credential, 404 when the policy names no such repository.
    pub fn git_asked(
        &mut self,
        credential: &str,
        name: &str,
        line: &str,
        now: DateTime<Utc>,
    ) -> Outcome {
        if !self.is_init(credential) {
            self.note_refusal(GIT_HOST, now)?;
            return Err(Problem::unauthenticated(
                "The credential is not that of the running container.",
            ));
        }
        let sources = self.git_sources();
        let source = sources.iter().find(|source| source.name == name);
        let source = source.ok_or_else(|| {
            Problem::not_found(format!("The policy names no repository for {name}."))
        })?;
        Reply::ok(&GitTicket {
            line: line.to_owned(),
            repository: source.repository.clone(),
            commit: source.commit.to_string(),
            pinned: sources
                .iter()
                .map(|source| source.commit.to_string())
                .collect(),
        })
    }

    /// tedix-init says how far it has come.
    pub(super) fn git_reported(
        &mut self,
        states: Vec<GitState>,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        if !git::is_bounded(&states) {
            return Err(Problem::fields(vec![FieldError::new(
                "/states",
                "is more than is kept",
            )]));
        }
        let before: Kept = records::load(&self.db, Record::Git)?.unwrap_or_default();
        if before.states == states {
            return Ok(());
        }
        for state in &states {
            let same = |other: &&GitState| other.name == state.name;
            let last = before.states.iter().find(same);
            let name = &state.name;
            if let Some(commit) = &state.in_use
                && last.and_then(|last| last.in_use.as_ref()) != Some(commit)
            {
                self.note(INIT, "git.in_use", &format!("{name} at {commit}"), now)?;
            }
            if let Some(problem) = &state.problem
                && last.and_then(|last| last.problem.as_ref()) != Some(problem)
            {
                self.note(INIT, "git.failed", &format!("{name}: {problem}"), now)?;
            }
        }
        let kept = Kept {
            states,
            at: Some(now),
        };
        records::save(&self.db, Record::Git, &kept)?;
        self.announce();
        Ok(())
    }

    /// The repositories of the newest policy, and what is known of them.
    pub(super) fn git_status(&self) -> Result<Vec<SourceStatus>, StorageError> {
        let kept: Kept = records::load(&self.db, Record::Git)?.unwrap_or_default();
        let status = |source: Source| {
            let state = kept.states.iter().find(|state| state.name == source.name);
            let state = state.cloned().unwrap_or_default();
            let proposed = self.proposed(&source);
            let merged = proposed.as_ref().and_then(|one| one.merged_as.clone());
            // The container looks now and then, and not at all while it sleeps.
            let seen = state
                .available
                .filter(|seen| merged.is_none() || *seen != source.commit);
            SourceStatus {
                name: source.name,
                repository: source.repository,
                pinned: source.commit,
                in_use: state.in_use,
                available: seen.or(merged),
                problem: state.problem,
                at: kept.at,
                proposed,
            }
        };
        let sources = git::sources(&self.newest.document);
        Ok(sources.into_iter().map(status).collect())
    }

    /// Those that are in use, for status and heartbeats.
    pub(super) fn git_pointers(&self) -> Result<Vec<GitPointer>, StorageError> {
        let pointer = |status: SourceStatus| {
            Some(GitPointer {
                repository: status.repository,
                commit: status.in_use?.to_string(),
                available: status.available.map(|commit| commit.to_string()),
                name: Some(status.name),
                pinned: Some(status.pinned.to_string()),
                proposed: status.proposed,
            })
        };
        Ok(self.git_status()?.into_iter().filter_map(pointer).collect())
    }

    /// Those that a container may be told to bring: the newest policy's, then those of the
    /// one that is offered while the newest is known not to work.
    fn git_sources(&self) -> Vec<Source> {
        let mut sources = git::sources(&self.newest.document);
        if let Some(fallback) = &self.fallback {
            for source in git::sources(&fallback.document) {
                match sources.iter_mut().find(|other| other.name == source.name) {
                    Some(other) => *other = source,
                    None => sources.push(source),
                }
            }
        }
        sources
    }
}

#[cfg(test)]
mod tests;
