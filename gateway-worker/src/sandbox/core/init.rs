//! What tedix-init asks and reports.

use chrono::{DateTime, Utc};
use domain::problem::Problem;
use domain::wire::init::{GOVERNANCE_HOST, Report, ReportAck};

use super::tracking::{Confirmation, Observation, Rejection};
use super::{Core, INIT};
use crate::command::{Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::lifecycle::Input;
use crate::sandbox::store::records::Record;
use crate::sandbox::store::{audit, records};

impl<D: Db> Core<D> {
    /// `GET /v1/config`: the newest configuration.
    ///
    /// # Errors
    /// 401 for a wrong credential.
    pub fn init_config(&mut self, credential: &str, now: DateTime<Utc>) -> Outcome {
        self.check_init(credential, now)?;
        if self.tracking.acknowledged.as_ref() != Some(&self.desired.config_hash) {
            self.tracking.acknowledged = Some(self.desired.config_hash.clone());
            records::save(&self.db, Record::Tracking, &self.tracking)?;
            let detail = format!("version {} was fetched", self.desired.policy_version);
            audit::append(&self.db, now, INIT, "policy.fetched", &detail)?;
        }
        Reply::ok(&self.desired)
    }

    /// `POST /v1/reports`.
    ///
    /// # Errors
    /// 401 for a wrong credential.
    pub fn init_report(&mut self, credential: &str, report: Report, now: DateTime<Utc>) -> Outcome {
        self.check_init(credential, now)?;
        match report {
            Report::Step { step } => self.happen(Input::Step(step), INIT, now)?,
            Report::Observed {
                policy_version,
                config_hash,
                valid,
                applied,
                openclaw_version,
                config,
            } => {
                let seen = Observation {
                    at: now,
                    version: policy_version,
                    hash: config_hash,
                    valid,
                    applied,
                    config,
                };
                self.observed(seen, openclaw_version, now)?;
            }
            Report::Rejected {
                policy_version,
                config_hash,
                issues,
            } => {
                let rejection = Rejection {
                    version: policy_version,
                    hash: config_hash,
                    issues,
                };
                self.rejected(rejection, now)?;
            }
            Report::OpenclawExited {
                code,
                log_tail,
                restart_in_ms,
            } => {
                let detail = format!(
                    "OpenClaw ended with code {code}, starts again in {restart_in_ms} ms: {log_tail}"
                );
                audit::append(&self.db, now, INIT, "openclaw.exited", &detail)?;
                // Until the next one answers, nothing is known to be in force.
                self.tracking.observed = None;
                records::save(&self.db, Record::Tracking, &self.tracking)?;
                self.happen(Input::OpenclawExited { code }, INIT, now)?;
            }
        }
        Reply::ok(&ReportAck {
            desired_hash: self.desired.config_hash.clone(),
        })
    }

    fn observed(
        &mut self,
        seen: Observation,
        openclaw: String,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let before = self.apply_state();
        if seen.valid && seen.applied {
            let news = self
                .tracking
                .confirmed
                .as_ref()
                .is_none_or(|last| last.hash != seen.hash);
            if news {
                let detail = format!("version {} is in force", seen.version);
                audit::append(&self.db, now, INIT, "policy.applied", &detail)?;
            }
            self.tracking.confirmed = Some(Confirmation {
                at: now,
                version: seen.version,
                hash: seen.hash.clone(),
            });
        }
        self.tracking.observed = Some(seen);
        self.tracking.openclaw_version = Some(openclaw);
        records::save(&self.db, Record::Tracking, &self.tracking)?;
        self.happen(Input::Observed, INIT, now)?;
        if self.apply_state() != before {
            self.announce();
        }
        Ok(())
    }

    fn rejected(&mut self, rejection: Rejection, now: DateTime<Utc>) -> Result<(), Problem> {
        if self.tracking.rejected.as_ref() == Some(&rejection) {
            return Ok(());
        }
        let detail = format!("version {}: {}", rejection.version, rejection.words());
        audit::append(&self.db, now, INIT, "policy.rejected", &detail)?;
        self.tracking.rejected = Some(rejection);
        records::save(&self.db, Record::Tracking, &self.tracking)?;
        self.announce();
        Ok(())
    }

    fn check_init(&mut self, credential: &str, now: DateTime<Utc>) -> Result<(), Problem> {
        if self.is_init(credential) {
            return Ok(());
        }
        self.note_refusal(GOVERNANCE_HOST, now)?;
        Err(Problem::unauthenticated(
            "The credential is not that of the running container.",
        ))
    }
}
