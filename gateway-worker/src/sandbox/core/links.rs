//! Which generations of the state lie before and after an approved change, and what
//! happens to a change that no generation holds when its container is gone.

use chrono::{DateTime, Utc};
use domain::proposal::{self, Health, Proposal, Verdict};
use domain::state::SnapshotReason;
use domain::wire::snapshots::Snapshot;
use serde::{Deserialize, Serialize};

use super::Core;
use super::orders::as_order;
use crate::ports::{Db, StorageError};
use crate::sandbox::store::records::{self, Record};
use crate::sandbox::store::{generations, policies, proposals};

/// Most changes that wait for a generation; the oldest go first.
const MAX_UNSAVED: usize = 200;

/// An approved change that no generation is known to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Unsaved {
    /// Id of the proposal.
    proposal: String,
    /// When it was made.
    at: DateTime<Utc>,
    /// The first snapshot order that was given after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<u64>,
    /// The version of the policy that it became; none for what was made in the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy_version: Option<u64>,
}

impl<D: Db> Core<D> {
    /// The newest generation there is; none before the first.
    pub(super) fn newest_generation(&self) -> Result<Option<u64>, StorageError> {
        Ok(generations::newest(&self.db)?.map(|newest| newest.generation))
    }

    /// A proposal was carried out in the container, and is to be saved.
    pub(super) fn await_generation_of_change(
        &mut self,
        proposal: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let order = if self.has_state() {
            Some(self.order_snapshot(SnapshotReason::Demand, now)?)
        } else {
            None
        };
        self.await_generation(Unsaved {
            proposal: proposal.to_owned(),
            at: now,
            order,
            policy_version: None,
        })
    }

    /// A proposal became a version of the policy. The next snapshot of OpenClaw's state
    /// under it is soon enough: the policy itself lives here.
    pub(super) fn await_generation_of_version(
        &mut self,
        proposal: &str,
        version: u64,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        self.await_generation(Unsaved {
            proposal: proposal.to_owned(),
            at: now,
            order: None,
            policy_version: Some(version),
        })
    }

    fn await_generation(&mut self, new: Unsaved) -> Result<(), StorageError> {
        let mut unsaved = self.unsaved()?;
        unsaved.retain(|other| other.proposal != new.proposal);
        unsaved.push(new);
        let over = unsaved.len().saturating_sub(MAX_UNSAVED);
        unsaved.drain(..over);
        records::save(&self.db, Record::Unsaved, &unsaved)
    }

    fn unsaved(&self) -> Result<Vec<Unsaved>, StorageError> {
        Ok(records::load(&self.db, Record::Unsaved)?.unwrap_or_default())
    }

    /// A generation was written: links it with the changes that it holds.
    pub(super) fn link_generation(&mut self, snapshot: &Snapshot) -> Result<(), StorageError> {
        let holds = |unsaved: &Unsaved| match unsaved.policy_version {
            Some(version) => snapshot
                .policy_version
                .is_some_and(|in_place| in_place >= version),
            None => {
                let answers = unsaved.order.zip(snapshot.order);
                answers.is_some_and(|(ours, theirs)| theirs >= ours)
                    || snapshot.created_at > unsaved.at
            }
        };
        self.link(snapshot.generation, holds)
    }

    /// A snapshot found nothing new since a generation: it holds what was asked for.
    pub(super) fn link_unchanged(
        &mut self,
        generation: u64,
        order: Option<u64>,
    ) -> Result<(), StorageError> {
        let in_force = self.tracking.good.as_ref().map(|good| good.version);
        self.link(generation, |unsaved| match unsaved.policy_version {
            Some(version) => in_force.is_some_and(|in_force| in_force >= version),
            None => {
                let answers = unsaved.order.zip(order);
                answers.is_some_and(|(ours, theirs)| theirs >= ours)
            }
        })
    }

    fn link(
        &mut self,
        generation: u64,
        holds: impl Fn(&Unsaved) -> bool,
    ) -> Result<(), StorageError> {
        let unsaved = self.unsaved()?;
        if unsaved.is_empty() {
            return Ok(());
        }
        let mut open = Vec::new();
        for one in unsaved.iter().cloned() {
            if let Some(version) = one.policy_version
                && policies::get(&self.db, version)?.is_none_or(|p| p.version.failure.is_some())
            {
                // It was never in force, so no generation holds it.
                continue;
            }
            if !holds(&one) {
                open.push(one);
                continue;
            }
            if let Some(mut found) = proposals::get(&self.db, &one.proposal)? {
                if let Some(version) = one.policy_version {
                    found.generation_before = self.last_before(generation, version)?;
                }
                found.generation_after = Some(generation);
                proposals::save(&self.db, &found)?;
            }
        }
        if open.len() < unsaved.len() {
            records::save(&self.db, Record::Unsaved, &open)?;
        }
        Ok(())
    }

    /// The newest generation below one that was taken under an older policy.
    fn last_before(&self, generation: u64, version: u64) -> Result<Option<u64>, StorageError> {
        let older = |known: &Snapshot| {
            known.generation < generation
                && known
                    .policy_version
                    .is_none_or(|in_place| in_place < version)
        };
        let all = generations::all(&self.db)?;
        Ok(all
            .iter()
            .find(|known| older(known))
            .map(|known| known.generation))
    }

    /// A container began with a generation: changes that were made in the one before and
    /// not saved are gone, and are made again, unless an admin `went_back`.
    pub(super) fn make_again(
        &mut self,
        went_back: bool,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let (lost, open): (Vec<_>, Vec<_>) = self
            .unsaved()?
            .into_iter()
            .partition(|one| one.policy_version.is_none());
        if lost.is_empty() {
            return Ok(());
        }
        records::save(&self.db, Record::Unsaved, &open)?;
        if went_back {
            return Ok(());
        }
        let mut orders = self.orders()?;
        for one in lost {
            let Some(found) = proposals::get(&self.db, &one.proposal)? else {
                continue;
            };
            // The policy may have become stricter since.
            let verdict = proposal::judge(&self.newest.document, &found.draft, now);
            if matches!(verdict, Verdict::Refuse(_)) {
                continue;
            }
            if orders.iter().all(|order| order.id != found.id) {
                orders.push(as_order(&found));
            }
            proposals::save(
                &self.db,
                &Proposal {
                    health: Some(Health::Unknown),
                    ..found
                },
            )?;
        }
        records::save(&self.db, Record::Orders, &orders)?;
        self.choose_offer(now)
    }
}

#[cfg(test)]
mod tests;
