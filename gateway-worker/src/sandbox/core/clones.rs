//! Another gateway's generation on its way into this one: what the shell is to do next, and
//! what came of it. What runs here goes on until everything is there.

use chrono::{DateTime, TimeDelta, Utc};
use domain::problem::{FieldError, Problem};
use domain::secret::Secret;
use domain::state::Digest;
use domain::wire::clones::{CloneSnapshot, CloneState, CloneStatus, MAX_CODE};
use serde::{Deserialize, Serialize};

use super::enrolment::other_gateway;
use super::{Core, GATEWAY, with_note};
use crate::clone::{Failure, Outcome, Step, Task};
use crate::ports::{Db, StorageError};
use crate::sandbox::backoff::backoff;
use crate::sandbox::lifecycle::Input;
use crate::sandbox::store::records::{self, Record};

/// Wait before the other gateway is asked again, in seconds; it doubles.
const FIRST_WAIT: i64 = 15;
/// Longest wait, in seconds.
const MAX_WAIT: i64 = 15 * 60;
/// Wait for the container to end, in seconds.
const STOP_WAIT: i64 = 5;
/// After this many seconds without an end a step counts as lost with the isolate that did it.
const LOST: i64 = 180;
/// No code lives longer, in hours.
const GIVE_UP_HOURS: i64 = 24;
/// So many times in a row what arrives may not be what was named.
const MAX_BROKEN: u32 = 3;
/// So many failures in a row keep the gateway from running before it starts as it was.
const MAX_OUTAGE: u32 = 5;

/// The clone that was asked for last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Job {
    id: u64,
    status: CloneStatus,
    /// Empty once it came to an end.
    #[serde(with = "domain::secret::at_rest")]
    code: Secret,
    replace: bool,
    #[serde(default)]
    manifest: Option<Digest>,
    #[serde(default)]
    fetched: u64,
    #[serde(default)]
    failures: u32,
    #[serde(default)]
    broken: u32,
    /// Whether a container ended for it, which runs again if it comes to nothing.
    #[serde(default)]
    stopped: bool,
    /// The number that its manifest may have been written under, whatever was heard of it.
    #[serde(default)]
    writing: Option<u64>,
    #[serde(default)]
    due_at: Option<DateTime<Utc>>,
    /// Since when a step is done.
    #[serde(skip)]
    under_way: Option<DateTime<Utc>>,
}

impl Job {
    /// What is copied, for the audit.
    fn what(&self) -> String {
        let CloneStatus {
            generation, from, ..
        } = &self.status;
        format!("generation {generation} of {from}")
    }
}

impl<D: Db> Core<D> {
    /// Begins to copy a generation from another gateway.
    ///
    /// # Errors
    /// 409 while another is under way, or when there is state here that it may not replace;
    /// 422 for what cannot be.
    pub fn ask_clone(
        &mut self,
        asked: CloneSnapshot,
        who: &str,
        now: DateTime<Utc>,
    ) -> Result<CloneStatus, Problem> {
        let from = self.lender(&asked)?;
        let before = self.clone.as_ref();
        if before.is_some_and(|job| job.status.state.is_under_way()) {
            return Err(Problem::conflict(
                "Another clone is under way; wait for it, or call it off with DELETE \
                 snapshots/clone.",
            ));
        }
        if !asked.replace && self.holds_state() {
            return Err(Problem::conflict(
                "This gateway has state of its own. Ask with \"replace\": true to have the clone \
                 take its place: what is here is saved first and can be restored.",
            ));
        }
        let what = format!("generation {} of {from}", asked.generation);
        let detail = with_note(what, asked.note.as_deref());
        self.note(who, "state.clone_asked", &detail, now)?;
        let status = CloneStatus {
            state: CloneState::Copying,
            from,
            generation: asked.generation,
            by: who.to_owned(),
            asked_at: now,
            ended_at: None,
            progress: None,
            becomes: None,
            problem: None,
        };
        self.clone = Some(Job {
            id: before.map_or(0, |job| job.id).saturating_add(1),
            status: status.clone(),
            code: asked.code,
            replace: asked.replace,
            manifest: None,
            fetched: 0,
            failures: 0,
            broken: 0,
            stopped: false,
            writing: None,
            due_at: Some(now),
            under_way: None,
        });
        self.keep_clone()?;
        Ok(status)
    }

    /// The one that was asked for last, if any.
    #[must_use]
    pub fn clone_status(&self) -> Option<&CloneStatus> {
        self.clone.as_ref().map(|job| &job.status)
    }

    /// Calls it off.
    ///
    /// # Errors
    /// 404 when none was asked for, 409 when it came to an end.
    pub fn cancel_clone(&mut self, who: &str, now: DateTime<Utc>) -> Result<(), Problem> {
        let none = || Problem::not_found("No clone was ever asked for here.");
        if !self.clone_status().ok_or_else(none)?.state.is_under_way() {
            return Err(Problem::conflict("The clone has come to an end already."));
        }
        self.end_clone(CloneState::Cancelled, None, who, now)
    }

    /// Whether what runs here has ended for a clone that is about to take its place.
    pub(super) fn takes_over(&self) -> bool {
        let state = self.clone.as_ref().map(|job| job.status.state);
        state == Some(CloneState::TakingOver)
    }

    /// When something is to be done for it.
    pub(super) fn clone_due_at(&self) -> Option<DateTime<Utc>> {
        let job = self.clone.as_ref()?;
        let lost = job.under_way.map(|since| since + TimeDelta::seconds(LOST));
        lost.or(job.due_at)
    }

    /// What is to be done now. [`Core::clone_done`] must follow. `line` names this Durable
    /// Object.
    ///
    /// # Errors
    /// When the database fails.
    pub fn begin_clone(&mut self, line: &str, now: DateTime<Utc>) -> Result<Option<Task>, Problem> {
        if self.clone_due_at().is_none_or(|due| due > now) {
            return Ok(None);
        }
        let Some(mut job) = self.clone.clone() else {
            return Ok(None);
        };
        if now - job.status.asked_at >= TimeDelta::hours(GIVE_UP_HOURS) {
            let why = "it could not be completed within a day; ask for another code and try again";
            self.fail_clone(why, now)?;
            return Ok(None);
        }
        let step = match job.status.state {
            CloneState::Copying => Step::Copy,
            _ if !job.replace && self.holds_state() => {
                let why = "this gateway has got state of its own meanwhile; ask again with \
                           \"replace\": true";
                self.fail_clone(why, now)?;
                return Ok(None);
            }
            _ if self.state.expects_container() => {
                job.stopped = true;
                job.due_at = Some(now + TimeDelta::seconds(STOP_WAIT));
                self.clone = Some(job);
                self.keep_clone()?;
                self.happen(Input::Stop, GATEWAY, now)?;
                return Ok(None);
            }
            _ => match self.reserve_generation(now)? {
                Some(number) => {
                    // INVARIANT: written down before the bucket hears of it.
                    job.writing = Some(number);
                    Step::Write { number }
                }
                None => {
                    job.due_at = Some(now + TimeDelta::seconds(STOP_WAIT));
                    self.clone = Some(job);
                    self.keep_clone()?;
                    return Ok(None);
                }
            },
        };
        job.under_way = Some(now);
        let task = Task {
            id: job.id,
            from: job.status.from.clone(),
            generation: job.status.generation,
            code: job.code.clone(),
            line: self.ticket(line).line,
            manifest: job.manifest,
            fetched: job.fetched,
            step,
        };
        self.clone = Some(job);
        self.keep_clone()?;
        Ok(Some(task))
    }

    /// A step came to an end.
    ///
    /// # Errors
    /// When the database fails.
    pub fn clone_done(
        &mut self,
        task: &Task,
        outcome: Result<Outcome, Failure>,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        if matches!(task.step, Step::Write { .. }) {
            self.release_generation()?;
        }
        let live = |job: &&mut Job| job.id == task.id && job.status.state.is_under_way();
        let Some(job) = self.clone.as_mut().filter(live) else {
            // It was called off meanwhile, and its number is nobody's.
            return Ok(());
        };
        job.under_way = None;
        job.due_at = Some(now);
        let failures = job.failures;
        if outcome.is_ok() {
            (job.failures, job.broken, job.status.problem) = (0, 0, None);
        }
        match outcome {
            Ok(Outcome::Copied {
                manifest,
                progress,
                fetched,
            }) => {
                job.manifest = Some(manifest);
                job.status.progress = Some(progress);
                job.fetched = job.fetched.saturating_add(fetched);
                if progress.packs == progress.packs_total {
                    job.status.state = CloneState::TakingOver;
                }
            }
            Ok(Outcome::Missing) => job.status.state = CloneState::Copying,
            Ok(Outcome::Occupied) => {
                if let Some(number) = job.writing.take() {
                    self.generation_exists(number)?;
                }
            }
            Ok(Outcome::Written(snapshot)) => return self.cloned(&task.line, &snapshot, now),
            Err(Failure::Never(why)) => return self.fail_clone(&why, now),
            Err(Failure::Broken(why)) if job.broken.saturating_add(1) >= MAX_BROKEN => {
                return self.fail_clone(&why, now);
            }
            Err(Failure::Later(why))
                if job.status.state == CloneState::TakingOver && failures >= MAX_OUTAGE =>
            {
                return self.fail_clone(&why, now);
            }
            Err(failure) => {
                let (Failure::Later(why) | Failure::Broken(why) | Failure::Never(why)) = &failure;
                job.broken += u32::from(matches!(failure, Failure::Broken(_)));
                job.status.problem = Some(format!("{why}; it is tried again."));
                let wait = backoff(FIRST_WAIT, failures, MAX_WAIT);
                job.due_at = Some(now + TimeDelta::seconds(wait));
                job.failures = failures.saturating_add(1);
            }
        }
        Ok(self.keep_clone()?)
    }

    fn cloned(
        &mut self,
        line: &str,
        snapshot: &domain::wire::snapshots::Snapshot,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let number = snapshot.generation;
        if let Some(job) = &mut self.clone {
            let detail = format!("{}, as generation {number}", job.what());
            job.status.becomes = Some(number);
            let after = snapshot.sha256.to_string();
            let hashes = (None, Some(after.as_str()));
            self.note_change(GATEWAY, "state.cloned", &detail, hashes, now)?;
        }
        self.learn_generation(line, snapshot)?;
        // What counted as approved was part of the state that this one replaces.
        records::clear(&self.db, Record::ApprovedFiles)?;
        self.end_clone(CloneState::Done, None, GATEWAY, now)?;
        self.choose_generation(number, self.state.run)?;
        self.happen(Input::Restart, GATEWAY, now)
    }

    fn fail_clone(&mut self, why: &str, now: DateTime<Utc>) -> Result<(), Problem> {
        self.end_clone(CloneState::Failed, Some(why), GATEWAY, now)
    }

    fn end_clone(
        &mut self,
        state: CloneState,
        why: Option<&str>,
        who: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let Some(job) = &mut self.clone else {
            return Ok(());
        };
        // The code has served.
        job.code = Secret::new("");
        let given_up = job.writing.take().filter(|_| state != CloneState::Done);
        (job.under_way, job.due_at) = (None, None);
        job.status.state = state;
        job.status.ended_at = Some(now);
        job.status.problem = why.map(|why| format!("{why}. Nothing has changed here."));
        let stopped = std::mem::take(&mut job.stopped);
        let what = job.what();
        self.keep_clone()?;
        if let Some(number) = given_up {
            self.give_up_generation(number)?;
        }
        match (state, why) {
            (CloneState::Cancelled, _) => self.note(who, "state.clone_cancelled", &what, now)?,
            (CloneState::Failed, why) => {
                let why = why.unwrap_or_default();
                self.note(who, "state.clone_failed", &format!("{what}: {why}"), now)?;
            }
            _ => return Ok(()),
        }
        if stopped {
            self.happen(Input::Start, GATEWAY, now)?;
        }
        Ok(())
    }

    /// Where the other gateway is, if it can be one.
    fn lender(&self, asked: &CloneSnapshot) -> Result<String, Problem> {
        let wrong =
            |pointer: &str, detail: &str| Problem::fields(vec![FieldError::new(pointer, detail)]);
        let from = other_gateway(&asked.from).map_err(|detail| wrong("/from", detail))?;
        if from.eq_ignore_ascii_case(&self.settings.public_url) {
            return Err(wrong(
                "/from",
                "is this gateway itself: restore the generation",
            ));
        }
        if asked.generation == 0 {
            return Err(wrong("/generation", "is a number from 1"));
        }
        let code = asked.code.expose();
        let plain = code
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
        if code.is_empty() || code.len() > MAX_CODE || !plain {
            return Err(wrong("/code", "is no code of a grant"));
        }
        Ok(from)
    }

    fn keep_clone(&self) -> Result<(), StorageError> {
        records::save(&self.db, Record::Clone, &self.clone)
    }
}
