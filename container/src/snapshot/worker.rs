//! The thread that restores and takes.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use domain::state::{Digest, Manifest, ObjectRef, SCHEMA, SnapshotReason, Totals};
use domain::wire::state::{LeaseGrant, Restore, StateReport};

use super::keeper::{Ask, KeeperSettings, Shared, lock};
use super::known::Known;
use super::lease::lose;
use super::marker::Marker;
use super::restore;
use super::restore::{NotRestored, restore};
use super::store::StoreError;
use super::take::{NotTaken, Source, Taken, take};
use crate::backoff::Backoff;
use crate::log;

/// Longest text in a report.
const DETAIL: usize = 500;
/// How much OpenClaw comes before a snapshot where there is not enough for both
/// (nice(2): 0 is as usual, 19 the most).
const NICE: i32 = 10;
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// What the thread works with.
#[derive(Debug)]
pub(super) struct Worker {
    shared: Arc<Shared>,
    settings: KeeperSettings,
    line: String,
    known: Option<Known>,
    /// The generation that what lies here came from.
    parent: Option<u64>,
    retries: Backoff,
    /// What failed and is tried again.
    again: Option<(Instant, SnapshotReason, Option<u64>)>,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, settings: KeeperSettings) -> Self {
        Self {
            shared,
            settings,
            line: String::new(),
            known: None,
            parent: None,
            retries: Backoff::new(FIRST_RETRY, LONGEST_RETRY),
            again: None,
        }
    }

    /// Makes the tree that OpenClaw starts with; false when we were told to stop
    /// meanwhile, and why when there must be no start.
    pub(super) fn restore(&mut self, grant: &LeaseGrant) -> Result<bool, String> {
        self.line.clone_from(&grant.line);
        let began = Instant::now();
        let candidates = match &grant.restore {
            Restore::Nothing => {
                self.say(&StateReport::Restored {
                    generation: None,
                    took_ms: millis(began),
                });
                return Ok(true);
            }
            Restore::Newest { candidates } => candidates.clone(),
            Restore::Chosen { generation } => vec![*generation],
        };
        let chosen = matches!(grant.restore, Restore::Chosen { .. });
        let marker = Marker::read(&self.settings.own);
        let here = marker.filter(|marker| {
            !chosen && marker.line == grant.line && candidates.first() == Some(&marker.generation)
        });
        if let Some(marker) = here.filter(|_| is_there(&self.settings.data)) {
            // The disk outlived a crash of this program: it is newer than any generation.
            log::line(&format!(
                "OpenClaw's state of generation {} or later is on the disk",
                marker.generation
            ));
            self.parent = Some(marker.generation);
            self.known = restore::known(&self.shared.gateway, &self.line, marker.generation).ok();
            self.say(&StateReport::Restored {
                generation: Some(marker.generation),
                took_ms: millis(began),
            });
            return Ok(true);
        }
        Marker::remove(&self.settings.own).map_err(|error| error.to_string())?;
        let mut waiting: VecDeque<u64> = candidates.into();
        let mut damages = Vec::new();
        let mut waits = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));
        while let Some(generation) = waiting.front().copied() {
            if self.shared.ending.load(Ordering::Relaxed) {
                return Ok(false);
            }
            match restore(
                &self.shared.gateway,
                &self.settings.data,
                &self.line,
                generation,
                self.settings.owner,
            ) {
                Ok(restored) => {
                    log::line(&format!(
                        "restored generation {generation}: {} files, {} bytes in {} ms",
                        restored.manifest.totals.files,
                        restored.manifest.totals.bytes,
                        millis(began)
                    ));
                    self.parent = Some(generation);
                    self.known = Some(restored.known);
                    self.remember(generation);
                    self.say(&StateReport::Restored {
                        generation: Some(generation),
                        took_ms: millis(began),
                    });
                    return Ok(true);
                }
                Err(NotRestored::Away(why)) => {
                    let wait = waits.next();
                    log::line(&format!(
                        "cannot read generation {generation}: {why}; trying again in {} ms",
                        wait.as_millis()
                    ));
                    std::thread::sleep(wait);
                }
                Err(NotRestored::Damaged(why)) => {
                    log::line(&format!(
                        "error: generation {generation} does not verify: {why}"
                    ));
                    self.say(&StateReport::Damaged {
                        generation,
                        detail: cut(&why),
                    });
                    damages.push(format!("generation {generation}: {why}"));
                    waiting.pop_front();
                }
                Err(NotRestored::Io(error)) => {
                    return Err(self.refuse(&format!(
                        "generation {generation} cannot be written to the disk: {error}"
                    )));
                }
            }
        }
        let what = if chosen {
            "the chosen generation does not verify"
        } else {
            "there is state, and none of it verifies"
        };
        Err(self.refuse(&format!(
            "{what}, so OpenClaw does not start. Restore another generation, or say that this \
             gateway is to start from nothing (docs/state.md). {}",
            damages.join("; ")
        )))
    }

    fn refuse(&self, why: &str) -> String {
        log::line(&format!("error: {why}"));
        self.say(&StateReport::Refused { detail: cut(why) });
        why.to_owned()
    }

    /// Takes what is asked for, one at a time, until the end.
    pub(super) fn work(&mut self, asked: &Receiver<Ask>) {
        loop {
            let wait = self.again.map_or(LONGEST_RETRY, |(at, ..)| {
                at.saturating_duration_since(Instant::now())
            });
            match asked.recv_timeout(wait) {
                Ok(Ask::Take {
                    reason,
                    order,
                    done,
                }) => {
                    let taken = self.take(reason, order);
                    if let Some(done) = done {
                        // It may have stopped waiting.
                        let _ = done.send(taken);
                    }
                }
                Ok(Ask::End { done }) => {
                    if let Err(error) = self.shared.gateway.release() {
                        log::line(&format!(
                            "cannot give the lease back: {error}; it ends by itself"
                        ));
                    }
                    let _ = done.send(true);
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {
                    if let Some((_, reason, order)) =
                        self.again.take_if(|(at, ..)| *at <= Instant::now())
                    {
                        self.take(reason, order);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Takes a snapshot; whether the newest generation holds what is there.
    fn take(&mut self, reason: SnapshotReason, order: Option<u64>) -> bool {
        if self.shared.lost.load(Ordering::Relaxed) {
            self.failed(reason, order, "the lease on this gateway's state was lost");
            return false;
        }
        let began = Instant::now();
        let result = self.attempt(reason, order);
        let away = matches!(result, Err(NotTaken::Store(StoreError::Away(_))));
        self.shared.away.store(away, Ordering::Relaxed);
        match result {
            Ok(taken) => {
                self.retries.reset();
                self.again = None;
                *lock(&self.shared.fresh_at) = Some(began);
                self.took(taken, order, began);
                true
            }
            Err(NotTaken::Store(StoreError::LeaseLost(why) | StoreError::Conflict(why))) => {
                lose(&self.shared, &why);
                self.failed(reason, order, &why);
                false
            }
            Err(error) => {
                let wait = self.retries.next();
                log::line(&format!(
                    "error: no snapshot: {error}; trying again in {} s",
                    wait.as_secs()
                ));
                self.again = Some((Instant::now() + wait, reason, order));
                self.failed(reason, order, &error.to_string());
                false
            }
        }
    }

    fn took(&mut self, taken: Taken, order: Option<u64>, began: Instant) {
        match taken {
            Taken::Unchanged => {
                if let Some(generation) = self.parent {
                    self.say(&StateReport::Unchanged { generation, order });
                }
            }
            Taken::Written {
                manifest,
                known,
                named,
            } => {
                let Totals {
                    files,
                    bytes,
                    sent_bytes,
                    skipped,
                    ..
                } = manifest.totals;
                let generation = manifest.generation;
                log::line(&format!(
                    "generation {generation}: {files} files, {bytes} bytes, {sent_bytes} sent, {} ms",
                    millis(began)
                ));
                if skipped > 0 {
                    log::line(&format!(
                        "left out of it: {skipped}, such as {}",
                        named.join("; ")
                    ));
                }
                *lock(&self.shared.next_generation) = generation + 1;
                self.parent = Some(generation);
                self.known = Some(*known);
                self.remember(generation);
            }
        }
    }

    /// Walks and reads as OpenClaw's user: root would follow an agent's links anywhere.
    fn attempt(&mut self, reason: SnapshotReason, order: Option<u64>) -> Result<Taken, NotTaken> {
        let source = Source {
            data: self.settings.data.clone(),
            scratch: self.scratch()?,
        };
        let template = self.template(reason, order);
        let (gateway, owner, known) = (
            &self.shared.gateway,
            self.settings.owner,
            self.known.as_mut(),
        );
        let taken = std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                owner.enter()?;
                if reason != SnapshotReason::Stop {
                    // As fast as anybody where that is not possible.
                    let _ = rustix::process::setpriority_process(None, NICE);
                }
                take(&source, gateway, known, &template)
            });
            thread.join().unwrap_or_else(|_| {
                Err(io::Error::other("the thread that reads the state failed").into())
            })
        });
        fs::remove_dir_all(self.settings.data.join(SCRATCH))?;
        taken
    }

    fn scratch(&self) -> io::Result<std::path::PathBuf> {
        let scratch = self.settings.data.join(SCRATCH);
        match fs::remove_dir_all(&scratch) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(&scratch)?;
        fs::set_permissions(&scratch, fs::Permissions::from_mode(0o700))?;
        self.settings.owner.give(&scratch)?;
        Ok(scratch)
    }

    /// The manifest but for what is found.
    fn template(&self, reason: SnapshotReason, order: Option<u64>) -> Manifest {
        let facts = lock(&self.shared.facts).clone();
        Manifest {
            schema: SCHEMA,
            line: self.line.clone(),
            generation: *lock(&self.shared.next_generation),
            parent: self.parent,
            created_at: SystemTime::now().into(),
            reason,
            order,
            tedix_version: env!("CARGO_PKG_VERSION").to_owned(),
            openclaw_version: facts.openclaw_version,
            policy_version: facts.policy_version,
            policy_hash: facts.policy_hash,
            index: ObjectRef {
                key: Digest([0; 32]),
                bytes: 0,
                raw_bytes: 0,
            },
            packs: Vec::new(),
            totals: Totals::default(),
            cloned_from: None,
        }
    }

    fn remember(&self, generation: u64) {
        let marker = Marker {
            line: self.line.clone(),
            generation,
        };
        if let Err(error) = marker.write(&self.settings.own) {
            log::line(&format!(
                "cannot remember which generation this is: {error}"
            ));
        }
    }

    fn failed(&self, reason: SnapshotReason, order: Option<u64>, why: &str) {
        self.say(&StateReport::Failed {
            reason,
            order,
            detail: cut(why),
        });
    }

    fn say(&self, report: &StateReport) {
        if let Err(error) = self.shared.gateway.report(report) {
            log::line(&format!("cannot report about the state: {error}"));
        }
    }
}

/// Where copies of databases lie for a moment.
const SCRATCH: &str = "scratch";

/// Whether there is any state of OpenClaw's.
fn is_there(data: &Path) -> bool {
    fs::read_dir(data.join("openclaw")).is_ok_and(|mut entries| entries.next().is_some())
}

fn cut(text: &str) -> String {
    text.chars().take(DETAIL).collect()
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
