//! The ledger's rows: what is used by day and account, and calls under way.
//!
//! One row for each call under way, removed when it ends; one for each day and
//! account, kept for [`KEEP_DAYS`]; one for each model and agent of what is learnt.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::budget::{Amount, Hold, Learnt, Ledger};

use super::records::millis;
use crate::ports::{Db, Row, StorageError};

/// Days that accounts are kept for.
pub const KEEP_DAYS: u64 = 62;

/// Agent and model that something is learnt of: agent (empty for none), provider, id.
pub type LearntKey = (String, String, String);

/// A call under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCall {
    /// Random id.
    pub id: String,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// Session that it names.
    pub session: Option<String>,
    /// Provider.
    pub provider: String,
    /// Model.
    pub model: String,
    /// Input tokens, estimated from the size alone.
    pub input_tokens: u64,
    /// Output tokens that it was granted.
    pub output_limit: u64,
    /// What it holds.
    pub hold: Hold,
}

const COLUMNS: &str = "id, started_at_ms, expires_at_ms, day, agent, session, provider, model, \
    input_tokens, output_limit, held_tokens, held_micro_usd";

/// Reads the ledger back: the last two days, which any zone's today is among,
/// and every call under way.
///
/// # Errors
/// When the database fails.
pub fn load<D: Db>(db: &D, now: DateTime<Utc>) -> Result<Ledger, StorageError> {
    let since = now
        .date_naive()
        .checked_sub_days(Days::new(2))
        .unwrap_or_default();
    let rows = db.run(
        "SELECT day, agent, tokens, micro_usd FROM accounts WHERE day >= ?",
        &[since.to_string().into()],
    )?;
    let mut used = Vec::with_capacity(rows.len());
    for row in &rows {
        let amount = Amount {
            tokens: row.count(2)?,
            micro_usd: row.count(3)?,
        };
        used.push(((day(&row.text(0)?)?, named(row.text(1)?)), amount));
    }
    let live = db.run(&format!("SELECT {COLUMNS} FROM live_calls"), &[])?;
    let live = live.iter().map(live_call).collect::<Result<Vec<_>, _>>()?;
    Ok(Ledger::restore(
        used,
        live.into_iter().map(|call| (call.id, call.hold)),
    ))
}

/// Notes a call that starts.
///
/// # Errors
/// When the database refuses it.
pub fn start<D: Db>(db: &D, call: &LiveCall) -> Result<(), StorageError> {
    db.run(
        &format!("INSERT INTO live_calls ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
        &[
            call.id.as_str().into(),
            call.started_at.timestamp_millis().into(),
            call.hold.expires_at.timestamp_millis().into(),
            call.hold.day.to_string().into(),
            call.hold.agent.as_deref().unwrap_or_default().into(),
            call.session.as_deref().unwrap_or_default().into(),
            call.provider.as_str().into(),
            call.model.as_str().into(),
            call.input_tokens.into(),
            call.output_limit.into(),
            call.hold.amount.tokens.into(),
            call.hold.amount.micro_usd.into(),
        ],
    )?;
    Ok(())
}

/// Notes until when a call may be silent.
///
/// # Errors
/// When the database refuses it.
pub fn renew<D: Db>(db: &D, id: &str, until: DateTime<Utc>) -> Result<(), StorageError> {
    db.run(
        "UPDATE live_calls SET expires_at_ms = ? WHERE id = ?",
        &[until.timestamp_millis().into(), id.into()],
    )?;
    Ok(())
}

/// Removes a call that ended; none when it had ended before.
///
/// # Errors
/// When the database refuses it.
pub fn end<D: Db>(db: &D, id: &str) -> Result<Option<LiveCall>, StorageError> {
    let sql = format!("DELETE FROM live_calls WHERE id = ? RETURNING {COLUMNS}");
    db.run(&sql, &[id.into()])?
        .first()
        .map(live_call)
        .transpose()
}

/// Adds to what the accounts of a call have used.
///
/// # Errors
/// When the database refuses it.
pub fn charge<D: Db>(db: &D, hold: &Hold, amount: Amount) -> Result<(), StorageError> {
    for agent in std::iter::once("").chain(hold.agent.as_deref()) {
        db.run(
            "INSERT INTO accounts (day, agent, tokens, micro_usd) VALUES (?, ?, ?, ?)
             ON CONFLICT (day, agent) DO UPDATE SET
                tokens = tokens + excluded.tokens, micro_usd = micro_usd + excluded.micro_usd",
            &[
                hold.day.to_string().into(),
                agent.into(),
                amount.tokens.into(),
                amount.micro_usd.into(),
            ],
        )?;
    }
    Ok(())
}

/// Agents that used something on a day.
///
/// # Errors
/// When the database fails.
pub fn agents<D: Db>(db: &D, day: NaiveDate) -> Result<Vec<String>, StorageError> {
    let rows = db.run(
        "SELECT agent FROM accounts WHERE day = ? AND agent <> '' ORDER BY agent",
        &[day.to_string().into()],
    )?;
    rows.iter().map(|row| row.text(0)).collect()
}

/// Removes accounts that are older than [`KEEP_DAYS`].
///
/// # Errors
/// When the database refuses it.
pub fn forget_old<D: Db>(db: &D, now: DateTime<Utc>) -> Result<(), StorageError> {
    let before = now
        .date_naive()
        .checked_sub_days(Days::new(KEEP_DAYS))
        .unwrap_or_default();
    db.run(
        "DELETE FROM accounts WHERE day < ?",
        &[before.to_string().into()],
    )
    .map(drop)
}

/// What is learnt of every model and agent.
///
/// # Errors
/// When the database fails.
pub fn learnt<D: Db>(db: &D) -> Result<BTreeMap<LearntKey, Learnt>, StorageError> {
    let rows = db.run("SELECT agent, provider, model, json FROM learnt", &[])?;
    let mut learnt = BTreeMap::new();
    for row in &rows {
        // One that cannot be read is learnt anew.
        let value = serde_json::from_str(&row.text(3)?).unwrap_or_default();
        learnt.insert((row.text(0)?, row.text(1)?, row.text(2)?), value);
    }
    Ok(learnt)
}

/// Keeps what is learnt.
///
/// # Errors
/// When the database refuses it.
pub fn learn<D: Db>(db: &D, key: &LearntKey, learnt: &Learnt) -> Result<(), StorageError> {
    let json = serde_json::to_string(learnt).map_err(|error| StorageError(error.to_string()))?;
    db.run(
        "INSERT INTO learnt (agent, provider, model, json) VALUES (?, ?, ?, ?)
         ON CONFLICT (agent, provider, model) DO UPDATE SET json = excluded.json",
        &[
            key.0.as_str().into(),
            key.1.as_str().into(),
            key.2.as_str().into(),
            json.into(),
        ],
    )?;
    Ok(())
}

fn live_call(row: &Row) -> Result<LiveCall, StorageError> {
    Ok(LiveCall {
        id: row.text(0)?,
        started_at: millis(row.count(1)?)?,
        session: named(row.text(5)?),
        provider: row.text(6)?,
        model: row.text(7)?,
        input_tokens: row.count(8)?,
        output_limit: row.count(9)?,
        hold: Hold {
            day: day(&row.text(3)?)?,
            agent: named(row.text(4)?),
            amount: Amount {
                tokens: row.count(10)?,
                micro_usd: row.count(11)?,
            },
            expires_at: millis(row.count(2)?)?,
        },
    })
}

fn named(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn day(text: &str) -> Result<NaiveDate, StorageError> {
    text.parse()
        .map_err(|_| StorageError("a stored day cannot be read".to_owned()))
}
