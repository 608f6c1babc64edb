//! Who may write, and what a container starts from.

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{constant_time_eq, credential_from, hash_credential};
use domain::problem::{FieldError, Problem};
use domain::wire::init::STATE_HOST;
use domain::wire::snapshots::Snapshot;
use domain::wire::state::{LeaseGrant, LeaseRenewal, Restore};

use super::{Core, Lease};
use crate::command::{Outcome, Reply, StateAsk, StatePrepared, StateTicket};
use crate::ports::Db;
use crate::sandbox::core::GATEWAY;
use crate::sandbox::lifecycle::Input;
use crate::sandbox::store::generations;

/// Seconds that a lease lasts without being renewed.
const LEASE_SECONDS: i64 = 60;
/// Generations that a container may try, one after the other.
const MAX_CANDIDATES: usize = 20;
/// Longest name of an instance.
const MAX_INSTANCE: usize = 64;

impl<D: Db> Core<D> {
    /// Answers the container's door. `line` names this Durable Object, and with it the
    /// gateway's folder; `random` makes a lease.
    ///
    /// # Errors
    /// 401 for a wrong credential, 409 for a wrong lease or number, 503 while something
    /// else has to end first.
    pub fn state_asked(
        &mut self,
        credential: &str,
        ask: StateAsk,
        line: &str,
        random: [u8; 32],
        now: DateTime<Utc>,
    ) -> Outcome {
        if !self.is_init(credential) {
            self.note_refusal(STATE_HOST, now)?;
            return Err(Problem::unauthenticated(
                "The credential is not that of the running container.",
            ));
        }
        match ask {
            StateAsk::Check { lease } => {
                if let Some(lease) = lease {
                    self.check_lease(&lease)?;
                }
                Reply::ok(&self.ticket(line))
            }
            StateAsk::Prepare { instance } => {
                check_instance(&instance)?;
                let known = generations::all(&self.db)?;
                Reply::ok(&StatePrepared {
                    line: self.ticket(line).line,
                    known: known.iter().map(|known| known.generation).collect(),
                })
            }
            StateAsk::Grant {
                instance,
                listed,
                learnt,
                openclaw_versions,
            } => {
                check_instance(&instance)?;
                let line = self.ticket(line).line;
                let grant = self.grant(
                    instance,
                    line,
                    (&listed, &learnt),
                    &openclaw_versions,
                    random,
                    now,
                )?;
                Reply::ok(&grant)
            }
            StateAsk::Renew { lease } => Reply::ok(&self.renew_lease(&lease, now)?),
            StateAsk::Release { lease } => {
                self.check_lease(&lease)?;
                self.snapshots.lease = None;
                self.keep_snapshots()?;
                Reply::ok(&())
            }
            StateAsk::BeginCommit { lease, generation } => {
                self.begin_commit(&lease, generation, now)?;
                Reply::ok(&self.ticket(line))
            }
            StateAsk::EndCommit {
                lease,
                generation,
                snapshot,
            } => {
                self.end_commit(&lease, generation, snapshot.map(|snapshot| *snapshot), now)?;
                Reply::ok(&())
            }
            StateAsk::BeginSweep => Reply::ok(&self.begin_sweep(line, now)?),
            StateAsk::EndSweep {
                removed,
                packs,
                failure,
            } => {
                self.end_sweep(&removed, packs, failure.as_deref(), now)?;
                Reply::ok(&())
            }
            StateAsk::Report { report } => {
                self.state_report(report, now)?;
                Reply::ok(&())
            }
        }
    }

    /// The folder once written down stays, whatever the object is called later.
    pub(in crate::sandbox::core) fn ticket(&self, line: &str) -> StateTicket {
        let own = self.snapshots.line.as_deref();
        StateTicket {
            line: own.unwrap_or(line).to_owned(),
        }
    }

    fn grant(
        &mut self,
        instance: String,
        line: String,
        (listed, learnt): (&[u64], &[Snapshot]),
        versions: &[String],
        random: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<LeaseGrant, Problem> {
        let held = self.snapshots.lease.as_ref().filter(|lease| {
            // A container of an earlier start is gone, and its credential with it.
            lease.run == self.state.run && lease.instance != instance && lease.expires_at > now
        });
        if let Some(held) = held {
            let seconds = (held.expires_at - now)
                .num_seconds()
                .clamp(1, LEASE_SECONDS);
            let seconds = u32::try_from(seconds).unwrap_or(1);
            return Err(
                Problem::conflict("Another instance holds the lease.").with_retry_after(seconds)
            );
        }
        if self.commit_under_way(now) {
            return Err(Problem::unavailable(
                "A generation of the container before is being written; ask again.",
            )
            .with_retry_after(1));
        }
        let void = &self.snapshots.void;
        let learnt = learnt
            .iter()
            .filter(|learnt| !void.contains(&learnt.generation));
        for snapshot in learnt {
            generations::save(&self.db, snapshot)?;
        }
        let known = generations::all(&self.db)?;
        let known = known.iter().map(|known| known.generation);
        let mut candidates: Vec<u64> = known.chain(listed.iter().copied()).collect();
        candidates.sort_unstable_by_key(|number| std::cmp::Reverse(*number));
        candidates.dedup();
        let void = &self.snapshots.void;
        candidates.retain(|number| !void.contains(number));
        let none_ever = void.len() as u64;
        let newest = candidates.first().copied().unwrap_or_default();
        let newest = newest.max(self.snapshots.newest);
        candidates.truncate(MAX_CANDIDATES);
        let restore = match self.snapshots.chosen.map(|chosen| chosen.generation) {
            Some(0) => Restore::Nothing,
            Some(generation) => Restore::Chosen { generation },
            // There were some and all are gone: that is no first start.
            None if candidates.is_empty() && newest > none_ever => Restore::Newest {
                candidates: vec![newest],
            },
            None if candidates.is_empty() => Restore::Nothing,
            None => Restore::Newest { candidates },
        };
        let restore = self.choose_for_container(versions, restore, now)?;
        let lease = credential_from("tsl_", random);
        self.snapshots.line = Some(line.clone());
        self.snapshots.newest = newest;
        self.snapshots.lease = Some(Lease {
            hash: hash_credential(&lease),
            instance,
            run: self.state.run,
            expires_at: now + TimeDelta::seconds(LEASE_SECONDS),
        });
        self.keep_snapshots()?;
        Ok(LeaseGrant {
            lease,
            ttl_seconds: LEASE_SECONDS.unsigned_abs(),
            line,
            next_generation: newest.saturating_add(1),
            restore,
            openclaw_version: self.versions.version().map(str::to_owned),
        })
    }

    fn renew_lease(&mut self, lease: &str, now: DateTime<Utc>) -> Result<LeaseRenewal, Problem> {
        self.check_lease(lease)?;
        if let Some(own) = &mut self.snapshots.lease {
            // Not written down: only this run's tedix-init could take it away.
            own.expires_at = now + TimeDelta::seconds(LEASE_SECONDS);
        }
        // While it stops, whoever still renews is still saving.
        self.happen(Input::Saving, GATEWAY, now)?;
        let order = self.snapshots.order.filter(|_| self.has_state());
        Ok(LeaseRenewal {
            ttl_seconds: LEASE_SECONDS.unsigned_abs(),
            snapshot: order.map(|order| order.order),
        })
    }

    /// An expired lease still counts while nobody else has taken it.
    pub(super) fn check_lease(&self, lease: &str) -> Result<(), Problem> {
        let own = self.snapshots.lease.as_ref();
        let own = own.filter(|own| own.run == self.state.run);
        if own.is_some_and(|own| constant_time_eq(&hash_credential(lease), &own.hash)) {
            return Ok(());
        }
        Err(Problem::conflict(
            "The lease is not, or no longer, the one that may write.",
        ))
    }
}

fn check_instance(instance: &str) -> Result<(), Problem> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=MAX_INSTANCE).contains(&instance.len()) && instance.bytes().all(plain) {
        return Ok(());
    }
    Err(Problem::fields(vec![FieldError::new(
        "/instance",
        "must be 1 to 64 characters of a-z, 0-9 and -",
    )]))
}
