//! Refused calls, counted without a write for each: a program that is refused may try
//! again as fast as it can.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::wire::usage::{RefusalReason, RefusalRow};

use super::MAX_AGENTS;
use crate::ports::{Db, StorageError};
use crate::sandbox::core::Core;
use crate::sandbox::store::calls::hour_of;
use crate::sandbox::store::refusals::{self, Key};

/// How long counts are held in memory: what an object that is ended at once can lose.
const HELD: TimeDelta = TimeDelta::seconds(2);

/// Counts that are not written down yet.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    counts: BTreeMap<Key, u64>,
    /// When they are to be written down.
    due_at: Option<DateTime<Utc>>,
    /// Agents told apart on a day.
    agents: Option<(NaiveDate, BTreeSet<String>)>,
}

impl Refusals {
    pub(super) fn due_at(&self) -> Option<DateTime<Utc>> {
        self.due_at
    }
}

impl<D: Db> Core<D> {
    /// Counts a refused call.
    pub(in crate::sandbox::core) fn count_refusal(
        &mut self,
        reason: RefusalReason,
        agent: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let day = self.day(now);
        let agent = self.told_apart(agent, day)?;
        let pending = &mut self.models.refusals;
        let count = pending.counts.entry((hour_of(now), day, agent, reason));
        *count.or_insert(0) += 1;
        let due_at = *pending.due_at.get_or_insert(now + HELD);
        if due_at <= now {
            self.write_refusals()?;
        }
        Ok(())
    }

    /// Writes down what is due.
    pub(super) fn refusals_due(&mut self, now: DateTime<Utc>) -> Result<(), StorageError> {
        match self.models.refusals.due_at {
            Some(due_at) if due_at <= now => self.write_refusals(),
            _ => Ok(()),
        }
    }

    /// Refused calls of days `from` to `to`, by hour, agent and reason.
    ///
    /// # Errors
    /// When the database fails.
    pub fn refusals(&mut self, from: &str, to: &str) -> Result<Vec<RefusalRow>, StorageError> {
        self.write_refusals()?;
        refusals::report(&self.db, from, to)
    }

    fn write_refusals(&mut self) -> Result<(), StorageError> {
        let pending = &mut self.models.refusals;
        refusals::add(&self.db, &pending.counts)?;
        pending.counts.clear();
        pending.due_at = None;
        Ok(())
    }

    /// The container names agents, so only so many are told apart; refusals of further
    /// ones count for none.
    fn told_apart(&mut self, agent: Option<&str>, day: NaiveDate) -> Result<String, StorageError> {
        let Some(agent) = agent else {
            return Ok(String::new());
        };
        let known = match &mut self.models.refusals.agents {
            Some((of, known)) if *of == day => known,
            other => &mut other.insert((day, refusals::agents(&self.db, day)?)).1,
        };
        let agent = agent.to_ascii_lowercase();
        if known.len() >= MAX_AGENTS && !known.contains(&agent) {
            return Ok(String::new());
        }
        known.insert(agent.clone());
        Ok(agent)
    }
}
