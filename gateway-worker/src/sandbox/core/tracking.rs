//! How far the newest policy has come: wanted, fetched, in force.

use chrono::{DateTime, Utc};
use domain::wire::gateway::{ApplyState, EffectivePolicy, PolicyStatus};
use domain::wire::init::{ConfigBundle, ConfigIssue};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Failures after which a configuration is not tried again by itself.
pub(super) const BREAKER: u32 = 3;
/// Most failed configurations that are remembered.
pub(super) const REMEMBERED: usize = 16;

/// What is known of the configuration in the container.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tracking {
    /// Hash that tedix-init fetched in this run.
    pub(super) acknowledged: Option<String>,
    /// What OpenClaw last reported in this run.
    pub(super) observed: Option<Observation>,
    /// What OpenClaw last confirmed, in whichever run.
    pub(super) confirmed: Option<Confirmation>,
    /// What stayed healthy for the whole window: what comes back when something else fails.
    #[serde(default)]
    pub(super) good: Option<Confirmation>,
    /// What OpenClaw last refused.
    pub(super) rejected: Option<Rejection>,
    /// Configurations that failed and have not worked since, the newest last.
    #[serde(default)]
    pub(super) failures: Vec<Failure>,
    /// Version that OpenClaw last reported.
    pub(super) openclaw_version: Option<String>,
    /// As of when the newest policy was compiled anew because an exception had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) compiled_at: Option<DateTime<Utc>>,
}

/// What OpenClaw said about its configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Observation {
    pub(super) at: DateTime<Utc>,
    pub(super) version: u64,
    pub(super) hash: String,
    pub(super) valid: bool,
    pub(super) applied: bool,
    pub(super) config: Value,
}

/// A configuration that OpenClaw said it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Confirmation {
    pub(super) at: DateTime<Utc>,
    /// When it was first confirmed after another one was.
    #[serde(default)]
    pub(super) since: DateTime<Utc>,
    pub(super) version: u64,
    pub(super) hash: String,
}

/// A configuration that OpenClaw could not run with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) version: u64,
    pub(super) hash: String,
    /// In how many runs of the container.
    pub(super) count: u32,
    pub(super) at: DateTime<Utc>,
    pub(super) words: String,
    pub(super) in_this_run: bool,
}

/// A configuration that OpenClaw refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rejection {
    pub(super) version: u64,
    pub(super) hash: String,
    pub(super) issues: Vec<ConfigIssue>,
}

impl Tracking {
    /// A container starts: nothing is known of it yet.
    pub(super) fn new_run(&mut self) {
        self.acknowledged = None;
        self.observed = None;
        self.rejected = None;
        self.failures
            .iter_mut()
            .for_each(|failure| failure.in_this_run = false);
    }

    /// The state of the newest policy; `running` when a container should be.
    pub(super) fn status(&self, desired: &ConfigBundle, running: bool) -> PolicyStatus {
        let (state, detail) = self.progress(&desired.config_hash, running);
        PolicyStatus {
            version: desired.policy_version,
            desired_hash: desired.config_hash.clone(),
            acknowledged_hash: self.acknowledged.clone(),
            effective_hash: self
                .confirmed
                .as_ref()
                .map(|confirmed| confirmed.hash.clone()),
            effective_version: self.confirmed.as_ref().map(|confirmed| confirmed.version),
            state,
            detail,
            confirmed_at: self.confirmed.as_ref().map(|confirmed| confirmed.at),
        }
    }

    fn progress(&self, desired: &str, running: bool) -> (ApplyState, Option<String>) {
        let say = |text: &str| Some(text.to_owned());
        if !running {
            return (
                ApplyState::Pending,
                say("It takes effect when the container starts."),
            );
        }
        if let Some(rejected) = self.rejected.as_ref().filter(|r| r.hash == desired) {
            return (ApplyState::Failed, Some(rejected.words()));
        }
        if let Some(failure) = self
            .failures
            .iter()
            .find(|f| f.hash == desired && f.count >= BREAKER)
        {
            let words = &failure.words;
            let held = "it failed three times and is not tried again until somebody saves a version \
                        or starts the container";
            return (ApplyState::Failed, Some(format!("{words}; {held}")));
        }
        match self.observed.as_ref().filter(|seen| seen.hash == desired) {
            Some(seen) if seen.valid && seen.applied => (ApplyState::Applied, None),
            Some(seen) if seen.valid => (
                ApplyState::Applying,
                say("OpenClaw has read it and is still applying it."),
            ),
            Some(_) => (
                ApplyState::Failed,
                say("OpenClaw reports its configuration as not valid."),
            ),
            None if self.acknowledged.as_deref() == Some(desired) => (
                ApplyState::Applying,
                say("Fetched; OpenClaw has not confirmed it yet."),
            ),
            None => (
                ApplyState::Pending,
                say("The container has not fetched it yet."),
            ),
        }
    }

    /// What OpenClaw last reported, as the API shows it.
    pub(super) fn effective(&self, desired: &ConfigBundle) -> Option<EffectivePolicy> {
        self.observed.as_ref().map(|seen| EffectivePolicy {
            version: (seen.version <= desired.policy_version).then_some(seen.version),
            observed_at: seen.at,
            valid: seen.valid,
            applied: seen.applied,
            config: seen.config.clone(),
        })
    }
}

impl Rejection {
    /// OpenClaw's complaints as one text.
    pub(super) fn words(&self) -> String {
        let issue = |issue: &ConfigIssue| format!("{}: {}", issue.path, issue.message);
        let issues: Vec<String> = self.issues.iter().map(issue).collect();
        format!("OpenClaw refused it: {}", issues.join("; "))
    }
}
