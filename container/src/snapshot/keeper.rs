//! When snapshots are taken: keeps the lease, restores before OpenClaw starts, and takes
//! one snapshot after the other, never two at once.
//!
//! Two threads: one holds the lease and hears what the gateway Worker wants, the other
//! restores and takes. Neither stops OpenClaw: when the store is away, they try again.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::secret::Secret;
use domain::state::SnapshotReason;
use domain::wire::state::{FRESH_SECONDS, SnapshotOrder};

use super::gateway::Gateway;
use super::lease;
use super::worker::Worker;
use crate::log;
use crate::privileges::Separation;
use crate::supervisor::Event;

/// What is in force while a snapshot is taken; it goes into the manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Version of OpenClaw.
    pub(crate) openclaw_version: Option<String>,
    /// Policy version in place.
    pub(crate) policy_version: Option<u64>,
    /// Hash of the configuration in place.
    pub(crate) policy_hash: Option<String>,
}

/// Where things are.
#[derive(Debug, Clone)]
pub(crate) struct KeeperSettings {
    /// Origin of the store.
    pub(crate) url: String,
    /// Proves to it who we are.
    pub(crate) credential: Secret,
    /// The data directory.
    pub(crate) data: PathBuf,
    /// What tedix-init remembers.
    pub(crate) own: PathBuf,
    /// Versions of OpenClaw that the image offers, its own first.
    pub(crate) versions: Vec<String>,
    /// Whose files they are.
    pub(crate) owner: Separation,
}

/// Something to do for the thread that takes snapshots.
#[derive(Debug)]
pub(super) enum Ask {
    /// Take one.
    Take {
        reason: SnapshotReason,
        order: Option<u64>,
        /// Hears whether there is one.
        done: Option<Sender<bool>>,
    },
    /// There will be nothing more: let another container write.
    End { done: Sender<bool> },
}

/// What both threads and the supervisor see.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) gateway: Gateway,
    pub(super) instance: String,
    pub(super) versions: Vec<String>,
    pub(super) facts: Mutex<Facts>,
    /// When the newest generation was known to hold what is there.
    pub(super) fresh_at: Mutex<Option<Instant>>,
    /// Whether somebody else may be writing.
    pub(super) lost: AtomicBool,
    /// Whether the last attempt to write found the store away.
    pub(super) away: AtomicBool,
    /// Whether everything is to end.
    pub(super) ending: AtomicBool,
    /// The next generation that the lease allows.
    pub(super) next_generation: Mutex<u64>,
}

/// Keeps OpenClaw's state.
#[derive(Debug)]
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    asks: Sender<Ask>,
    nudges: Sender<()>,
}

impl Keeper {
    /// Begins: takes the lease and restores. [`Event::Restored`] or [`Event::NoState`]
    /// says when OpenClaw may start, or that it must not.
    pub(crate) fn start(settings: KeeperSettings, events: Sender<Event>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            gateway: Gateway::new(settings.url.clone(), settings.credential.clone()),
            instance: instance()?,
            versions: settings.versions.clone(),
            facts: Mutex::default(),
            fresh_at: Mutex::default(),
            lost: AtomicBool::new(false),
            away: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            next_generation: Mutex::new(0),
        });
        let (asks, asked) = channel();
        let (nudges, nudged) = channel();
        let worker = Worker::new(Arc::clone(&shared), settings);
        let renewer = (Arc::clone(&shared), asks.clone(), nudged);
        std::thread::spawn(move || run(worker, renewer, &asked, &events));
        Ok(Self {
            shared,
            asks,
            nudges,
        })
    }

    /// The gateway Worker wants something: asks it at once.
    pub(crate) fn nudge(&self) {
        // Nobody hears when no state is kept.
        let _ = self.nudges.send(());
    }

    /// What is in force now.
    pub(crate) fn set_facts(&self, facts: Facts) {
        *lock(&self.shared.facts) = facts;
    }

    /// Takes a snapshot soon.
    pub(crate) fn ask(&self, reason: SnapshotReason) {
        let _ = self.asks.send(Ask::Take {
            reason,
            order: None,
            done: None,
        });
    }

    /// Takes a snapshot and waits for it, unless the newest is fresh or the store is
    /// away; whether the state is safe.
    pub(crate) fn ask_unless_fresh(&self, reason: SnapshotReason, patience: Duration) -> bool {
        let fresh = lock(&self.shared.fresh_at)
            .is_some_and(|at| at.elapsed() < Duration::from_secs(FRESH_SECONDS));
        if fresh || self.is_hopeless() {
            return fresh;
        }
        self.ask_and_wait(reason, patience)
    }

    /// Whether the last attempt found the store away, or somebody else may be writing.
    pub(crate) fn is_hopeless(&self) -> bool {
        let Shared { away, lost, .. } = self.shared.as_ref();
        away.load(Ordering::Relaxed) || lost.load(Ordering::Relaxed)
    }

    /// Takes a snapshot and waits for it; whether there is one.
    pub(crate) fn ask_and_wait(&self, reason: SnapshotReason, patience: Duration) -> bool {
        let (done, answer) = channel();
        let asked = self.asks.send(Ask::Take {
            reason,
            order: None,
            done: Some(done),
        });
        asked.is_ok() && answer.recv_timeout(patience).unwrap_or(false)
    }

    /// Gives the lease back.
    pub(crate) fn end(&self, patience: Duration) {
        self.shared.ending.store(true, Ordering::Relaxed);
        let (done, answer) = channel();
        if self.asks.send(Ask::End { done }).is_ok() {
            // A lease that is not given back ends by itself.
            let _ = answer.recv_timeout(patience);
        }
    }
}

fn run(
    mut worker: Worker,
    (shared, asks, nudged): (Arc<Shared>, Sender<Ask>, Receiver<()>),
    asked: &Receiver<Ask>,
    events: &Sender<Event>,
) {
    let grant = match lease::first(&shared) {
        lease::First::Granted(grant) => grant,
        lease::First::NoStore => {
            log::line(
                "warning: the gateway Worker keeps no state: nothing of OpenClaw outlives this container",
            );
            let _ = events.send(Event::Restored { version: None });
            return;
        }
        lease::First::Ending => return,
    };
    let holder = Arc::clone(&shared);
    std::thread::spawn(move || lease::keep(&holder, &asks, &nudged));
    match worker.restore(&grant) {
        Ok(true) => {
            let version = grant.openclaw_version;
            let _ = events.send(Event::Restored { version });
        }
        outcome => {
            // Nothing will be written: whoever comes next need not wait.
            let _ = shared.gateway.release();
            if let Err(why) = outcome {
                let _ = events.send(Event::NoState { why });
            }
            return;
        }
    }
    worker.work(asked);
}

/// A name for this start of tedix-init that no other has.
fn instance() -> std::io::Result<String> {
    let mut bytes = [0u8; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ask {
    pub(super) fn order(order: SnapshotOrder) -> Self {
        Self::Take {
            reason: order.reason,
            order: Some(order.id),
            done: None,
        }
    }
}
