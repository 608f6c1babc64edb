//! OpenClaw's version: which one a container runs, and the way back from one that does not
//! work. The rules are `domain::upgrade`; here they meet generations, containers and people.

use chrono::{DateTime, Utc};
use domain::problem::{FieldError, Problem};
use domain::upgrade::{Denied, Setback, Start, Verdict, Versions, WayBack};
use domain::wire::openclaw_version::OpenclawStatus;
use domain::wire::snapshots::Snapshot;
use domain::wire::state::Restore;

use super::{Core, GATEWAY, with_note};
use crate::ports::{Db, StorageError};
use crate::sandbox::lifecycle::{Input, Phase};
use crate::sandbox::store::generations;
use crate::sandbox::store::records::{self, Record};

impl<D: Db> Core<D> {
    /// Which version runs, and what is being changed about that.
    #[must_use]
    pub fn openclaw_status(&self) -> OpenclawStatus {
        let own = &self.versions;
        OpenclawStatus {
            revision: own.tag(),
            running: own.version().map(str::to_owned),
            offered: own.offered.clone(),
            choice: own.choice.clone(),
            trial: own.trial.clone(),
            last: own.last.clone(),
            failed: own.failed.clone(),
            back: own.way_back(),
            window_seconds: u64::try_from(self.health_window().num_seconds()).unwrap_or_default(),
            problem: own.problem(),
        }
    }

    /// An admin chooses a version, or with none that of the image. What runs is saved when
    /// it stops, as ever; the next container begins the trial.
    ///
    /// # Errors
    /// 412 when somebody decided meanwhile, 422 for one that the image does not offer, 409
    /// while another is on trial.
    pub fn choose_version(
        &mut self,
        version: Option<&str>,
        if_match: u64,
        (who, note): (&str, Option<&str>),
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        self.check_revision(if_match)?;
        let mut next = self.versions.clone();
        next.choose(version, (who, note), now)
            .map_err(|denied| refused(&denied))?;
        let what = version.unwrap_or("the image's own");
        let detail = with_note(what.to_owned(), note);
        self.note(who, "openclaw.version_asked", &detail, now)?;
        self.put_versions(next)?;
        if self.versions.is_behind() {
            self.start_anew(who, now)?;
        }
        Ok(())
    }

    /// An admin goes back to the version before, with the generation that goes with it.
    ///
    /// # Errors
    /// 412 when something happened meanwhile, 409 when there is no way back.
    pub fn go_back(
        &mut self,
        if_match: u64,
        (who, note): (&str, Option<&str>),
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        self.check_revision(if_match)?;
        let mut next = self.versions.clone();
        let back = next.go_back(who, now).map_err(|denied| refused(&denied))?;
        if let Some(generation) = back.generation {
            // Retention may have removed it since.
            self.snapshot(generation)?;
        }
        let detail = with_note(place(&back), note);
        self.note(who, "openclaw.back_asked", &detail, now)?;
        self.put_versions(next)?;
        self.carry_back(&back, who, now)
    }

    /// A container asks what to run. It may have to begin with another generation.
    pub(super) fn choose_for_container(
        &mut self,
        offered: &[String],
        restore: Restore,
        now: DateTime<Utc>,
    ) -> Result<Restore, Problem> {
        let generation = match &restore {
            Restore::Nothing => None,
            Restore::Newest { candidates } => candidates.first().copied(),
            Restore::Chosen { generation } => Some(*generation),
        };
        let known = generation.map(|number| generations::get(&self.db, number));
        let known = known.transpose()?.flatten();
        let start = Start {
            offered,
            run: self.state.run,
            generation,
            written_by: known
                .as_ref()
                .and_then(|known| known.openclaw_version.as_deref()),
        };
        let mut next = self.versions.clone();
        let started = next.start(start, now);
        if let Some(back) = &started.back {
            self.note_end(&next, now)?;
            // This run is the one that begins with it.
            let before = self.state.run.saturating_sub(1);
            self.choose_generation(back.generation.unwrap_or_default(), before)?;
        } else if started.interrupted {
            self.note_end(&next, now)?;
        }
        if started.begins
            && let Some(trial) = &next.trial
        {
            let from = WayBack {
                version: trial.from.clone(),
                generation: trial.generation,
            };
            let back = match trial.way_back {
                true => "the way back",
                false => "no way back, because the image does not offer that version",
            };
            let detail = format!("{} after {}; {back}", trial.version, place(&from));
            self.note(GATEWAY, "openclaw.trial_began", &detail, now)?;
        }
        let before = self.versions.version().map(str::to_owned);
        self.put_versions(next)?;
        if self.versions.version() != before.as_deref() {
            // Each version gets a configuration of its own.
            self.compile(now);
            self.choose_offer(now)?;
        }
        Ok(match started.back {
            Some(WayBack {
                generation: Some(generation),
                ..
            }) => Restore::Chosen { generation },
            Some(WayBack {
                generation: None, ..
            }) => Restore::Nothing,
            None => restore,
        })
    }

    /// The state of this run's container is there.
    pub(super) fn restored_for_trial(
        &mut self,
        generation: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let mut next = self.versions.clone();
        next.restored(self.state.run, generation, now);
        self.put_versions(next)
    }

    /// OpenClaw runs with its configuration, in a version.
    pub(super) fn healthy(
        &mut self,
        version: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let mut next = self.versions.clone();
        if next.healthy(version, self.health_window(), now) {
            self.note_end(&next, now)?;
            self.announce();
        }
        self.put_versions(next)
    }

    /// Something speaks against the version that is on trial.
    pub(super) fn set_back(
        &mut self,
        what: impl FnOnce(&mut Versions) -> Setback,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let mut next = self.versions.clone();
        match what(&mut next) {
            Setback::Borne => Ok(self.put_versions(next)?),
            Setback::Stuck => {
                let problem = next.problem().unwrap_or_default();
                self.note(GATEWAY, "openclaw.version_failed", &problem, now)?;
                self.put_versions(next)?;
                self.announce();
                Ok(())
            }
            Setback::Back(back) => {
                self.note_end(&next, now)?;
                self.put_versions(next)?;
                self.carry_back(&back, GATEWAY, now)
            }
        }
    }

    /// When a version on trial has to be ready; only a container that has its state can be.
    pub(super) fn trial_due_at(&self) -> Option<DateTime<Utc>> {
        let runs = self.state.expects_container() && !self.state.is_stopping();
        self.versions.due_at().filter(|_| runs && self.has_state())
    }

    /// Whether a version still has to prove itself.
    pub(super) fn is_on_trial(&self) -> bool {
        let trial = self.versions.trial.as_ref();
        trial.is_some_and(|trial| trial.trouble.is_none())
    }

    /// The generation that a trial goes back to stays.
    pub(super) fn generation_of_trial(&self) -> Option<u64> {
        self.versions.trial.as_ref()?.generation
    }

    /// What was left has saved itself on its way out.
    pub(super) fn left_behind(&mut self, snapshot: &Snapshot) -> Result<(), StorageError> {
        let mut next = self.versions.clone();
        let left = next.last.as_ref().map(|last| last.version.as_str());
        if left == snapshot.openclaw_version.as_deref() {
            next.left_behind(snapshot.generation);
        }
        self.put_versions(next)
    }

    fn carry_back(&mut self, back: &WayBack, who: &str, now: DateTime<Utc>) -> Result<(), Problem> {
        self.choose_generation(back.generation.unwrap_or_default(), self.state.run)?;
        self.start_anew(who, now)?;
        self.announce();
        Ok(())
    }

    /// Starts anew, unless nothing is meant to run.
    fn start_anew(&mut self, who: &str, now: DateTime<Utc>) -> Result<(), Problem> {
        match self.state.phase {
            Phase::Starting { .. } | Phase::Ready | Phase::BackingOff { .. } | Phase::Failed => {
                self.happen(Input::Restart, who, now)
            }
            Phase::Stopped | Phase::Stopping { .. } | Phase::Asleep { .. } => Ok(()),
        }
    }

    fn check_revision(&self, if_match: u64) -> Result<(), Problem> {
        let current = self.versions.tag();
        if if_match == current {
            return Ok(());
        }
        let detail = "Something was decided about OpenClaw's version meanwhile, or came of it. \
                      Look again with GET openclaw.";
        Err(Problem::stale_version(detail).with_current_version(current))
    }

    /// Writes down how a trial ended.
    fn note_end(&self, next: &Versions, now: DateTime<Utc>) -> Result<(), StorageError> {
        let Some(last) = &next.last else {
            return Ok(());
        };
        let from = WayBack {
            version: last.from.clone(),
            generation: last.generation,
        };
        let (version, why) = (&last.version, last.why.as_deref().unwrap_or_default());
        let (action, detail) = match last.result {
            Verdict::Kept => (
                "openclaw.version_kept",
                format!("{version} stayed healthy after {}", place(&from)),
            ),
            Verdict::Back => (
                "openclaw.version_failed",
                format!("{version}: {why}; back to {}", place(&from)),
            ),
            Verdict::Interrupted => (
                "openclaw.trial_interrupted",
                format!("{version} after {}: {why}", place(&from)),
            ),
        };
        self.note(GATEWAY, action, &detail, now)
    }

    fn put_versions(&mut self, next: Versions) -> Result<(), StorageError> {
        if next != self.versions {
            records::save(&self.db, Record::Openclaw, &next)?;
            self.versions = next;
        }
        Ok(())
    }
}

fn place(back: &WayBack) -> String {
    match back.generation {
        Some(generation) => format!("{} with generation {generation}", back.version),
        None => format!("{} with nothing", back.version),
    }
}

fn refused(denied: &Denied) -> Problem {
    match denied {
        Denied::NotOffered(_) => {
            Problem::fields(vec![FieldError::new("/version", denied.to_string())])
        }
        Denied::Unknown | Denied::UnderWay(_) | Denied::NoWayBack => {
            Problem::conflict(sentence(&denied.to_string()))
        }
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

#[cfg(test)]
mod tests;
