//! What happens during a trial, and how it ends.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Choice, Denied, Failed, MAX_ENDS, MAX_FAILED, Outcome, Verdict, Versions, WayBack, ready_limit,
};

/// What follows from something that spoke against a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setback {
    /// Nothing yet.
    Borne,
    /// The caller has the next container begin there, and starts it.
    Back(WayBack),
    /// There is no way back: people have to be told.
    Stuck,
}

impl Versions {
    /// The state of a container is there, from a generation: OpenClaw starts.
    pub fn restored(&mut self, run: u64, generation: Option<u64>, now: DateTime<Utc>) {
        if let Some(trial) = &mut self.trial {
            if trial.run == run {
                // A damaged one is left out, and the one before it is what it began with.
                trial.generation = generation;
            }
            if trial.trouble.is_none() {
                trial.ready_by = Some(now + ready_limit());
            }
        }
    }

    /// OpenClaw says that it runs in a version, and runs with its configuration. Whether a
    /// trial ended well.
    pub fn healthy(&mut self, version: &str, window: TimeDelta, now: DateTime<Utc>) -> bool {
        let Some(trial) = &mut self.trial else {
            if self.kept.as_deref() != Some(version) {
                self.kept = Some(version.to_owned());
            }
            return false;
        };
        if trial.version != version {
            return false;
        }
        trial.ready_by = None;
        let until = *trial.until.get_or_insert(now + window);
        if until > now {
            return false;
        }
        self.conclude(Verdict::Kept, None, now);
        true
    }

    /// OpenClaw, or the container with it, ended by itself.
    pub fn ended(&mut self, why: &str, now: DateTime<Utc>) -> Setback {
        let Some(trial) = &mut self.trial else {
            return Setback::Borne;
        };
        trial.ends = trial.ends.saturating_add(1);
        trial.until = None;
        let ends = trial.ends;
        if trial.trouble.is_some() {
            return Setback::Borne;
        }
        trial.ready_by.get_or_insert(now + ready_limit());
        if ends < MAX_ENDS {
            return Setback::Borne;
        }
        self.fail(&format!("it ended {ends} times; at last: {why}"), now)
    }

    /// OpenClaw does not take its configuration. One that was changed while it already ran
    /// is not the version's fault.
    pub fn refused(&mut self, why: &str, now: DateTime<Utc>) -> Setback {
        let starting = self
            .trial
            .as_ref()
            .is_some_and(|trial| trial.until.is_none() && trial.trouble.is_none());
        if !starting {
            return Setback::Borne;
        }
        self.fail(&format!("it does not take its configuration: {why}"), now)
    }

    /// When a trial fails unless OpenClaw is ready by then.
    #[must_use]
    pub fn due_at(&self) -> Option<DateTime<Utc>> {
        self.trial.as_ref()?.ready_by
    }

    /// Time passed.
    pub fn tick(&mut self, now: DateTime<Utc>) -> Setback {
        if self.due_at().is_none_or(|due| due > now) {
            return Setback::Borne;
        }
        self.fail("it did not become ready in time", now)
    }

    /// Where an admin can go back to now: during a trial, and after one that was kept.
    #[must_use]
    pub fn way_back(&self) -> Option<WayBack> {
        let back = |version: &String, generation| WayBack {
            version: version.clone(),
            generation,
        };
        if let Some(trial) = &self.trial {
            return trial.way_back.then(|| back(&trial.from, trial.generation));
        }
        let kept = self.last.as_ref();
        let kept = kept.filter(|last| {
            last.result == Verdict::Kept
                && self.version() == Some(&last.version)
                && self.offers(&last.from)
        });
        kept.map(|last| back(&last.from, last.generation))
    }

    /// An admin goes back to the version before.
    ///
    /// # Errors
    /// When there is no way back.
    pub fn go_back(&mut self, by: &str, now: DateTime<Utc>) -> Result<WayBack, Denied> {
        let back = self.way_back().ok_or(Denied::NoWayBack)?;
        let why = format!("{by} went back");
        if self.trial.is_some() {
            self.fail(&why, now);
            return Ok(back);
        }
        // After the trial the image's own version is no failure, so that the version before
        // stays only as a choice.
        self.choice_before = self.choice.take();
        self.choice = Some(Choice {
            version: back.version.clone(),
            by: by.to_owned(),
            at: now,
            note: None,
        });
        if let Some(last) = &mut self.last {
            last.result = Verdict::Back;
            last.why = Some(why);
            last.at = now;
        }
        self.changed();
        Ok(back)
    }

    /// A generation was written by what was left, on its way out.
    pub fn left_behind(&mut self, generation: u64) {
        if let Some(last) = self
            .last
            .as_mut()
            .filter(|last| last.result == Verdict::Back)
        {
            last.left = Some(generation);
        }
    }

    /// What people have to know and do.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if let Some(trial) = &self.trial {
            let (version, from) = (&trial.version, &trial.from);
            return trial.trouble.as_ref().map(|why| {
                format!(
                    "OpenClaw {version} does not work here ({why}), and the image does not offer \
                     {from} to go back to. Deploy an image that offers {from}: it goes back by \
                     itself."
                )
            });
        }
        if let Some(choice) = &self.choice
            && !self.offered.is_empty()
            && !self.offers(&choice.version)
        {
            return Some(format!(
                "OpenClaw {} was chosen, and the image does not offer it any more. Choose another \
                 version, or that of the image.",
                choice.version
            ));
        }
        // Once somebody has chosen it again, that it failed is history.
        let last = self.last.as_ref()?;
        let stands = last.result == Verdict::Back && self.has_failed(&last.version);
        stands.then(|| {
            format!(
                "OpenClaw {} was tried and {} is back: {}. It is not tried again until an admin \
                 asks for it.",
                last.version,
                last.from,
                last.why.as_deref().unwrap_or("it failed")
            )
        })
    }

    pub(super) fn fail(&mut self, why: &str, now: DateTime<Utc>) -> Setback {
        let Some(trial) = &mut self.trial else {
            return Setback::Borne;
        };
        if !trial.way_back {
            trial.trouble = Some(why.to_owned());
            trial.ready_by = None;
            trial.until = None;
            self.changed();
            return Setback::Stuck;
        }
        let back = WayBack {
            version: trial.from.clone(),
            generation: trial.generation,
        };
        let failed = trial.version.clone();
        self.failed.retain(|other| other.version != failed);
        self.failed.push(Failed {
            version: failed.clone(),
            at: now,
            why: why.to_owned(),
        });
        let over = self.failed.len().saturating_sub(MAX_FAILED);
        self.failed.drain(..over);
        if self
            .choice
            .as_ref()
            .is_some_and(|choice| choice.version == failed)
        {
            let before = self.choice_before.take();
            self.choice = before.filter(|choice| choice.version != failed);
        }
        self.conclude(Verdict::Back, Some(why), now);
        Setback::Back(back)
    }

    /// Ends the trial.
    pub(super) fn conclude(&mut self, result: Verdict, why: Option<&str>, now: DateTime<Utc>) {
        let Some(trial) = self.trial.take() else {
            return;
        };
        if result == Verdict::Kept {
            self.kept = Some(trial.version.clone());
        }
        self.last = Some(Outcome {
            version: trial.version,
            from: trial.from,
            generation: trial.generation,
            result,
            at: now,
            why: why.map(str::to_owned),
            left: None,
        });
        self.changed();
    }
}
