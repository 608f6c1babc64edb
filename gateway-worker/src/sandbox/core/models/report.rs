//! What the API says about budgets.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::budget::Unit;
use domain::wire::usage::{AccountReport, BudgetsReport, Gauge, Stop};

use crate::ports::{Db, StorageError};
use crate::sandbox::core::Core;
use crate::sandbox::store::ledger;

impl<D: Db> Core<D> {
    /// Today's accounts, extensions and whether everything is stopped.
    ///
    /// # Errors
    /// When the database fails.
    pub fn budgets(&self, now: DateTime<Utc>) -> Result<BudgetsReport, StorageError> {
        let budgets = &self.newest.document.budgets;
        let day = self.day(now);
        let mut agents: BTreeSet<String> = ledger::agents(&self.db, day)?.into_iter().collect();
        agents.extend(budgets.agents.keys().map(|agent| agent.as_str().to_owned()));
        let accounts = std::iter::once(None).chain(agents.iter().map(|agent| Some(agent.as_str())));
        let lasting = self
            .models
            .extensions
            .iter()
            .filter(|extension| extension.until > now);
        Ok(BudgetsReport {
            day: day.to_string(),
            time_zone: budgets.time_zone.as_str().to_owned(),
            resets_at: self.resets_at(now),
            accounts: accounts.map(|agent| self.account(agent, now)).collect(),
            extensions: lasting.cloned().collect(),
            stopped: self.models.stop.clone(),
            browser: self.browser_report(now)?,
        })
    }

    fn account(&self, agent: Option<&str>, now: DateTime<Utc>) -> AccountReport {
        let day = self.day(now);
        let limits = self.limits(agent, now);
        let used = self.models.ledger.used(day, agent);
        let reserved = self.models.ledger.reserved(day, agent);
        let gauge = |unit: Unit| Gauge {
            limit: limits.of(unit),
            used: used.of(unit),
            reserved: reserved.of(unit),
        };
        AccountReport {
            agent: agent.map(str::to_owned),
            tokens: gauge(Unit::Tokens),
            cost_micro_usd: gauge(Unit::MicroUsd),
            calls_under_way: self.models.ledger.under_way(agent) as u64,
        }
    }

    /// Who stopped all model calls, while they are stopped.
    pub(in crate::sandbox::core) fn models_stopped(&self) -> Option<&Stop> {
        self.models.stop.as_ref()
    }

    /// Used today by the gateway as a whole, in tokens.
    pub(in crate::sandbox::core) fn tokens_used(&self, now: DateTime<Utc>) -> u64 {
        self.models.ledger.used(self.day(now), None).tokens
    }
}
