//! Who did what, when.

use chrono::{DateTime, Utc};
use domain::wire::gateway::{AuditEntry, Page};

use crate::ports::{Db, StorageError};

/// Entries on one page.
const PAGE: usize = 100;
/// Longest detail that is kept, in characters.
const MAX_DETAIL: usize = 2_000;

/// Appends an entry. Line breaks and other control characters become spaces, so
/// that no entry can look like two.
///
/// # Errors
/// When the database refuses it.
pub fn append<D: Db>(
    db: &D,
    at: DateTime<Utc>,
    actor: &str,
    action: &str,
    detail: &str,
) -> Result<(), StorageError> {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let detail: String = detail.chars().map(plain).take(MAX_DETAIL).collect();
    db.run(
        "INSERT INTO audit (at, actor, action, detail) VALUES (?, ?, ?, ?)",
        &[at.to_rfc3339().into(), actor.into(), action.into(), detail.into()],
    )?;
    Ok(())
}

/// A page, newest first, of entries before `before`.
///
/// # Errors
/// When the database fails.
pub fn page<D: Db>(db: &D, before: Option<u64>) -> Result<Page<AuditEntry>, StorageError> {
    let rows = db.run(
        "SELECT seq, at, actor, action, detail FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?",
        &[super::records::before(before), (PAGE as u64 + 1).into()],
    )?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(AuditEntry {
            seq: row.count(0)?,
            at: super::records::time(&row.text(1)?)?,
            actor: row.text(2)?,
            action: row.text(3)?,
            detail: row.text(4)?,
        });
    }
    Ok(super::records::page(items, PAGE, |entry| entry.seq.to_string()))
}
