//! The ledger of proposals: written once, decided once, never removed.

use chrono::{DateTime, Utc};
use domain::proposal::{Proposal, State};
use domain::wire::gateway::Page;

use super::records;
use crate::ports::{Db, Row, StorageError};

/// Proposals on one page.
const PAGE: usize = 50;

/// The id of the next proposal.
///
/// # Errors
/// When the database fails.
pub fn next_id<D: Db>(db: &D) -> Result<String, StorageError> {
    let rows = db.run("SELECT COUNT(*) FROM proposals", &[])?;
    let count = rows.first().map_or(Ok(0), |row| row.count(0))?;
    Ok(format!("p{}", count.saturating_add(1)))
}

/// Writes a proposal, or what became of it.
///
/// # Errors
/// When the database refuses it.
pub fn save<D: Db>(db: &D, proposal: &Proposal) -> Result<(), StorageError> {
    let json = serde_json::to_string(proposal).map_err(|error| StorageError(error.to_string()))?;
    db.run(
        "INSERT INTO proposals (id, state, created_at, json) VALUES (?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, json = excluded.json",
        &[
            proposal.id.as_str().into(),
            if proposal.state == State::Pending {
                "pending"
            } else {
                "decided"
            }
            .into(),
            proposal.created_at.timestamp_millis().to_string().into(),
            json.into(),
        ],
    )?;
    Ok(())
}

/// A proposal; none when there is none.
///
/// # Errors
/// When the database fails.
pub fn get<D: Db>(db: &D, id: &str) -> Result<Option<Proposal>, StorageError> {
    let rows = db.run("SELECT json FROM proposals WHERE id = ?", &[id.into()])?;
    rows.first().map(|row| read(row, 0)).transpose()
}

/// How many were made after a moment, and how many wait, whoever made them.
///
/// # Errors
/// When the database fails.
pub fn counts<D: Db>(
    db: &D,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(u64, u64), StorageError> {
    let since = since.timestamp_millis().to_string();
    let rows = db.run(
        "SELECT COUNT(*) FROM proposals WHERE created_at > ?",
        &[since.into()],
    )?;
    let recent = rows.first().map_or(Ok(0), |row| row.count(0))?;
    let rows = db.run("SELECT json FROM proposals WHERE state = 'pending'", &[])?;
    let mut waiting = 0;
    for row in &rows {
        let proposal = read(row, 0)?;
        if proposal.expires_at > now {
            waiting += 1;
        } else {
            save(
                db,
                &Proposal {
                    state: State::Expired,
                    ..proposal
                },
            )?;
        }
    }
    Ok((recent, waiting))
}

/// A page, newest first, of proposals before the one of that number.
///
/// # Errors
/// When the database fails.
pub fn page<D: Db>(db: &D, before: Option<u64>) -> Result<Page<Proposal>, StorageError> {
    let rows = db.run(
        "SELECT json FROM proposals WHERE rowid < ? ORDER BY rowid DESC LIMIT ?",
        &[records::before(before), (PAGE as u64 + 1).into()],
    )?;
    let items = rows
        .iter()
        .map(|row| read(row, 0))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(records::page(items, PAGE, |proposal| {
        proposal.id.trim_start_matches('p').to_owned()
    }))
}

fn read(row: &Row, column: usize) -> Result<Proposal, StorageError> {
    serde_json::from_str(&row.text(column)?)
        .map_err(|error| StorageError(format!("a proposal: {error}")))
}
