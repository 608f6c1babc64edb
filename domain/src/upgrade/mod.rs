//! Which version of OpenClaw a container runs, and how a change of version is taken back.
//!
//! An image offers one version or several. A container that would go on from what another
//! version wrote is a **trial**: OpenClaw has to stay healthy for a window, or the version
//! before comes back with the generation that it had written. In scope: which version is
//! next, how a trial ends. Out of scope: saving and restoring, see [`crate::state`].

#[cfg(test)]
mod tests;
mod trial;

pub use trial::Setback;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// How often OpenClaw, or its container, may end during a trial before it has failed. One
/// end may be a machine that was restarted.
pub const MAX_ENDS: u32 = 3;
/// How long OpenClaw may take to be ready during a trial once its state is there, in
/// seconds: a minute on a busy machine, more where it migrates what it finds.
pub const READY_SECONDS: i64 = 300;
/// Most versions that an image may offer.
pub const MAX_OFFERED: usize = 16;
/// Longest name of a version, in characters.
const MAX_NAME: usize = 40;
/// Most failed versions that are remembered.
const MAX_FAILED: usize = 16;
/// Why a trial ended whose version is gone.
const NO_MORE: &str = "the image does not offer it any more";

/// What is known of OpenClaw's versions at one gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Versions {
    /// Counts what people decided and what came of it, for the entity tag.
    pub revision: u64,
    /// What the image of the newest container offers, its own version first.
    pub offered: Vec<String>,
    /// What the newest container was told to run.
    pub running: Option<Running>,
    /// The version that was last seen healthy outside a trial.
    pub kept: Option<String>,
    /// What an admin chose; none follows the image.
    pub choice: Option<Choice>,
    /// What was chosen before that.
    pub choice_before: Option<Choice>,
    /// A change of version that has not proved itself yet.
    pub trial: Option<Trial>,
    /// Versions that failed a trial: not tried again until an admin asks for them.
    pub failed: Vec<Failed>,
    /// How the last trial ended.
    pub last: Option<Outcome>,
}

/// What a container was told to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Version.
    pub version: String,
    /// Which start of the container.
    pub run: u64,
}

/// A version that an admin chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Version.
    pub version: String,
    /// Who chose it.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A change of version that has not proved itself yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The new version.
    pub version: String,
    /// The version before.
    pub from: String,
    /// The generation that goes with it; none for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Whether the image offers the version before.
    pub way_back: bool,
    /// When the container was told to run it.
    pub began_at: DateTime<Utc>,
    /// The start of the container in which it began.
    pub run: u64,
    /// How often OpenClaw or its container ended since.
    #[serde(default)]
    pub ends: u32,
    /// When it fails unless it is ready by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_by: Option<DateTime<Utc>>,
    /// When it is kept if it stays healthy; none while it is not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// What would have brought the version before back, if there were a way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// A version that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Version.
    pub version: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    pub why: String,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The version that was tried.
    pub version: String,
    /// The version before.
    pub from: String,
    /// The generation that goes with it; none for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// What became of it.
    pub result: Verdict,
    /// When.
    pub at: DateTime<Utc>,
    /// Why, unless it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The newest generation that the version that was tried has written, where that was
    /// left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u64>,
}

/// What became of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It stayed healthy for the window.
    Kept,
    /// The version before came back, with the generation that goes with it.
    Back,
    /// The image does not offer the version any more.
    Interrupted,
}

/// A container asks what to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start<'a> {
    /// What its image offers, its own version first.
    pub offered: &'a [String],
    /// Which start it is.
    pub run: u64,
    /// The generation that it will begin with; none for nothing.
    pub generation: Option<u64>,
    /// The version that wrote that, where it is known.
    pub written_by: Option<&'a str>,
}

/// What follows for a container that asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Started {
    /// Whether a trial begins with it.
    pub begins: bool,
    /// A trial ended because of what the image offers now: where to go back to first.
    pub back: Option<WayBack>,
    /// Whether a trial ended without that.
    pub interrupted: bool,
}

/// Where to go back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayBack {
    /// Version.
    pub version: String,
    /// Generation that goes with it; none for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
}

/// Why a choice is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody has told what the image offers.
    #[error("no container has told yet what its image offers; start the gateway first")]
    Unknown,
    /// The image does not offer it.
    #[error("the image offers {}, not that one", .0.join(", "))]
    NotOffered(Vec<String>),
    /// A trial has not ended.
    #[error("{0} is on trial; wait until it has proved itself, or go back first")]
    UnderWay(String),
    /// There is nothing to go back to.
    #[error("there is no version to go back to")]
    NoWayBack,
}

impl Versions {
    /// What identifies this state to an editor, counted from 1.
    #[must_use]
    pub fn tag(&self) -> u64 {
        self.revision.saturating_add(1)
    }

    /// The version that the newest container was told to run.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.running
            .as_ref()
            .map(|running| running.version.as_str())
    }

    /// An admin chooses a version, or with none that of the image. The caller starts the
    /// container anew where [`Self::is_behind`].
    ///
    /// # Errors
    /// When the image does not offer it, or a trial is under way.
    pub fn choose(
        &mut self,
        version: Option<&str>,
        (by, note): (&str, Option<&str>),
        now: DateTime<Utc>,
    ) -> Result<(), Denied> {
        if let Some(trial) = &self.trial {
            return Err(Denied::UnderWay(trial.version.clone()));
        }
        let Some(own) = self.offered.first() else {
            return Err(Denied::Unknown);
        };
        let wanted = version.unwrap_or(own).to_owned();
        if !self.offers(&wanted) {
            return Err(Denied::NotOffered(self.offered.clone()));
        }
        // Whoever asks for it wants it tried, whatever became of it before.
        self.failed.retain(|failed| failed.version != wanted);
        self.choice_before = self.choice.take();
        self.choice = version.map(|version| Choice {
            version: version.to_owned(),
            by: by.to_owned(),
            at: now,
            note: note.map(str::to_owned),
        });
        self.changed();
        Ok(())
    }

    /// Whether another version is wanted than the one that a container was told to run.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        let running = self.version();
        running.is_some() && self.wanted(running) != running
    }

    /// A container asks what to run; [`Self::version`] says it afterwards, and nothing when
    /// the image says nothing of use. A container that asks again changes nothing.
    pub fn start(&mut self, start: Start<'_>, now: DateTime<Utc>) -> Started {
        let mut started = Started::default();
        if self
            .running
            .as_ref()
            .is_some_and(|running| running.run == start.run)
        {
            return started;
        }
        let before = self.running.take();
        self.offered = plain(start.offered);
        self.look_at_trial(&mut started, now);
        if let Some(trial) = &mut self.trial {
            let version = trial.version.clone();
            trial.until = None;
            trial.ready_by = None;
            self.runs(&version, start.run);
            return started;
        }
        let prior = match &started.back {
            Some(back) => Some(back.version.clone()),
            None => start.written_by.map(str::to_owned),
        };
        // Where that is not known, what was last healthy wrote it.
        let kept = self.kept.clone().or(before.map(|before| before.version));
        let prior = prior.or(kept);
        let Some(version) = self.wanted(prior.as_deref()).map(str::to_owned) else {
            return started;
        };
        self.runs(&version, start.run);
        // One that failed runs only where there is nothing else; it was tried, and said.
        let from = prior.filter(|prior| *prior != version && !self.has_failed(&version));
        if let Some(from) = from {
            let generation = match &started.back {
                Some(back) => back.generation,
                None => start.generation,
            };
            self.trial = Some(Trial {
                way_back: self.offers(&from),
                version,
                from,
                generation,
                began_at: now,
                run: start.run,
                ends: 0,
                ready_by: None,
                until: None,
                trouble: None,
            });
            started.begins = true;
            self.changed();
        }
        started
    }

    /// Another image may have taken a trial's version away, or brought the way back.
    fn look_at_trial(&mut self, started: &mut Started, now: DateTime<Utc>) {
        let Some(trial) = &self.trial else {
            return;
        };
        let (gone, way_back) = (!self.offers(&trial.version), self.offers(&trial.from));
        let trouble = trial.trouble.clone();
        let unhealthy = trouble.is_some() || trial.until.is_none();
        if let Some(trial) = &mut self.trial {
            trial.way_back = way_back;
        }
        if way_back && (trouble.is_some() || gone && unhealthy) {
            let why = trouble.unwrap_or_else(|| NO_MORE.to_owned());
            if let Setback::Back(back) = self.fail(&why, now) {
                started.back = Some(back);
            }
        } else if gone {
            self.conclude(Verdict::Interrupted, Some(NO_MORE), now);
            started.interrupted = true;
        }
    }

    /// The version that is wanted where `prior` wrote the state: always one that is offered.
    fn wanted<'a>(&'a self, prior: Option<&'a str>) -> Option<&'a str> {
        let own = self.offered.first()?.as_str();
        let chosen = self.choice.as_ref().map(|choice| choice.version.as_str());
        let fits = |version: &&str| self.offers(version) && !self.has_failed(version);
        let mut preferred = [chosen, Some(own), prior].into_iter().flatten();
        Some(preferred.find(fits).unwrap_or(own))
    }

    /// Whether the image offers a version.
    #[must_use]
    pub fn offers(&self, version: &str) -> bool {
        self.offered.iter().any(|offered| offered == version)
    }

    fn has_failed(&self, version: &str) -> bool {
        self.failed.iter().any(|failed| failed.version == version)
    }

    fn runs(&mut self, version: &str, run: u64) {
        self.running = Some(Running {
            version: version.to_owned(),
            run,
        });
    }

    fn changed(&mut self) {
        self.revision = self.revision.saturating_add(1);
    }
}

/// What an image says that it offers, as far as it can be true.
fn plain(offered: &[String]) -> Vec<String> {
    let mut plain: Vec<String> = Vec::new();
    for version in offered {
        if is_version(version) && !plain.contains(version) && plain.len() < MAX_OFFERED {
            plain.push(version.clone());
        }
    }
    plain
}

/// Whether a text can be the name of a version, and of a folder.
#[must_use]
pub fn is_version(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(plain)
        && text.starts_with(|c: char| c.is_ascii_digit())
}

/// How long OpenClaw may take to be ready.
fn ready_limit() -> TimeDelta {
    TimeDelta::seconds(READY_SECONDS)
}
