//! What tedix-init asks and reports.

use chrono::{DateTime, Utc};
use domain::problem::Problem;
use domain::wire::init::{GOVERNANCE_HOST, Report, ReportAck};

use super::tracking::{Confirmation, Observation, Rejection};
use super::{Core, GATEWAY, INIT, orders};
use crate::command::{Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::lifecycle::Input;
use crate::sandbox::store::records;
use crate::sandbox::store::records::Record;

impl<D: Db> Core<D> {
    /// `GET /v1/config`: the newest configuration.
    ///
    /// # Errors
    /// 401 for a wrong credential.
    pub fn init_config(&mut self, credential: &str, now: DateTime<Utc>) -> Outcome {
        self.check_init(credential, now)?;
        self.time_passed(now)?;
        let offered = self.offered().clone();
        if self.tracking.acknowledged.as_ref() != Some(&offered.config_hash) {
            let detail = format!("version {} was fetched", offered.policy_version);
            self.tracking.acknowledged = Some(offered.config_hash.clone());
            records::save(&self.db, Record::Tracking, &self.tracking)?;
            self.note(INIT, "policy.fetched", &detail, now)?;
        }
        Reply::ok(&offered)
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
            Report::Drift {
                part,
                detail,
                reverted,
            } => self.drifted(part, &detail, reverted, now)?,
            Report::Held { held } => self.holds(&held, now)?,
            Report::Undone {
                change,
                target,
                content,
                why,
            } => self.undone(orders::found(change, target, content, &why), now)?,
            Report::Approved { approved } => self.files_approved(&approved, now)?,
            Report::OrderDone { id, error, job } => {
                self.order_done(&id, error.as_deref(), job, now)?;
            }
            Report::DeviceDone { id, error } => self.device_done(&id, error.as_deref(), now)?,
            Report::NextRun { at } => self.next_run_reported(at)?,
            Report::Git { states } => self.git_reported(states, now)?,
            Report::Devices { report } => self.devices_reported(report, now)?,
            Report::OpenclawExited {
                code,
                log_tail,
                restart_in_ms,
            } => {
                let detail = format!(
                    "OpenClaw ended with code {code}, starts again in {restart_in_ms} ms: {log_tail}"
                );
                self.note(INIT, "openclaw.exited", &detail, now)?;
                // Until the next one answers, nothing is known to be in force.
                self.tracking.observed = None;
                records::save(&self.db, Record::Tracking, &self.tracking)?;
                self.happen(Input::OpenclawExited { code }, INIT, now)?;
                let why = format!("OpenClaw ended with code {code}");
                self.set_back(|versions| versions.ended(&why, now), now)?;
            }
        }
        Reply::ok(&ReportAck {
            desired_hash: self.offered().config_hash.clone(),
            orders: self.offered().watch.orders.len() + self.offered().watch.devices.len(),
            policy_version: Some(self.offered().policy_version),
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
            self.confirmed(&seen, now)?;
            self.healthy(&openclaw, now)?;
        }
        self.tracking.observed = Some(seen);
        // Empty until it has first answered.
        if !openclaw.is_empty() && self.tracking.openclaw_version.as_ref() != Some(&openclaw) {
            self.tracking.openclaw_version = Some(openclaw);
            if let Some(skew) = self.skew() {
                self.note(GATEWAY, "openclaw.unknown_version", &skew.to_string(), now)?;
            }
        }
        records::save(&self.db, Record::Tracking, &self.tracking)?;
        self.happen(Input::Observed, INIT, now)?;
        if self.apply_state() != before {
            self.announce();
        }
        Ok(())
    }

    /// OpenClaw runs with a configuration; after the health window it is a good one.
    fn confirmed(&mut self, seen: &Observation, now: DateTime<Utc>) -> Result<(), Problem> {
        let last = self.tracking.confirmed.take();
        let same = last.as_ref().filter(|last| last.hash == seen.hash);
        let since = same.map_or(now, |last| last.since);
        if same.is_none() {
            let detail = format!("version {} is in force", seen.version);
            let hashes = (
                last.as_ref().map(|last| last.hash.as_str()),
                Some(seen.hash.as_str()),
            );
            self.note_change(INIT, "policy.applied", &detail, hashes, now)?;
        }
        let confirmation = Confirmation {
            at: now,
            since,
            version: seen.version,
            hash: seen.hash.clone(),
        };
        if self.tracking.good.is_none() || now - since >= self.health_window() {
            self.tracking.good = Some(confirmation.clone());
            self.tracking.worked(&seen.hash);
        }
        self.tracking.confirmed = Some(confirmation);
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
