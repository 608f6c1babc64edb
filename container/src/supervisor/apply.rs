//! Getting a configuration from the gateway Worker into force, or not.

use std::time::{Duration, Instant};

use domain::drift::Part;
use domain::drift::commands::takes_commands_away;
use domain::wire::init::{ConfigBundle, ConfigIssue, Report};
use serde_json::Value;

use super::{Phase, Supervisor};
use crate::governed::governed;
use crate::log;
use crate::openclaw::ConfigState;

/// Most failed configurations that are remembered.
const REJECTED: usize = 16;
/// How long OpenClaw's start waits for what comes from Git repositories.
const BEFORE_START: Duration = Duration::from_secs(20);

impl Supervisor {
    /// Gets the newest configuration and takes it up.
    pub(super) fn fetch(&mut self) {
        match self.governance.config() {
            Ok(bundle) => {
                self.fetches.reset();
                self.fetch_at = None;
                self.take_up(bundle);
            }
            Err(error) => {
                let wait = self.fetches.next();
                self.fetch_at = Some(Instant::now() + wait);
                log::line(&format!("{error}; trying again in {} ms", wait.as_millis()));
            }
        }
    }

    fn take_up(&mut self, bundle: ConfigBundle) {
        // What OpenClaw starts with is there first, if its host is not too slow.
        let starts = matches!(self.phase, Phase::Unconfigured) && !bundle.watch.git.is_empty();
        let wait = if starts { BEFORE_START } else { Duration::ZERO };
        self.sources.want(&bundle.watch.git, wait);
        if self
            .installed
            .as_ref()
            .is_some_and(|old| old.config_hash == bundle.config_hash)
        {
            // The same configuration may belong to a newer version of the policy.
            self.rejected.retain(|hash| *hash != bundle.config_hash);
            if let (Phase::Running { run, .. }, true) =
                (&self.phase, takes_away(self.installed.as_ref(), &bundle))
            {
                self.end_commands(run.pid);
            }
            self.installed = Some(bundle);
            self.expect_other_approvals();
            if let Phase::Running { observe_at, .. } = &mut self.phase {
                *observe_at = Instant::now();
            }
            return;
        }
        // Where nothing runs yet, OpenClaw's own look at its start is enough, and
        // seconds sooner.
        if !matches!(self.phase, Phase::Unconfigured)
            && let Err(issues) = self.validate(&bundle)
        {
            self.refuse(&bundle, issues);
            return;
        }
        self.rejected.retain(|hash| *hash != bundle.config_hash);
        self.probation = None;
        self.failed_starts = 0;
        let before = self.installed.clone();
        self.keep_before_apply(bundle.watch.keep_when_unhealthy);
        if !self.install(bundle) {
            return;
        }
        match std::mem::replace(&mut self.phase, Phase::Unconfigured) {
            Phase::Running { run, .. } => {
                let deadline = Instant::now() + self.settings.confirm_timeout;
                self.phase = Phase::Confirming {
                    run,
                    deadline,
                    before: before.map(Box::new),
                };
            }
            _ => self.start(),
        }
    }

    /// Lets OpenClaw judge a configuration, unless this version of it did before.
    fn validate(&self, bundle: &ConfigBundle) -> Result<(), Vec<ConfigIssue>> {
        let version = self.launcher.package_version();
        if self.store.was_valid(&bundle.config_hash, &version) {
            return Ok(());
        }
        let candidate = self.file.write_candidate(bundle).map_err(|error| {
            vec![ConfigIssue {
                path: String::new(),
                message: format!("cannot be written: {error}"),
            }]
        })?;
        let verdict = self.launcher.validate(&candidate);
        // Only a look; nothing reads it afterwards.
        let _ = std::fs::remove_file(candidate);
        verdict?;
        self.store.set_valid(&bundle.config_hash, &version);
        Ok(())
    }

    /// Puts a configuration in place; whether that worked.
    pub(super) fn install(&mut self, bundle: ConfigBundle) -> bool {
        match self.file.install(&bundle) {
            Ok(()) => {
                log::line(&format!(
                    "configuration of policy version {} in place",
                    bundle.policy_version
                ));
                self.installed = Some(bundle);
                self.expect_other_approvals();
                true
            }
            Err(error) => {
                let message = format!("cannot be written: {error}");
                self.refuse(
                    &bundle,
                    vec![ConfigIssue {
                        path: String::new(),
                        message,
                    }],
                );
                false
            }
        }
    }

    pub(super) fn last_good_other_than_installed(&self) -> Option<ConfigBundle> {
        let installed = self.installed.as_ref()?;
        self.store
            .last_good()
            .filter(|good| good.config_hash != installed.config_hash)
    }

    fn refuse(&mut self, bundle: &ConfigBundle, issues: Vec<ConfigIssue>) {
        log::line(&format!(
            "configuration of policy version {} refused",
            bundle.policy_version
        ));
        self.rejected.retain(|hash| *hash != bundle.config_hash);
        self.rejected.push(bundle.config_hash.clone());
        let surplus = self.rejected.len().saturating_sub(REJECTED);
        self.rejected.drain(..surplus);
        self.report(Report::Rejected {
            policy_version: bundle.policy_version,
            config_hash: bundle.config_hash.clone(),
            issues,
        });
    }

    /// OpenClaw refused to start with what is in place: reports why, and puts the
    /// last good configuration there; whether there was one.
    pub(super) fn refuse_start(&mut self, issues: Vec<ConfigIssue>) -> bool {
        let good = self.last_good_other_than_installed();
        self.refuse_installed(issues);
        good.is_some_and(|good| self.install(good))
    }

    pub(super) fn refuse_installed(&mut self, issues: Vec<ConfigIssue>) {
        if let Some(bundle) = self.installed.clone() {
            self.refuse(&bundle, issues);
        }
    }

    pub(super) fn look_whether_confirmed(&mut self) {
        let state = self.openclaw.config();
        let Phase::Confirming { deadline, .. } = &self.phase else {
            return;
        };
        let late = *deadline <= Instant::now();
        let Some(bundle) = self.installed.clone() else {
            return;
        };
        match state {
            Some(state) if state.is_in_force(&bundle.config) => {
                self.failed_starts = 0;
                self.begin_probation(&bundle);
                self.store
                    .set_valid(&bundle.config_hash, &self.launcher.package_version());
                self.end_denied_commands(&bundle);
                self.hold_exec_approvals();
                self.settle(Some(&state));
            }
            Some(state) if !state.valid && state.is_about(&bundle.config) => {
                self.go_back(state.issues.into_iter().map(ConfigIssue::from).collect());
            }
            _ if late && self.keeps_when_unhealthy() => self.end_unconfirmed(),
            _ if late => {
                let seconds = self.settings.confirm_timeout.as_secs();
                let message = format!("OpenClaw did not confirm it within {seconds} s");
                self.go_back(vec![ConfigIssue {
                    path: String::new(),
                    message,
                }]);
            }
            _ => {}
        }
    }

    /// The configuration before comes back; without one, OpenClaw stays as it is
    /// and what it runs with is reported as not applied.
    fn go_back(&mut self, issues: Vec<ConfigIssue>) {
        let phase = std::mem::replace(&mut self.phase, Phase::Unconfigured);
        let Phase::Confirming {
            run,
            deadline,
            before,
        } = phase
        else {
            self.phase = phase;
            return;
        };
        self.refuse_installed(issues);
        let back = before.is_some_and(|before| self.install(*before));
        self.phase = Phase::Confirming {
            run,
            deadline,
            before: None,
        };
        if !back {
            self.settle(None);
        } else if let Phase::Confirming { deadline, .. } = &mut self.phase {
            *deadline = Instant::now() + self.settings.confirm_timeout;
        }
    }

    /// Where agents may run no commands any more, or less than before, those that still
    /// run end now: nobody knows which of them the policy would let start today.
    fn end_denied_commands(&self, bundle: &ConfigBundle) {
        let Phase::Confirming { run, before, .. } = &self.phase else {
            return;
        };
        let mode = bundle.config.pointer("/tools/exec/mode");
        if mode.and_then(Value::as_str) == Some("deny") || takes_away(before.as_deref(), bundle) {
            self.end_commands(run.pid);
        }
    }

    fn end_commands(&self, openclaw: i32) {
        let package = self
            .settings
            .openclaw
            .parent()
            .unwrap_or(&self.settings.openclaw);
        let ended = self.processes.kill_commands(openclaw, package);
        if ended > 0 {
            log::line(&format!(
                "ended {ended} processes: agents may run fewer commands than before"
            ));
        }
    }

    /// From now on OpenClaw is only looked at.
    fn settle(&mut self, state: Option<&ConfigState>) {
        let now = Instant::now();
        self.phase = match std::mem::replace(&mut self.phase, Phase::Unconfigured) {
            Phase::Confirming { run, .. } => Phase::Running {
                run,
                observe_at: if state.is_some() {
                    now + self.settings.observe_every
                } else {
                    now
                },
                answered_at: now,
            },
            other => other,
        };
        if let Some(state) = state {
            self.version = self.openclaw.version().or(self.version.take());
            self.tell_keeper();
            self.report_state(state);
        }
    }

    /// Asks OpenClaw what it runs with and says so; puts the file right if
    /// somebody changed it.
    pub(super) fn observe(&mut self) {
        self.put_file_right();
        let state = self.openclaw.config();
        let now = Instant::now();
        let Phase::Running {
            run,
            observe_at,
            answered_at,
        } = &mut self.phase
        else {
            return;
        };
        *observe_at = now + self.settings.observe_every;
        match state {
            Some(state) => {
                *answered_at = now;
                // Before a version is said to be in force: what is written after that
                // is not to count as there when it was closed.
                self.hold_files();
                self.report_state(&state);
                self.hold_exec_approvals();
                self.carry_out_orders();
                self.tell_approved();
                self.carry_out_device_orders();
                self.hold_state();
                self.look_at_probation();
            }
            None if self.probation.is_some() => self.look_at_probation(),
            None if now.duration_since(*answered_at) > self.settings.start_timeout => {
                log::line("OpenClaw has stopped answering; ending it");
                run.kill();
            }
            None => log::line("OpenClaw does not answer"),
        }
    }

    fn put_file_right(&mut self) {
        let Some(bundle) = self
            .installed
            .as_ref()
            .filter(|bundle| !self.file.holds(bundle))
        else {
            return;
        };
        log::line("somebody changed the configuration file; putting it right");
        let (reverted, detail) = match self.file.install(bundle) {
            Ok(()) => (true, "it was changed".to_owned()),
            Err(error) => (
                false,
                format!("it was changed and cannot be put right: {error}"),
            ),
        };
        if !reverted {
            log::line(&detail);
        }
        self.report(Report::Drift {
            part: Part::Config,
            detail,
            reverted,
        });
    }

    fn report_state(&mut self, state: &ConfigState) {
        let Some(bundle) = &self.installed else {
            return;
        };
        let config = if state.runtime_config.is_object() {
            governed(&state.runtime_config)
        } else {
            Value::Null
        };
        self.report(Report::Observed {
            policy_version: bundle.policy_version,
            config_hash: bundle.config_hash.clone(),
            valid: state.valid,
            applied: state.is_in_force(&bundle.config),
            openclaw_version: self.version.clone().unwrap_or_default(),
            config,
        });
    }
}

/// Whether agents may run less than before. Without a before nothing runs yet.
fn takes_away(before: Option<&ConfigBundle>, after: &ConfigBundle) -> bool {
    let approvals = |bundle: &ConfigBundle| bundle.watch.exec_approvals.clone();
    match (before.and_then(approvals), approvals(after)) {
        (Some(before), Some(after)) => takes_commands_away(&before, &after),
        _ => false,
    }
}
