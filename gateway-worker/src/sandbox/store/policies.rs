//! Versions of the policy: written once, never changed.

use chrono::{DateTime, Utc};
use domain::policy::{self, Policy};
use domain::wire::gateway::{Page, PolicyEnvelope, PolicyVersion, StoredPolicy};

use super::records;
use crate::ports::{Db, Row, StorageError};

/// Versions on one page.
const PAGE: usize = 50;

/// The newest version; none before the first was written.
///
/// # Errors
/// When the database fails or holds a document that cannot be read.
pub fn newest<D: Db>(db: &D) -> Result<Option<PolicyEnvelope>, StorageError> {
    let rows = db.run(
        "SELECT version, hash, author, note, created_at, failure, document
         FROM policies ORDER BY version DESC LIMIT 1",
        &[],
    )?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let PolicyVersion {
        version,
        hash,
        author,
        note,
        created_at,
        ..
    } = line(row)?;
    let document: Policy = serde_json::from_str(&row.text(6)?)
        .map_err(|error| StorageError(format!("policy version {version}: {error}")))?;
    Ok(Some(PolicyEnvelope {
        version,
        hash,
        author,
        note,
        created_at,
        document,
    }))
}

/// A version as it was saved; none when it never was.
///
/// # Errors
/// When the database fails.
pub fn get<D: Db>(db: &D, version: u64) -> Result<Option<StoredPolicy>, StorageError> {
    let rows = db.run(
        "SELECT version, hash, author, note, created_at, failure, document
         FROM policies WHERE version = ?",
        &[version.into()],
    )?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let document = serde_json::from_str(&row.text(6)?)
        .map_err(|error| StorageError(format!("policy version {version}: {error}")))?;
    Ok(Some(StoredPolicy {
        version: line(row)?,
        document,
    }))
}

/// Marks a version as one that OpenClaw could not run with.
///
/// # Errors
/// When the database refuses it.
pub fn mark_failed<D: Db>(db: &D, version: u64, reason: &str) -> Result<(), StorageError> {
    let values = [reason.into(), version.into()];
    db.run("UPDATE policies SET failure = ? WHERE version = ?", &values)?;
    Ok(())
}

/// Writes the version after `base`; 0 before the first.
///
/// # Errors
/// When the database refuses it, for one because that version exists already.
pub fn append<D: Db>(
    db: &D,
    base: u64,
    document: Policy,
    author: &str,
    note: Option<&str>,
    at: DateTime<Utc>,
) -> Result<PolicyEnvelope, StorageError> {
    let text = serde_json::to_string(&document).map_err(|error| StorageError(error.to_string()))?;
    let envelope = PolicyEnvelope {
        version: base.saturating_add(1),
        hash: policy::hash(&document),
        author: author.to_owned(),
        note: note.map(str::to_owned),
        created_at: at,
        document,
    };
    db.run(
        "INSERT INTO policies (version, hash, document, author, note, created_at)
         VALUES (?, ?, ?, ?, ?, ?)",
        &[
            envelope.version.into(),
            envelope.hash.as_str().into(),
            text.into(),
            author.into(),
            note.into(),
            at.to_rfc3339().into(),
        ],
    )?;
    Ok(envelope)
}

/// A page of versions before `before`, newest first.
///
/// # Errors
/// When the database fails.
pub fn page<D: Db>(db: &D, before: Option<u64>) -> Result<Page<PolicyVersion>, StorageError> {
    let rows = db.run(
        "SELECT version, hash, author, note, created_at, failure
         FROM policies WHERE version < ? ORDER BY version DESC LIMIT ?",
        &[records::before(before), (PAGE as u64 + 1).into()],
    )?;
    let items = rows.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    Ok(records::page(items, PAGE, |line| line.version.to_string()))
}

fn line(row: &Row) -> Result<PolicyVersion, StorageError> {
    Ok(PolicyVersion {
        version: row.count(0)?,
        hash: row.text(1)?,
        author: row.text(2)?,
        note: row.optional_text(3)?,
        created_at: records::time(&row.text(4)?)?,
        failure: row.optional_text(5)?,
    })
}
