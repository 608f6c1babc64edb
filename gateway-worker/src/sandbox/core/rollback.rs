//! What is done about a configuration that OpenClaw cannot run with: the last one
//! that it could run with comes back, and after three failures the new one is not
//! tried again until an operator acts.

use chrono::{DateTime, TimeDelta, Utc};
use domain::drift::jobs::JobRules;
use domain::policy::{ChangeRule, Direction, Policy, diff, exec_approvals, in_force};
use domain::problem::Problem;
use domain::wire::gateway::PolicyEnvelope;
use domain::wire::init::{ConfigBundle, Watch};

use super::tracking::{BREAKER, Confirmation, Failure, Rejection};
use super::{Core, GATEWAY, INIT, Task, desired};
use crate::ports::{Db, StorageError};
use crate::sandbox::store::policies;
use crate::sandbox::store::records::{self, Record};

/// What is offered while the newest configuration is known not to work.
#[derive(Debug)]
pub(super) struct Fallback {
    bundle: ConfigBundle,
    /// The policy that it was compiled from.
    pub(super) document: Policy,
}

impl<D: Db> Core<D> {
    /// What tedix-init is given: the newest configuration, or the last one that
    /// OpenClaw confirmed while the newest one is known not to work.
    pub(super) fn offered(&self) -> &ConfigBundle {
        self.fallback
            .as_ref()
            .map_or(&self.desired, |fallback| &fallback.bundle)
    }

    /// Decides anew what is offered.
    pub(super) fn choose_offer(&mut self, now: DateTime<Utc>) -> Result<(), StorageError> {
        self.fallback = None;
        let good = self.good_policy()?;
        self.desired.watch = self.watch(&self.newest.document, good.as_ref(), now)?;
        if !self.tracking.is_held(&self.desired.config_hash) {
            return Ok(());
        }
        let back = match good {
            Some(good) => {
                let openclaw = self.versions.version();
                let mut bundle = desired(&good.policy, &self.settings, openclaw, now);
                let document = good.policy.document;
                bundle.watch = self.watch(&document, None, now)?;
                Some(Fallback { bundle, document })
            }
            None => None,
        };
        self.fallback = back.filter(|Fallback { bundle, .. }| {
            bundle.config_hash != self.desired.config_hash
                && !self.tracking.is_held(&bundle.config_hash)
        });
        Ok(())
    }

    /// An operator wants the newest configuration tried again.
    ///
    /// # Errors
    /// When the database fails.
    pub fn forgive(&mut self, now: DateTime<Utc>) -> Result<(), StorageError> {
        if self.tracking.forgive(&self.desired.config_hash) {
            records::save(&self.db, Record::Tracking, &self.tracking)?;
            if self.state.expects_container() {
                self.tasks.push(Task::Reload);
            }
        }
        self.choose_offer(now)
    }

    /// OpenClaw could not run with a configuration.
    pub(super) fn rejected(
        &mut self,
        rejection: Rejection,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        if self.tracking.rejected.as_ref() == Some(&rejection) {
            return Ok(());
        }
        let words = rejection.words();
        let version = rejection.version;
        let detail = format!("version {version}: {words}");
        let hash = rejection.hash.clone();
        let good = self.tracking.last_good().filter(|good| good.hash != hash);
        let back = good.map(|good| (good.version, good.hash.clone()));
        let back_hash = back.as_ref().map(|(_, hash)| hash.as_str());
        self.note_change(
            INIT,
            "policy.rejected",
            &detail,
            (Some(&hash), back_hash),
            now,
        )?;
        policies::mark_failed(&self.db, version, &words)?;
        let failures = self.tracking.fail(rejection, now);
        records::save(&self.db, Record::Tracking, &self.tracking)?;
        if let Some((good, _)) = &back {
            let detail = format!("version {version} failed, version {good} is in force");
            self.note_change(
                GATEWAY,
                "policy.rolled_back",
                &detail,
                (Some(&hash), back_hash),
                now,
            )?;
        }
        if failures == BREAKER {
            let detail = format!(
                "version {version} failed {BREAKER} times; it is not tried again until somebody \
                 saves a version or starts the container"
            );
            self.note(GATEWAY, "policy.held", &detail, now)?;
        }
        self.choose_offer(now)?;
        self.announce();
        self.set_back(|versions| versions.refused(&words, now), now)
    }

    /// How long OpenClaw must stay healthy before a configuration counts as good.
    pub(super) fn health_window(&self) -> TimeDelta {
        let seconds = self
            .newest
            .document
            .self_modification
            .health_window_seconds();
        TimeDelta::seconds(i64::try_from(seconds).unwrap_or(i64::MAX / 1_000))
    }

    /// What tedix-init looks after besides the file. `good` is the policy that a
    /// failure would go back to.
    fn watch(
        &self,
        policy: &Policy,
        good: Option<&Good>,
        now: DateTime<Utc>,
    ) -> Result<Watch, StorageError> {
        // An exception that ended since takes something away as well.
        let tightens = |good: &Good| {
            let document = &good.policy.document;
            in_force(document, Some(good.at)) != in_force(document, Some(now))
                || tightens(document, &self.newest.document)
        };
        Ok(Watch {
            health_window_seconds: u64::try_from(self.health_window().num_seconds()).ok(),
            keep_when_unhealthy: !policy.self_modification.rolls_back()
                || good.is_some_and(tightens),
            exec_approvals: Some(exec_approvals(policy, Some(now))),
            jobs: Some(JobRules::of(policy, &self.accepted_jobs()?)),
            no_plugins: policy.self_modification.plugins != Some(ChangeRule::Auto),
            files: self.file_watch(policy)?.map(Box::new),
            orders: self.orders()?,
            devices: self.device_orders()?,
            git: domain::git::orders(policy),
        })
    }

    /// The policy that a failure goes back to, when it can still be read.
    fn good_policy(&self) -> Result<Option<Good>, StorageError> {
        let Some(good) = self.tracking.last_good() else {
            return Ok(None);
        };
        let Some(stored) = policies::get(&self.db, good.version)? else {
            return Ok(None);
        };
        let line = stored.version;
        Ok(serde_json::from_value(stored.document)
            .ok()
            .map(|document| Good {
                at: good.at,
                policy: PolicyEnvelope {
                    version: line.version,
                    hash: line.hash,
                    author: line.author,
                    note: line.note,
                    created_at: line.created_at,
                    document,
                },
            }))
    }
}

/// A policy that worked.
struct Good {
    /// When OpenClaw last confirmed it.
    at: DateTime<Utc>,
    policy: PolicyEnvelope,
}

/// Whether a change takes something away. Such a one is not undone because OpenClaw
/// ended: its agents could end it for just that.
pub(super) fn tightens(before: &Policy, after: &Policy) -> bool {
    diff(before, after)
        .iter()
        .any(|change| change.direction == Direction::Tightens)
}

impl super::Tracking {
    /// Whether a configuration failed in this run, or too often.
    pub(super) fn is_held(&self, hash: &str) -> bool {
        self.rejected
            .as_ref()
            .is_some_and(|rejected| rejected.hash == hash)
            || self.failures.iter().any(|failure| {
                failure.hash == hash && (failure.in_this_run || failure.count >= BREAKER)
            })
    }

    /// Notes a failure; how many there are now.
    fn fail(&mut self, rejection: Rejection, now: DateTime<Utc>) -> u32 {
        let before = self
            .failures
            .iter()
            .find(|failure| failure.hash == rejection.hash);
        let count = before.map_or(0, |failure| failure.count).saturating_add(1);
        self.failures
            .retain(|failure| failure.hash != rejection.hash);
        self.failures.push(Failure {
            version: rejection.version,
            hash: rejection.hash.clone(),
            count,
            at: now,
            words: rejection.words(),
            in_this_run: true,
        });
        let surplus = self
            .failures
            .len()
            .saturating_sub(super::tracking::REMEMBERED);
        self.failures.drain(..surplus);
        self.rejected = Some(rejection);
        count
    }

    /// The configuration that a failure goes back to.
    fn last_good(&self) -> Option<&Confirmation> {
        // Records from before there was a window have none that stayed healthy for it.
        self.good.as_ref().or(self.confirmed.as_ref())
    }

    /// A configuration turned out to be good.
    pub(super) fn worked(&mut self, hash: &str) {
        self.failures.retain(|failure| failure.hash != hash);
    }

    /// Forgets that a configuration failed; whether it had.
    fn forgive(&mut self, hash: &str) -> bool {
        let before = self.failures.len();
        self.failures.retain(|failure| failure.hash != hash);
        let rejected = self.rejected.take_if(|rejected| rejected.hash == hash);
        rejected.is_some() || self.failures.len() != before
    }
}
