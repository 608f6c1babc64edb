//! Where the container is in its life, as it is stored.

use chrono::{DateTime, Utc};
use domain::wire::gateway::{ExitInfo, Health, SandboxPhase, SandboxStatus, StartStep};
use serde::{Deserialize, Serialize};

/// The container's life up to now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Where it is.
    pub phase: Phase,
    /// When this phase began.
    pub since: DateTime<Utc>,
    /// Number of the newest start; reports of an older one no longer count.
    pub run: u64,
    /// How often it was started again after it ended by itself, since it was last stopped.
    pub restarts: u32,
    /// Failures in a row.
    pub failures: u32,
    /// Since when OpenClaw has been ready in this run without a break.
    pub ready_since: Option<DateTime<Utc>>,
    /// How it last ended.
    pub last_exit: Option<ExitInfo>,
}

/// A phase and what is due in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Not running and nobody asked for it.
    Stopped,
    /// Started, not ready.
    Starting {
        /// How far it has come.
        step: StartStep,
        /// When it counts as failed.
        give_up_at: DateTime<Utc>,
    },
    /// OpenClaw answers.
    Ready,
    /// Asked to end.
    Stopping {
        /// What comes after.
        then: After,
        /// When it is killed.
        kill_at: DateTime<Utc>,
    },
    /// Waiting for the next start.
    BackingOff {
        /// When that is due.
        retry_at: DateTime<Utc>,
    },
    /// It failed too often; an operator has to start it.
    Failed,
    /// Nobody needed it.
    Asleep {
        /// When something will.
        wake_at: Option<DateTime<Utc>>,
    },
}

/// What follows a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// It stays stopped.
    Stay,
    /// It is started again.
    Start,
    /// It counts as a failure and is started again after a delay.
    BackOff,
    /// It counts as failed: only an operator's start helps.
    Fail,
    /// It sleeps until somebody needs it.
    Sleep {
        /// Or until then.
        wake_at: Option<DateTime<Utc>>,
    },
}

impl State {
    /// A container that has never been started.
    #[must_use]
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            phase: Phase::Stopped,
            since: now,
            run: 0,
            restarts: 0,
            failures: 0,
            ready_since: None,
            last_exit: None,
        }
    }

    /// Whether OpenClaw takes requests now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    /// Whether it was asked to end and has not yet.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping { .. })
    }

    /// Whether a container should be running now.
    #[must_use]
    pub fn expects_container(&self) -> bool {
        matches!(
            self.phase,
            Phase::Starting { .. } | Phase::Ready | Phase::Stopping { .. }
        )
    }

    /// When something is due without anybody asking.
    #[must_use]
    pub fn due_at(&self) -> Option<DateTime<Utc>> {
        match self.phase {
            Phase::Starting { give_up_at, .. } => Some(give_up_at),
            Phase::Stopping { kill_at, .. } => Some(kill_at),
            Phase::BackingOff { retry_at } => Some(retry_at),
            Phase::Asleep { wake_at } => wake_at,
            Phase::Stopped | Phase::Ready | Phase::Failed => None,
        }
    }

    fn step(&self) -> Option<StartStep> {
        match self.phase {
            Phase::Starting { step, .. } => Some(step),
            _ => None,
        }
    }

    /// What the API says about it.
    #[must_use]
    pub fn status(&self) -> SandboxStatus {
        let retry_at = match self.phase {
            Phase::BackingOff { retry_at } => Some(retry_at),
            Phase::Asleep { wake_at } => wake_at,
            _ => None,
        };
        SandboxStatus {
            phase: self.phase.name(),
            step: self.step(),
            since: self.since,
            restarts: self.restarts,
            last_exit: self.last_exit.clone(),
            retry_at,
        }
    }

    /// What the public probe says about it.
    #[must_use]
    pub fn health(&self) -> Health {
        Health {
            phase: self.phase.name(),
            ready: self.is_ready(),
            step: self.step(),
        }
    }
}

impl Phase {
    /// The name in the API.
    #[must_use]
    pub fn name(self) -> SandboxPhase {
        match self {
            Self::Stopped => SandboxPhase::Stopped,
            Self::Starting { .. } => SandboxPhase::Starting,
            Self::Ready => SandboxPhase::Ready,
            Self::Stopping { .. } => SandboxPhase::Stopping,
            Self::BackingOff { .. } => SandboxPhase::BackingOff,
            Self::Failed => SandboxPhase::Failed,
            Self::Asleep { .. } => SandboxPhase::Asleep,
        }
    }
}
