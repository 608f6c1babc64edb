//! What follows from what happens to the container.

use chrono::{DateTime, TimeDelta, Utc};
use domain::wire::gateway::{ExitInfo, StartStep};

use super::state::{After, Phase, State};
use super::{
    BACKOFF_FIRST_MS, BACKOFF_MAX_MS, HEALTHY_MS, MAX_FAILURES, START_LIMIT_MS, STOP_GRACE_MS,
    STOP_LIMIT_MS,
};
use crate::sandbox::backoff::backoff;

/// Something that happens to the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// An operator starts it.
    Start,
    /// A request for OpenClaw arrived.
    Wake,
    /// Nobody has needed it for as long as the policy says.
    Sleep {
        /// When something will.
        wake_at: Option<DateTime<Utc>>,
    },
    /// An operator stops it.
    Stop,
    /// An operator restarts it.
    Restart,
    /// An operator ends it at once, without letting it finish.
    Destroy,
    /// tedix-init has come this far with a start.
    Step(StartStep),
    /// OpenClaw answered tedix-init.
    Observed,
    /// OpenClaw ended; tedix-init starts it again.
    OpenclawExited {
        /// Exit code, 128 + signal for a signal.
        code: i32,
    },
    /// tedix-init still saves the state, so a stop takes its time.
    Saving,
    /// There is state and none of it can be restored: the container ends by itself.
    NoState,
    /// The container ended.
    Exited {
        /// The start that it belonged to.
        run: u64,
        /// Exit code, when known.
        code: Option<i32>,
        /// What to tell a person.
        reason: String,
    },
    /// The Durable Object came to life and looked.
    Awake {
        /// Whether a container is running.
        running: bool,
    },
    /// Time passed.
    Tick,
}

/// Something to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Start a container with fresh credentials, and watch it.
    Launch {
        /// Number of the start.
        run: u64,
    },
    /// Watch a container that is running already.
    Adopt {
        /// Number of the start that it belongs to.
        run: u64,
    },
    /// Ask it to end: SIGTERM.
    Terminate,
    /// End it at once.
    Kill,
    /// Tell the registry now: something changed that people wait for.
    Announce,
}

/// Something worth an audit entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `noun.verb`.
    pub action: &'static str,
    /// In a person's words.
    pub detail: String,
}

/// The state that follows, what to do, and what to write down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The state that follows.
    pub state: State,
    /// What to do, in order.
    pub effects: Vec<Effect>,
    /// What to write down, in order.
    pub events: Vec<Event>,
}

/// Why an input is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It failed too often; only an operator's start helps.
    #[error("the container failed {0} times in a row; an operator has to start it")]
    Failed(u32),
}

/// What follows from `input` at `now`.
///
/// # Errors
/// When the state does not allow it.
pub fn decide(state: &State, input: Input, now: DateTime<Utc>) -> Result<Decision, Denied> {
    let mut next = Next {
        state: state.clone(),
        effects: Vec::new(),
        events: Vec::new(),
        now,
    };
    next.take(input)?;
    if next.state.phase.name() != state.phase.name() {
        next.effects.push(Effect::Announce);
    }
    Ok(Decision {
        state: next.state,
        effects: next.effects,
        events: next.events,
    })
}

struct Next {
    state: State,
    effects: Vec<Effect>,
    events: Vec<Event>,
    now: DateTime<Utc>,
}

impl Next {
    fn take(&mut self, input: Input) -> Result<(), Denied> {
        match (input, self.state.phase) {
            (Input::Wake, Phase::Failed) => return Err(Denied::Failed(self.state.failures)),
            (Input::Wake, Phase::Stopped | Phase::Asleep { .. }) => self.launch(),
            (
                Input::Wake,
                Phase::Stopping {
                    then: After::Sleep { .. },
                    kill_at,
                },
            ) => {
                self.enter(Phase::Stopping {
                    then: After::Start,
                    kill_at,
                });
            }
            (Input::Sleep { wake_at }, Phase::Ready) => {
                self.note("sandbox.slept", "nobody has needed it for long");
                self.stop(After::Sleep { wake_at });
            }

            (
                Input::Start | Input::Restart,
                Phase::Stopped | Phase::BackingOff { .. } | Phase::Failed | Phase::Asleep { .. },
            ) => {
                self.state.failures = 0;
                self.launch();
            }
            (Input::Start | Input::Restart, Phase::Stopping { kill_at, .. }) => {
                self.enter(Phase::Stopping {
                    then: After::Start,
                    kill_at,
                });
            }
            (Input::Restart, Phase::Starting { .. } | Phase::Ready) => self.stop(After::Start),

            (Input::Stop, Phase::Starting { .. } | Phase::Ready) => self.stop(After::Stay),
            (
                Input::Stop | Input::Destroy,
                Phase::BackingOff { .. } | Phase::Failed | Phase::Asleep { .. },
            ) => self.rest(),
            (Input::Stop, Phase::Stopping { kill_at, .. }) => {
                self.enter(Phase::Stopping {
                    then: After::Stay,
                    kill_at,
                });
            }
            (Input::Destroy, Phase::Starting { .. } | Phase::Ready | Phase::Stopping { .. }) => {
                self.kill(After::Stay);
            }

            (Input::Step(step), Phase::Starting { give_up_at, .. }) => {
                self.state.phase = Phase::Starting { step, give_up_at };
            }
            (Input::Observed, Phase::Starting { .. }) => {
                self.state.ready_since = Some(self.now);
                self.enter(Phase::Ready);
                self.note("sandbox.ready", "OpenClaw answers");
            }
            (Input::OpenclawExited { code }, Phase::Starting { .. } | Phase::Ready) => {
                self.openclaw_exited(code);
            }

            (Input::Saving, Phase::Stopping { then, kill_at }) => {
                let most = self.state.since + TimeDelta::milliseconds(STOP_LIMIT_MS);
                let longer = self.after(STOP_GRACE_MS).min(most);
                self.enter(Phase::Stopping {
                    then,
                    kill_at: kill_at.max(longer),
                });
            }
            (Input::NoState, Phase::Starting { .. }) => self.enter(Phase::Stopping {
                then: After::Fail,
                kill_at: self.after(STOP_GRACE_MS),
            }),

            (Input::Exited { run, code, reason }, phase) if run == self.state.run => {
                self.exited(phase, code, reason);
            }

            (
                Input::Awake { running: true },
                Phase::Starting { .. } | Phase::Ready | Phase::Stopping { .. },
            ) => {
                self.effects.push(Effect::Adopt {
                    run: self.state.run,
                });
                self.tick();
            }
            (Input::Awake { running: true }, Phase::Stopped | Phase::Failed) => {
                self.stray(After::Stay);
            }
            (Input::Awake { running: true }, Phase::Asleep { wake_at }) => {
                self.stray(After::Sleep { wake_at });
            }
            (Input::Awake { running: true }, Phase::BackingOff { .. }) => self.stray(After::Start),
            (Input::Awake { running: false }, phase) => {
                self.exited(
                    phase,
                    None,
                    "it was gone when the gateway woke up".to_owned(),
                );
                self.tick();
            }
            (Input::Tick, _) => self.tick(),

            // Already so, or about a run that is over.
            (Input::Wake | Input::Start | Input::Stop | Input::Destroy, _)
            | (Input::Sleep { .. }, _)
            | (Input::Step(_) | Input::Observed | Input::OpenclawExited { .. }, _)
            | (Input::Exited { .. } | Input::Saving | Input::NoState, _) => {}
        }
        Ok(())
    }

    fn tick(&mut self) {
        match self.state.phase {
            Phase::BackingOff { retry_at } if retry_at <= self.now => {
                self.state.restarts = self.state.restarts.saturating_add(1);
                self.launch();
            }
            Phase::Asleep { wake_at: Some(at) } if at <= self.now => {
                self.note("sandbox.woken", "a scheduled job runs soon");
                self.launch();
            }
            Phase::Starting { give_up_at, .. } if give_up_at <= self.now => {
                self.note("sandbox.gave_up", "OpenClaw did not become ready in time");
                self.kill(After::BackOff);
            }
            Phase::Stopping { then, kill_at } if kill_at <= self.now => {
                self.note("sandbox.killed", "it did not end in time");
                self.kill(then);
            }
            _ => {}
        }
    }

    fn enter(&mut self, phase: Phase) {
        if phase.name() != self.state.phase.name() {
            self.state.since = self.now;
        }
        self.state.phase = phase;
    }

    fn launch(&mut self) {
        // INVARIANT: callers come from Stopped, BackingOff, Failed or an exit, so
        // no container of an earlier run is left.
        self.state.run = self.state.run.saturating_add(1);
        self.state.ready_since = None;
        let give_up_at = self.after(START_LIMIT_MS);
        self.enter(Phase::Starting {
            step: StartStep::Container,
            give_up_at,
        });
        self.effects.push(Effect::Launch {
            run: self.state.run,
        });
        self.note("sandbox.started", format!("start {}", self.state.run));
    }

    fn stop(&mut self, then: After) {
        self.enter(Phase::Stopping {
            then,
            kill_at: self.after(STOP_GRACE_MS),
        });
        self.effects.push(Effect::Terminate);
    }

    fn kill(&mut self, then: After) {
        self.enter(Phase::Stopping {
            then,
            kill_at: self.after(STOP_GRACE_MS),
        });
        self.effects.push(Effect::Kill);
    }

    /// A container runs that nobody should have started.
    fn stray(&mut self, then: After) {
        self.note("sandbox.stray", "a container was running that should not");
        self.effects.push(Effect::Adopt {
            run: self.state.run,
        });
        self.kill(then);
    }

    fn rest(&mut self) {
        self.state.failures = 0;
        self.state.restarts = 0;
        self.enter(Phase::Stopped);
        self.note(
            "sandbox.stopped",
            "it stays stopped until somebody needs it",
        );
    }

    fn openclaw_exited(&mut self, code: i32) {
        self.state.last_exit = Some(ExitInfo {
            at: self.now,
            code: Some(code),
            reason: format!("OpenClaw ended with code {code}"),
        });
        self.state.restarts = self.state.restarts.saturating_add(1);
        self.state.ready_since = None;
        let give_up_at = match self.state.phase {
            Phase::Starting { give_up_at, .. } => give_up_at,
            _ => self.after(START_LIMIT_MS),
        };
        self.enter(Phase::Starting {
            step: StartStep::Openclaw,
            give_up_at,
        });
    }

    fn exited(&mut self, phase: Phase, code: Option<i32>, reason: String) {
        let then = match phase {
            Phase::Starting { .. } | Phase::Ready => After::BackOff,
            Phase::Stopping { then, .. } => then,
            Phase::Stopped | Phase::BackingOff { .. } | Phase::Failed | Phase::Asleep { .. } => {
                return;
            }
        };
        self.note("sandbox.exited", &reason);
        self.state.last_exit = Some(ExitInfo {
            at: self.now,
            code,
            reason,
        });
        let healthy = self.state.ready_since.take();
        match then {
            After::Stay => self.rest(),
            After::Start => self.launch(),
            After::Sleep { wake_at } => {
                self.state.failures = 0;
                self.state.restarts = 0;
                self.enter(Phase::Asleep { wake_at });
            }
            After::Fail => {
                self.enter(Phase::Failed);
                self.note("sandbox.failed", "it has no state that it could start from");
            }
            After::BackOff => {
                if healthy
                    .is_some_and(|since| since + TimeDelta::milliseconds(HEALTHY_MS) <= self.now)
                {
                    self.state.failures = 0;
                }
                self.state.failures = self.state.failures.saturating_add(1);
                if self.state.failures >= MAX_FAILURES {
                    self.enter(Phase::Failed);
                    self.note("sandbox.failed", "too many failures in a row");
                } else {
                    let retry_at = self.after(backoff_ms(self.state.failures));
                    self.enter(Phase::BackingOff { retry_at });
                }
            }
        }
    }

    fn after(&self, ms: i64) -> DateTime<Utc> {
        self.now + TimeDelta::milliseconds(ms)
    }

    fn note(&mut self, action: &'static str, detail: impl Into<String>) {
        self.events.push(Event {
            action,
            detail: detail.into(),
        });
    }
}

/// Delay before the next start after so many failures in a row, in milliseconds.
fn backoff_ms(failures: u32) -> i64 {
    backoff(BACKOFF_FIRST_MS, failures.saturating_sub(1), BACKOFF_MAX_MS)
}
