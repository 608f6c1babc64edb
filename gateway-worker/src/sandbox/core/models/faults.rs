//! What is wrong with the gateway's accounts at providers: in the audit once, however
//! often a program tries again.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::metering::AccountFault;
use domain::wire::usage::RefusalReason;
use serde::{Deserialize, Serialize};

use crate::ports::{Db, StorageError};
use crate::sandbox::core::{Core, GATEWAY};
use crate::sandbox::store::records::{self, Record};
use crate::sandbox::store::{audit, ledger};

/// How long a fault that was over is not noted again: calls that it concerns and calls
/// that it does not may come by turns, as with a key that is good for some models alone.
const QUIET: TimeDelta = TimeDelta::minutes(10);

/// Faults that were noted, by provider.
pub(super) type Faults = BTreeMap<String, BTreeMap<AccountFault, Noted>>;

/// A fault that the audit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Noted {
    at: DateTime<Utc>,
    /// Whether a call has gone through since.
    over: bool,
}

impl<D: Db> Core<D> {
    /// The provider refused a call, or it did not get there: it cost nothing. One that is
    /// not under way (any more) changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub fn refused_by_provider(
        &mut self,
        call: &str,
        fault: Option<AccountFault>,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let Some(live) = ledger::end(&self.db, call)? else {
            return Ok(());
        };
        self.models.ledger.release(call);
        if let Some(fault) = fault {
            self.note_fault(&live.provider, fault, now)?;
        }
        self.count_refusal(RefusalReason::Provider, live.hold.agent.as_deref(), now)
    }

    fn note_fault(
        &mut self,
        provider: &str,
        fault: AccountFault,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let faults = self.models.faults.entry(provider.to_owned()).or_default();
        let noted = faults.get(&fault).copied();
        if noted.is_some_and(|noted| !noted.over) {
            return Ok(());
        }
        let quiet = noted.is_some_and(|noted| now - noted.at < QUIET);
        let at = noted.filter(|_| quiet).map_or(now, |noted| noted.at);
        if !quiet {
            let detail = format!("{provider} {}", fault.words());
            audit::append(&self.db, now, GATEWAY, "provider.refused", &detail)?;
        }
        faults.insert(fault, Noted { at, over: false });
        records::save(&self.db, Record::ProviderFaults, &self.models.faults)
    }

    /// A call went through: whatever was wrong is over.
    pub(super) fn faults_over(&mut self, provider: &str) -> Result<(), StorageError> {
        let Some(faults) = self.models.faults.get_mut(provider) else {
            return Ok(());
        };
        if faults.values().all(|noted| noted.over) {
            return Ok(());
        }
        faults.values_mut().for_each(|noted| noted.over = true);
        records::save(&self.db, Record::ProviderFaults, &self.models.faults)
    }
}
