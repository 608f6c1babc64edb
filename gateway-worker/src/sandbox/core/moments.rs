//! What changes without anybody changing the policy: an exception ends, and OpenClaw
//! turns out to run in a version that nobody has checked the compiler against.

use chrono::{DateTime, Utc};
use domain::policy::{self, Policy, VersionSkew};
use domain::problem::Problem;

use super::{Core, GATEWAY, Task, configuration};
use crate::ports::{Db, StorageError};
use crate::sandbox::store::records::{self, Record};

impl<D: Db> Core<D> {
    /// When what is offered to tedix-init next means something else.
    pub(super) fn next_change(&self) -> Option<DateTime<Utc>> {
        let newest = policy::next_change(&self.newest.document, self.compiled_at);
        let fallback = self
            .fallback
            .as_ref()
            .and_then(|fallback| policy::next_change(&fallback.document, self.compiled_at));
        [newest, fallback].into_iter().flatten().min()
    }

    /// Compiles anew when an exception has ended, and has it applied.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) fn time_passed(&mut self, now: DateTime<Utc>) -> Result<(), StorageError> {
        if self.next_change().is_none_or(|due| due > now) {
            return Ok(());
        }
        let ended: Vec<String> = self
            .newest
            .document
            .tools
            .exceptions
            .iter()
            .filter(|exception| {
                exception.expires_at > self.compiled_at && exception.expires_at <= now
            })
            .map(|exception| exception.clause.clone())
            .collect();
        let before = self.desired.config_hash.clone();
        self.compiled_at = now;
        self.tracking.compiled_at = Some(now);
        records::save(&self.db, Record::Tracking, &self.tracking)?;
        self.compile(now);
        self.choose_offer(now)?;
        for clause in ended {
            let version = self.newest.version;
            let detail = format!("version {version}: {clause} counts as absent from now on");
            let after = self.desired.config_hash.as_str();
            let hashes = (Some(before.as_str()), Some(after));
            self.note_change(GATEWAY, "policy.exception_ended", &detail, hashes, now)?;
        }
        if self.state.expects_container() && self.tracking.acknowledged.is_some() {
            self.tasks.push(Task::Reload);
        }
        self.announce();
        Ok(())
    }

    /// Whether a document can be compiled for the OpenClaw that last reported.
    ///
    /// # Errors
    /// 409 that says which version that is and what nobody has checked.
    pub fn check_version(&self, document: &Policy, now: DateTime<Utc>) -> Result<(), Problem> {
        let Some(version) = self.openclaw_version() else {
            return Ok(());
        };
        let config = configuration(document, &self.settings, Some(&version), now);
        policy::check_version(&version, &config)
            .map_err(|skew| Problem::unknown_openclaw(skew.to_string()))
    }

    /// What is not known of the OpenClaw that last reported.
    pub(super) fn skew(&self) -> Option<VersionSkew> {
        policy::check_version(&self.openclaw_version()?, &self.desired.config).err()
    }
}

#[cfg(test)]
mod tests;
