//! Model calls that were refused: how many, by hour, agent and reason.
//!
//! One row for each of these, kept for [`super::calls::KEEP_HOURS_DAYS`]: however
//! often a program in the container tries again, it adds to a number.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::wire::usage::{RefusalReason, RefusalRow};

use super::calls::{KEEP_HOURS_DAYS, MAX_LINES};
use crate::ports::{Db, StorageError};

/// What refusals are counted by: hour in UTC, day in the policy's time zone, agent
/// (empty for none), reason.
pub type Key = (String, NaiveDate, String, RefusalReason);

/// Adds to the counts.
///
/// # Errors
/// When the database refuses it.
pub fn add<D: Db>(db: &D, counts: &BTreeMap<Key, u64>) -> Result<(), StorageError> {
    for ((hour, day, agent, reason), calls) in counts {
        db.run(
            "INSERT INTO refusals (hour, day, agent, reason, calls) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (hour, day, agent, reason) DO UPDATE SET calls = calls + excluded.calls",
            &[
                hour.as_str().into(),
                day.to_string().into(),
                agent.as_str().into(),
                reason.as_str().into(),
                (*calls).into(),
            ],
        )?;
    }
    Ok(())
}

/// Agents that have a row of a day.
///
/// # Errors
/// When the database fails.
pub fn agents<D: Db>(db: &D, day: NaiveDate) -> Result<BTreeSet<String>, StorageError> {
    let rows = db.run(
        "SELECT DISTINCT agent FROM refusals WHERE day = ?",
        &[day.to_string().into()],
    )?;
    rows.iter().map(|row| row.text(0)).collect()
}

/// The counts of days `from` to `to`, both included, newest hour first: one more than
/// [`MAX_LINES`] at most.
///
/// # Errors
/// When the database fails.
pub fn report<D: Db>(db: &D, from: &str, to: &str) -> Result<Vec<RefusalRow>, StorageError> {
    let rows = db.run(
        "SELECT hour, day, agent, reason, calls FROM refusals WHERE day >= ? AND day <= ?
         ORDER BY hour DESC, day DESC, agent, reason LIMIT ?",
        &[from.into(), to.into(), (MAX_LINES as u64 + 1).into()],
    )?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(RefusalRow {
            hour: row.text(0)?,
            day: row.text(1)?,
            agent: Some(row.text(2)?).filter(|agent| !agent.is_empty()),
            reason: RefusalReason::named(&row.text(3)?)
                .ok_or_else(|| StorageError("a stored reason cannot be read".to_owned()))?,
            calls: row.count(4)?,
        });
    }
    Ok(items)
}

/// Removes what is older than it is kept for.
///
/// # Errors
/// When the database refuses it.
pub fn forget_old<D: Db>(db: &D, now: DateTime<Utc>) -> Result<(), StorageError> {
    let before = now
        .date_naive()
        .checked_sub_days(Days::new(KEEP_HOURS_DAYS))
        .unwrap_or_default();
    db.run(
        "DELETE FROM refusals WHERE hour < ?",
        &[before.to_string().into()],
    )
    .map(drop)
}
