//! Single values by name, and small helpers of the other tables.

use chrono::{DateTime, Utc};
use domain::wire::gateway::Page;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ports::{Db, SqlValue, StorageError};

/// Names of single values. Each holds one JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// The container's life.
    Lifecycle,
    /// Hashes of the running container's credentials.
    RunSecrets,
    /// How far the policy has come.
    Tracking,
    /// The registry that this gateway belongs to.
    Membership,
    /// The newest entry of the audit chain.
    AuditHead,
    /// What OpenClaw keeps outside its configuration, as it was last reported.
    Held,
    /// Scheduled jobs that may be there, where the policy does not let agents make them.
    AcceptedJobs,
    /// Skills and files of workspaces as they were approved, where agents may not change them.
    ApprovedFiles,
    /// Approved changes that are still to be made in the container.
    Orders,
    /// Proposals that were made in the container and that no generation holds yet.
    Unsaved,
    /// Extensions of budgets.
    Extensions,
    /// Who stopped all model calls.
    ModelsStop,
    /// What is wrong with the gateway's accounts at model providers.
    ProviderFaults,
    /// What OpenClaw says of devices, and what is done about them.
    Devices,
    /// How far what comes from Git repositories is.
    Git,
    /// Pull requests at Git hosts.
    Pulls,
    /// When the next scheduled job runs.
    NextRun,
    /// Who may write snapshots, and which are due.
    Snapshots,
    /// Codes that open a generation to another gateway.
    Grants,
    /// The generation of another gateway that is fetched.
    Clone,
    /// Which version of OpenClaw runs, and what is being changed about that.
    Openclaw,
}

impl Record {
    fn name(self) -> &'static str {
        match self {
            Self::Lifecycle => "lifecycle",
            Self::RunSecrets => "run_secrets",
            Self::Tracking => "tracking",
            Self::Membership => "membership",
            Self::AuditHead => "audit_head",
            Self::Held => "held",
            Self::AcceptedJobs => "accepted_jobs",
            Self::ApprovedFiles => "approved_files",
            Self::Orders => "orders",
            Self::Unsaved => "unsaved_proposals",
            Self::Extensions => "extensions",
            Self::ModelsStop => "models_stop",
            Self::ProviderFaults => "provider_faults",
            Self::Devices => "devices",
            Self::Git => "git",
            Self::Pulls => "pulls",
            Self::NextRun => "next_run",
            Self::Snapshots => "snapshots",
            Self::Grants => "grants",
            Self::Clone => "clone",
            Self::Openclaw => "openclaw",
        }
    }
}

/// Reads a value; none when it was never written.
///
/// # Errors
/// When the database fails or the value has another shape.
pub fn load<D: Db, T: DeserializeOwned>(db: &D, record: Record) -> Result<Option<T>, StorageError> {
    let rows = db.run(
        "SELECT json FROM records WHERE name = ?",
        &[record.name().into()],
    )?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    serde_json::from_str(&row.text(0)?)
        .map(Some)
        .map_err(|error| StorageError(format!("record {}: {error}", record.name())))
}

/// Writes a value in place of the one before.
///
/// # Errors
/// When the database refuses it.
pub fn save<D: Db, T: Serialize>(db: &D, record: Record, value: &T) -> Result<(), StorageError> {
    let json = serde_json::to_string(value)
        .map_err(|error| StorageError(format!("record {}: {error}", record.name())))?;
    db.run(
        "INSERT INTO records (name, json) VALUES (?, ?)
         ON CONFLICT (name) DO UPDATE SET json = excluded.json",
        &[record.name().into(), json.into()],
    )?;
    Ok(())
}

/// Removes a value.
///
/// # Errors
/// When the database refuses it.
pub fn clear<D: Db>(db: &D, record: Record) -> Result<(), StorageError> {
    db.run(
        "DELETE FROM records WHERE name = ?",
        &[record.name().into()],
    )
    .map(drop)
}

/// Cursor as the upper end of a range.
pub(super) fn before(cursor: Option<u64>) -> SqlValue {
    // INVARIANT: 2^53 - 1 is the largest whole number that the platform's SQL carries.
    cursor.unwrap_or((1 << 53) - 1).into()
}

/// A stored time.
pub(super) fn time(text: &str) -> Result<DateTime<Utc>, StorageError> {
    text.parse()
        .map_err(|_| StorageError("a stored time cannot be read".to_owned()))
}

/// A stored time in Unix milliseconds.
pub(super) fn millis(ms: u64) -> Result<DateTime<Utc>, StorageError> {
    let at = i64::try_from(ms)
        .ok()
        .and_then(DateTime::from_timestamp_millis);
    at.ok_or_else(|| StorageError("a stored time cannot be read".to_owned()))
}

/// A page of `size` from a list that may hold one more.
pub(super) fn page<T>(mut items: Vec<T>, size: usize, cursor: impl Fn(&T) -> String) -> Page<T> {
    let more = items.len() > size;
    items.truncate(size);
    let next = if more { items.last().map(cursor) } else { None };
    Page { items, next }
}
