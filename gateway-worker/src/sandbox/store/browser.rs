//! Browser sessions that are open, and what sessions used by day.
//!
//! One row for each open session, removed when it is closed; one for each day, kept for
//! [`super::ledger::KEEP_DAYS`].

use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::browser::BrowserUse;

use super::ledger::KEEP_DAYS;
use super::records::millis;
use crate::ports::{Db, Row, StorageError};

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// Random id, which the container knows it by.
    pub id: String,
    /// What the browser service calls it; empty until it has said so.
    pub upstream: String,
    /// Until when its time is counted.
    pub counted_to: DateTime<Utc>,
    /// When it is closed unless somebody speaks of it before.
    pub expires_at: DateTime<Utc>,
}

/// Every open session, oldest first.
///
/// # Errors
/// When the database fails.
pub fn load<D: Db>(db: &D) -> Result<Vec<OpenSession>, StorageError> {
    let rows = db.run(
        "SELECT id, upstream, counted_to_ms, expires_at_ms FROM browser_sessions ORDER BY seq",
        &[],
    )?;
    rows.iter().map(open_session).collect()
}

fn open_session(row: &Row) -> Result<OpenSession, StorageError> {
    Ok(OpenSession {
        id: row.text(0)?,
        upstream: row.text(1)?,
        counted_to: millis(row.count(2)?)?,
        expires_at: millis(row.count(3)?)?,
    })
}

/// Writes an open session down, new or changed.
///
/// # Errors
/// When the database refuses it.
pub fn save<D: Db>(db: &D, session: &OpenSession) -> Result<(), StorageError> {
    db.run(
        "INSERT INTO browser_sessions (id, upstream, counted_to_ms, expires_at_ms)
         VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET upstream = excluded.upstream,
         counted_to_ms = excluded.counted_to_ms, expires_at_ms = excluded.expires_at_ms",
        &[
            session.id.as_str().into(),
            session.upstream.as_str().into(),
            session.counted_to.timestamp_millis().into(),
            session.expires_at.timestamp_millis().into(),
        ],
    )
    .map(drop)
}

/// Removes a session that was closed.
///
/// # Errors
/// When the database refuses it.
pub fn remove<D: Db>(db: &D, id: &str) -> Result<(), StorageError> {
    db.run("DELETE FROM browser_sessions WHERE id = ?", &[id.into()])
        .map(drop)
}

/// What sessions used on a day.
///
/// # Errors
/// When the database fails.
pub fn used<D: Db>(db: &D, day: NaiveDate) -> Result<BrowserUse, StorageError> {
    let rows = db.run(
        "SELECT sessions, ms FROM browser_days WHERE day = ?",
        &[day.to_string().into()],
    )?;
    let Some(row) = rows.first() else {
        return Ok(BrowserUse::default());
    };
    Ok(BrowserUse {
        sessions: row.count(0)?,
        ms: row.count(1)?,
    })
}

/// Adds to what sessions used on a day.
///
/// # Errors
/// When the database refuses it.
pub fn charge<D: Db>(db: &D, day: NaiveDate, more: BrowserUse) -> Result<(), StorageError> {
    db.run(
        "INSERT INTO browser_days (day, sessions, ms) VALUES (?, ?, ?)
         ON CONFLICT (day) DO UPDATE SET sessions = sessions + excluded.sessions,
         ms = ms + excluded.ms",
        &[day.to_string().into(), more.sessions.into(), more.ms.into()],
    )
    .map(drop)
}

/// Takes back a session that was counted on a day and did not open.
///
/// # Errors
/// When the database refuses it.
pub fn give_back<D: Db>(db: &D, day: NaiveDate) -> Result<(), StorageError> {
    db.run(
        "UPDATE browser_days SET sessions = MAX(sessions - 1, 0) WHERE day = ?",
        &[day.to_string().into()],
    )
    .map(drop)
}

/// Removes days that are older than they are kept for.
///
/// # Errors
/// When the database refuses it.
pub fn forget_old<D: Db>(db: &D, now: DateTime<Utc>) -> Result<(), StorageError> {
    let before = now
        .date_naive()
        .checked_sub_days(Days::new(KEEP_DAYS))
        .unwrap_or_default();
    db.run(
        "DELETE FROM browser_days WHERE day < ?",
        &[before.to_string().into()],
    )
    .map(drop)
}
