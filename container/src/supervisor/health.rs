//! A new configuration has to prove itself: until OpenClaw has stayed healthy with it
//! for a while, its end or its silence brings the last good one back.

use std::time::{Duration, Instant};

use domain::wire::init::{ConfigBundle, ConfigIssue};

use super::{Phase, Supervisor};
use crate::log;

/// How long that takes where the gateway Worker does not say.
const HEALTH_WINDOW: Duration = Duration::from_secs(120);
/// Looks in a row at which OpenClaw must not be ready to count as unhealthy: its
/// restart within its process, which some changes need, takes 14 seconds.
const UNREADY_LOOKS: u32 = 3;

/// While a configuration has to prove itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probation {
    until: Instant,
    unready: u32,
}

impl Probation {
    /// Whether it has not been served yet.
    pub(super) fn is_running(self) -> bool {
        Instant::now() < self.until
    }
}

impl Supervisor {
    /// OpenClaw confirmed a configuration: from now on it has to prove itself, unless
    /// it did before or there is none to go back to.
    pub(super) fn begin_probation(&mut self, bundle: &ConfigBundle) {
        self.probation = None;
        let known = self.store.last_good();
        if known.is_none_or(|good| good.config_hash == bundle.config_hash) {
            self.store.set_last_good(bundle);
            return;
        }
        let told = bundle.watch.health_window_seconds.map(Duration::from_secs);
        let window = self
            .settings
            .health_window
            .or(told)
            .unwrap_or(HEALTH_WINDOW);
        self.probation = Some(Probation {
            until: Instant::now() + window,
            unready: 0,
        });
    }

    /// Whether OpenClaw's end or silence keeps the configuration that is in place.
    pub(super) fn keeps_when_unhealthy(&self) -> bool {
        self.installed
            .as_ref()
            .is_some_and(|bundle| bundle.watch.keep_when_unhealthy)
    }

    /// Looks whether OpenClaw is still healthy with a configuration on probation.
    pub(super) fn look_at_probation(&mut self) {
        let Some(mut probation) = self.probation else {
            return;
        };
        let ready = self.openclaw.is_ready();
        probation.unready = if ready { 0 } else { probation.unready + 1 };
        self.probation = Some(probation);
        if ready && !probation.is_running() {
            self.probation = None;
            if let Some(bundle) = &self.installed {
                log::line("OpenClaw stayed healthy with the new configuration");
                self.store.set_last_good(bundle);
            }
            return;
        }
        if probation.unready < UNREADY_LOOKS || self.keeps_when_unhealthy() {
            return;
        }
        let Some(good) = self.last_good_other_than_installed() else {
            return;
        };
        self.probation = None;
        self.refuse_installed(vec![issue(
            "OpenClaw was not ready any more when it ran with it".to_owned(),
        )]);
        if self.install(good) {
            self.phase = match std::mem::replace(&mut self.phase, Phase::Unconfigured) {
                Phase::Running { run, .. } => Phase::Confirming {
                    run,
                    deadline: Instant::now() + self.settings.confirm_timeout,
                    before: None,
                },
                other => other,
            };
        }
    }

    /// OpenClaw did not confirm a configuration that stays in any case: it is ended,
    /// and has to start with it.
    pub(super) fn end_unconfirmed(&mut self) {
        let Phase::Confirming { run, deadline, .. } = &mut self.phase else {
            return;
        };
        log::line("OpenClaw did not confirm a stricter configuration; ending it");
        run.kill();
        *deadline = Instant::now() + self.settings.confirm_timeout;
    }
}

/// OpenClaw ended soon after it had taken up a configuration.
pub(super) fn ended_within_window(code: i32) -> ConfigIssue {
    issue(format!(
        "OpenClaw ended with {code} soon after it had taken it up"
    ))
}

fn issue(message: String) -> ConfigIssue {
    ConfigIssue {
        path: String::new(),
        message,
    }
}
