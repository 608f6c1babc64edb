//! Models: which calls may start, what they used, and who stops or extends them.

mod admit;
mod faults;
mod operators;
mod refusals;
mod report;
mod settle;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::budget::{Extension, Learnt, Ledger, Limits, effective_limits};
use domain::wire::usage::Stop;

use super::Core;
use crate::ports::{Db, StorageError};
use crate::sandbox::store::ledger::LearntKey;
use crate::sandbox::store::records::{self, Record};
use crate::sandbox::store::{calls, ledger};
use faults::Faults;
use refusals::Refusals;

/// How long a call may be silent before it counts in full. The Worker renews it
/// every ten seconds while it is under way.
const LEASE: TimeDelta = TimeDelta::minutes(1);
/// Most agents that are told apart in a day; the container names them, so there
/// must be an end. Calls of further ones count for the gateway alone.
const MAX_AGENTS: usize = 200;
/// Most models and agents that something is learnt of.
const MAX_LEARNT: usize = 1_000;

/// What the Durable Object knows of model calls. All of it is in the database too.
#[derive(Debug)]
pub(super) struct Models {
    ledger: Ledger,
    learnt: BTreeMap<LearntKey, Learnt>,
    extensions: Vec<Extension>,
    stop: Option<Stop>,
    /// Starts of the last minute: Unix milliseconds and agent, oldest first.
    starts: VecDeque<(i64, Option<String>)>,
    refusals: Refusals,
    faults: Faults,
}

impl Models {
    pub(super) fn load<D: Db>(db: &D, now: DateTime<Utc>) -> Result<Self, StorageError> {
        Ok(Self {
            ledger: ledger::load(db, now)?,
            learnt: ledger::learnt(db)?,
            extensions: records::load(db, Record::Extensions)?.unwrap_or_default(),
            stop: records::load(db, Record::ModelsStop)?,
            starts: calls::starts_since(db, now - TimeDelta::minutes(1))?.into(),
            refusals: Refusals::default(),
            faults: records::load(db, Record::ProviderFaults)?.unwrap_or_default(),
        })
    }

    /// When the first of the calls under way expires.
    pub(super) fn next_expiry(&self) -> Option<DateTime<Utc>> {
        self.ledger.next_expiry()
    }

    /// When something is due: the first of the calls under way expires, or counts are
    /// to be written down.
    pub(super) fn due_at(&self) -> Option<DateTime<Utc>> {
        let due = [self.next_expiry(), self.refusals.due_at()];
        due.into_iter().flatten().min()
    }

    fn forget_starts(&mut self, now: DateTime<Utc>) {
        let since = (now - TimeDelta::minutes(1)).timestamp_millis();
        while self.starts.front().is_some_and(|(at, _)| *at <= since) {
            self.starts.pop_front();
        }
    }
}

impl<D: Db> Core<D> {
    /// The day that a moment counts towards, in the policy's time zone.
    pub(super) fn day(&self, now: DateTime<Utc>) -> NaiveDate {
        self.newest.document.budgets.time_zone.day_of(now)
    }

    /// When the day of a moment ends.
    pub(super) fn resets_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.newest.document.budgets.time_zone.end_of_day(now)
    }

    /// The gateway's or an agent's limits, extensions included.
    pub(super) fn limits(&self, agent: Option<&str>, now: DateTime<Utc>) -> Limits {
        let budgets = &self.newest.document.budgets;
        let limits = match agent {
            None => Limits {
                tokens: budgets.tokens_per_day,
                micro_usd: budgets.cost_per_day_micro_usd,
            },
            Some(agent) => budgets
                .agent(agent)
                .map_or_else(Limits::default, |budget| Limits {
                    tokens: budget.tokens_per_day,
                    micro_usd: budget.cost_per_day_micro_usd,
                }),
        };
        effective_limits(limits, agent, &self.models.extensions, now)
    }
}
