//! What happens when: fetch, validate, install, start, confirm, observe, and
//! go back when that fails.
//!
//! One thread decides; signals and exits reach it as [`Event`]s.

mod apply;
mod devices;
mod drift;
mod files;
mod health;
mod jobs;
mod orders;
mod reports;
mod state;
mod stop;

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use domain::wire::gateway::StartStep;
use domain::wire::git::GitState;
use domain::wire::init::{ConfigBundle, ConfigIssue, Report};

use crate::backoff::Backoff;
use crate::child::{Launcher, Run};
use crate::config_file::ConfigFile;
use crate::git::Sources;
use crate::governance::Governance;
use crate::log;
use crate::openclaw::Openclaw;
use crate::owner_lease;
use crate::processes::Processes;
use crate::settings::Settings;
use crate::signals;
use crate::snapshot::Keeper;
use crate::store::Store;
use crate::versions::Versions;

use drift::Watched;
use files::Files;
use health::Probation;
use reports::Outbox;

/// Exit code with which OpenClaw refuses its configuration (`EX_CONFIG` of sysexits.h).
const EXIT_CONFIG: i32 = 78;
/// Exit code for a program that cannot be run, as shells use it.
const EXIT_NOT_STARTED: i32 = 127;
/// How often a starting OpenClaw is asked whether it is ready.
const START_POLL: Duration = Duration::from_millis(250);
/// How often it is asked whether it has taken up a configuration.
const CONFIRM_POLL: Duration = Duration::from_millis(150);
/// A run as long as this was a good one: the next restart waits little again.
const GOOD_RUN: Duration = Duration::from_secs(60);
/// Starts that may fail with a configuration that never worked, before the last
/// one that did comes back.
const FAILED_STARTS: u32 = 3;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// SIGHUP: the configuration may have changed.
    Reload,
    /// SIGTERM or SIGINT.
    Stop,
    /// OpenClaw's state is there, or there is none yet: it may start.
    Restored {
        /// In which of the image's versions; none for its own.
        version: Option<String>,
    },
    /// There is state and it cannot be had: OpenClaw must not start on nothing.
    NoState {
        /// Why.
        why: String,
    },
    /// How far what comes from Git repositories is.
    Git {
        /// All of it.
        states: Vec<GitState>,
    },
    /// A run of OpenClaw ended.
    Exited {
        /// Which run.
        number: u64,
        /// Exit code, 128 + signal for a signal.
        code: i32,
    },
}

/// Why tedix-init ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It was told to.
    Asked,
    /// There is state and it cannot be had.
    NoState,
}

/// Where OpenClaw is in its life.
#[derive(Debug)]
enum Phase {
    /// Its state is on the way.
    Restoring,
    /// There is no configuration to start it with yet.
    Unconfigured,
    /// It ended and is started again at a time.
    Waiting { until: Instant },
    /// Started, does not answer yet.
    Starting { run: Run, deadline: Instant },
    /// Answers; has to say that it runs with what the file says, or the
    /// configuration before comes back.
    Confirming {
        run: Run,
        deadline: Instant,
        before: Option<Box<ConfigBundle>>,
    },
    /// Runs with a known configuration.
    Running {
        run: Run,
        observe_at: Instant,
        answered_at: Instant,
    },
}

/// Looks after OpenClaw for as long as the container lives.
#[derive(Debug)]
pub(crate) struct Supervisor {
    settings: Settings,
    governance: Governance,
    openclaw: Openclaw,
    launcher: Launcher,
    /// What the image offers.
    versions: Versions,
    keeper: Keeper,
    sources: Sources,
    processes: Processes,
    file: ConfigFile,
    store: Store,
    events: Receiver<Event>,
    sender: Sender<Event>,
    outbox: Outbox,
    phase: Phase,
    /// What the file holds.
    installed: Option<ConfigBundle>,
    /// Hashes of configurations that failed: not tried again until asked to.
    rejected: Vec<String>,
    /// While a new configuration has to prove itself.
    probation: Option<Probation>,
    /// What was found in OpenClaw's state.
    watched: Watched,
    /// What may lie in folders that agents can write.
    files: Files,
    /// Orders that were carried out and that the gateway Worker may still repeat.
    carried_out: Vec<String>,
    /// When to fetch.
    fetch_at: Option<Instant>,
    fetches: Backoff,
    restarts: Backoff,
    failed_starts: u32,
    runs: u64,
    /// What OpenClaw says its version is.
    version: Option<String>,
}

impl Supervisor {
    /// Takes hold of signals, directories and orphans.
    pub(crate) fn new(settings: Settings) -> io::Result<Self> {
        let (sender, events) = channel();
        signals::forward(sender.clone())?;
        let processes = Processes::start();
        let launcher = Launcher::new(settings.clone(), processes.clone())?;
        let store = Store::open(&settings.own_dir())?;
        let versions = Versions::look(&settings);
        Ok(Self {
            governance: Governance::new(&settings),
            openclaw: Openclaw::new(&settings),
            keeper: state::keeper(
                &settings,
                versions.names(),
                launcher.separation(),
                sender.clone(),
            )?,
            versions,
            files: Files::new(&settings, launcher.separation().user()),
            sources: Sources::start(
                &settings,
                processes.clone(),
                launcher.separation(),
                sender.clone(),
            ),
            launcher,
            processes,
            file: ConfigFile::at(&settings.config_file)?,
            store,
            events,
            sender,
            outbox: Outbox::default(),
            phase: Phase::Restoring,
            installed: None,
            rejected: Vec::new(),
            probation: None,
            watched: Watched::default(),
            carried_out: Vec::new(),
            fetch_at: Some(Instant::now()),
            fetches: Backoff::new(Duration::from_millis(250), Duration::from_secs(5)),
            restarts: Backoff::new(Duration::from_secs(1), Duration::from_secs(30)),
            failed_starts: 0,
            runs: 0,
            version: None,
            settings,
        })
    }

    /// Works until it is told to stop, or must not start.
    pub(crate) fn run(mut self) -> io::Result<End> {
        self.report(Report::Step {
            step: StartStep::Configuring,
        });
        loop {
            let wait = self.advance();
            match self.events.recv_timeout(wait) {
                Ok(Event::Reload) => {
                    self.fetch_at = Some(Instant::now());
                    self.keeper.nudge();
                }
                Ok(Event::Restored { version }) => self.restored(version.as_deref())?,
                Ok(Event::NoState { why }) => {
                    log::line(&format!("OpenClaw does not start: {why}"));
                    self.keeper.end(stop::LEASE);
                    return Ok(End::NoState);
                }
                Ok(Event::Git { states }) => self.report(Report::Git { states }),
                Ok(Event::Exited { number, code }) => self.exited(number, code),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.stop();
        Ok(End::Asked)
    }

    /// Does what is due; how long until something is due again.
    fn advance(&mut self) -> Duration {
        self.send_reports();
        let now = Instant::now();
        // While it starts or confirms, a newer configuration waits: OpenClaw may
        // have read the old one already and not watch the file yet.
        let settled = matches!(
            self.phase,
            Phase::Unconfigured | Phase::Waiting { .. } | Phase::Running { .. }
        );
        if settled && self.fetch_at.is_some_and(|at| at <= now) {
            self.fetch();
        }
        match &self.phase {
            Phase::Restoring | Phase::Unconfigured => {}
            Phase::Waiting { until } => {
                if *until <= now {
                    self.start();
                }
            }
            Phase::Starting { .. } => self.look_whether_ready(),
            Phase::Confirming { .. } => self.look_whether_confirmed(),
            Phase::Running { observe_at, .. } => {
                if *observe_at <= now {
                    self.observe();
                }
            }
        }
        self.until_next()
    }

    /// How long nothing has to be done.
    fn until_next(&self) -> Duration {
        let now = Instant::now();
        let (phase, settled) = match &self.phase {
            Phase::Restoring => (None, false),
            Phase::Unconfigured => (None, true),
            Phase::Waiting { until } => (Some(*until), true),
            Phase::Starting { .. } => (Some(now + START_POLL), false),
            Phase::Confirming { .. } => (Some(now + CONFIRM_POLL), false),
            Phase::Running { observe_at, .. } => (Some(*observe_at), true),
        };
        let fetch = self.fetch_at.filter(|_| settled);
        let due = [phase, fetch, self.outbox.due()]
            .into_iter()
            .flatten()
            .min();
        due.map_or(self.settings.observe_every, |at| {
            at.saturating_duration_since(now)
        })
    }

    /// Starts OpenClaw with the file that is in place.
    fn start(&mut self) {
        self.runs += 1;
        if self.runs == 1 {
            owner_lease::release(&self.settings.state_dir(), self.launcher.separation());
        }
        self.report(Report::Step {
            step: StartStep::Openclaw,
        });
        // A snapshot may hold what was changed a moment before it was taken.
        self.hold_files();
        match self
            .launcher
            .start(self.runs, self.file.path(), self.sender.clone())
        {
            Ok(run) => {
                log::line(&format!("OpenClaw started, run {}", self.runs));
                let deadline = Instant::now() + self.settings.start_timeout;
                self.phase = Phase::Starting { run, deadline };
            }
            Err(error) => {
                self.restart_later(EXIT_NOT_STARTED, format!("cannot start OpenClaw: {error}"))
            }
        }
    }

    fn look_whether_ready(&mut self) {
        if !self.openclaw.is_ready() {
            if let Phase::Starting { run, deadline } = &self.phase
                && *deadline <= Instant::now()
            {
                log::line("OpenClaw did not become ready in time; ending it");
                run.kill();
            }
            return;
        }
        self.phase = match std::mem::replace(&mut self.phase, Phase::Unconfigured) {
            Phase::Starting { run, .. } => Phase::Confirming {
                run,
                deadline: Instant::now() + self.settings.confirm_timeout,
                before: self.last_good_other_than_installed().map(Box::new),
            },
            other => other,
        };
        self.report(Report::Step {
            step: StartStep::Confirming,
        });
    }

    /// A run ended.
    fn exited(&mut self, number: u64, code: i32) {
        let phase = std::mem::replace(&mut self.phase, Phase::Unconfigured);
        let starting = matches!(phase, Phase::Starting { .. });
        let (run, confirming) = match phase {
            Phase::Starting { run, .. } if run.number == number => (run, None),
            Phase::Confirming { run, before, .. } if run.number == number => (run, before),
            Phase::Running { run, .. } if run.number == number => (run, None),
            other => {
                self.phase = other;
                return;
            }
        };
        self.processes.kill_orphans();
        log::line(&format!("OpenClaw ended with {code}"));
        if run.since.elapsed() >= GOOD_RUN {
            self.restarts.reset();
        }
        let probation = self.probation.take();
        self.watched = Watched::default();
        // A configuration that takes something away stays: agents could end OpenClaw
        // to get rid of it. One that it does not start with is another matter.
        let keep = code != EXIT_CONFIG && self.keeps_when_unhealthy();
        if starting || !keep {
            self.failed_starts += 1;
        }
        if let Some(before) = confirming.filter(|_| !keep) {
            self.refuse_installed(vec![ended_with(code)]);
            self.install(*before);
        } else if code == EXIT_CONFIG {
            let issues = self.launcher.validate(self.file.path()).err();
            if !self.refuse_start(issues.unwrap_or_else(|| vec![ended_with(code)])) {
                // Nothing to start with until another configuration comes.
                self.installed = None;
                return;
            }
        } else if probation.is_some_and(|probation| probation.is_running()) && !keep {
            self.refuse_start(vec![health::ended_within_window(code)]);
        } else if self.failed_starts >= FAILED_STARTS
            && self.last_good_other_than_installed().is_some()
        {
            self.refuse_start(vec![ended_with(code)]);
        }
        self.restart_later(code, run.tail());
    }

    fn restart_later(&mut self, code: i32, log_tail: String) {
        let wait = self.restarts.next();
        self.phase = Phase::Waiting {
            until: Instant::now() + wait,
        };
        let restart_in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.report(Report::OpenclawExited {
            code,
            log_tail,
            restart_in_ms,
        });
    }
}

fn ended_with(code: i32) -> ConfigIssue {
    let message = format!("OpenClaw ended with {code} when it ran with it");
    ConfigIssue {
        path: String::new(),
        message,
    }
}
