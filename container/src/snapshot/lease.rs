//! The lease: only its holder writes generations.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use domain::state::SnapshotReason;
use domain::wire::state::{LeaseGrant, RENEW_SECONDS, StateReport};

use super::gateway::NoLease;
use super::keeper::{Ask, Shared, lock};
use super::store::StoreError;
use crate::backoff::Backoff;
use crate::log;

const RENEW: Duration = Duration::from_secs(RENEW_SECONDS);
/// Between two attempts to get a lost lease back.
const REGAIN: Duration = Duration::from_secs(30);

/// How it begins.
pub(super) enum First {
    /// We hold it.
    Granted(Box<LeaseGrant>),
    /// The Worker keeps no state.
    NoStore,
    /// We were told to stop meanwhile.
    Ending,
}

/// Takes the lease, however long that takes: without it nobody knows what to start from.
pub(super) fn first(shared: &Shared) -> First {
    let mut waits = Backoff::new(Duration::from_millis(250), Duration::from_secs(5));
    let mut said = String::new();
    while !shared.ending.load(Ordering::Relaxed) {
        let (wait, why) = match shared
            .gateway
            .take_lease(&shared.instance, &shared.versions)
        {
            Ok(grant) => {
                *lock(&shared.next_generation) = grant.next_generation;
                return First::Granted(Box::new(grant));
            }
            Err(NoLease::NoStore) => return First::NoStore,
            Err(NoLease::Held(wait)) => (
                wait.min(Duration::from_secs(5)),
                "another container holds this gateway's state; waiting until it lets go".to_owned(),
            ),
            Err(NoLease::Store(error)) => (
                waits.next(),
                format!(
                    "cannot ask for OpenClaw's state: {error}; OpenClaw starts once it is there"
                ),
            ),
        };
        if said != why {
            log::line(&why);
            said = why;
        }
        std::thread::sleep(wait);
    }
    First::Ending
}

/// Renews the lease and passes on what the Worker orders, until everything ends.
pub(super) fn keep(shared: &Arc<Shared>, asks: &Sender<Ask>, nudged: &Receiver<()>) {
    let mut begun = 0;
    let mut away = false;
    let mut wait = RENEW;
    let mut regain_at = Instant::now();
    loop {
        match nudged.recv_timeout(wait) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        // Several signals ask one question.
        while nudged.try_recv().is_ok() {}
        if shared.ending.load(Ordering::Relaxed) {
            return;
        }
        wait = RENEW;
        if shared.lost.load(Ordering::Relaxed) {
            if regain_at <= Instant::now() {
                regain_at = Instant::now() + REGAIN;
                match regain(shared) {
                    Regained::Yes => asks_again(asks),
                    Regained::NotYet => {}
                    Regained::Never => return,
                }
            }
            continue;
        }
        match shared.gateway.renew() {
            Ok(renewal) => {
                if std::mem::take(&mut away) {
                    log::line("the gateway Worker answers again");
                }
                if let Some(order) = renewal.snapshot.filter(|order| order.id > begun) {
                    begun = order.id;
                    if asks.send(Ask::order(order)).is_err() {
                        return;
                    }
                }
            }
            Err(StoreError::LeaseLost(why) | StoreError::Conflict(why)) => {
                lose(shared, &why);
                regain_at = Instant::now() + REGAIN;
            }
            Err(error) => {
                if !std::mem::replace(&mut away, true) {
                    log::line(&format!("cannot renew the lease: {error}; snapshots wait"));
                }
            }
        }
    }
}

/// Nothing is written any more, and everybody is to know.
pub(super) fn lose(shared: &Shared, why: &str) {
    if shared.lost.swap(true, Ordering::Relaxed) {
        return;
    }
    let detail = format!(
        "the lease on this gateway's state was lost ({why}); nothing is written any more, \
         so what happens now is lost unless the lease comes back. Is there another container?"
    );
    log::line(&format!("error: {detail}"));
    let report = StateReport::Failed {
        reason: SnapshotReason::Schedule,
        order: None,
        detail,
    };
    if let Err(error) = shared.gateway.report(&report) {
        log::line(&format!("cannot report that: {error}"));
    }
}

enum Regained {
    Yes,
    NotYet,
    Never,
}

/// Tries to get the lease back, which is only of use if nobody has written meanwhile.
fn regain(shared: &Shared) -> Regained {
    let Ok(grant) = shared
        .gateway
        .take_lease(&shared.instance, &shared.versions)
    else {
        return Regained::NotYet;
    };
    let expected = *lock(&shared.next_generation);
    if grant.next_generation == expected {
        log::line("the lease on this gateway's state is back");
        shared.lost.store(false, Ordering::Relaxed);
        return Regained::Yes;
    }
    log::line(&format!(
        "error: another container has written generation {}; this one's state is of the past \
         and stays unwritten. Restart the container to go on from the newest generation",
        grant.next_generation.saturating_sub(1)
    ));
    // So that the container that goes on is not kept waiting.
    let _ = shared.gateway.release();
    Regained::Never
}

fn asks_again(asks: &Sender<Ask>) {
    let _ = asks.send(Ask::Take {
        reason: SnapshotReason::Schedule,
        order: None,
        done: None,
    });
}
