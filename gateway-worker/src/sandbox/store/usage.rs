//! Tokens by day and model, and what calls under way have reserved.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::budget::{self, Spent};
use domain::metering::Usage;
use domain::wire::gateway::{Page, UsageRow};

use crate::ports::{Db, SqlValue, StorageError};

/// Days on one page.
const PAGE_DAYS: usize = 31;
/// How long a call may be under way before its reservation is charged in full.
/// Longer than any model answer; the Worker settles long before.
const RESERVATION_MINUTES: i64 = 30;

/// A call that may start.
#[derive(Debug, Clone, Copy)]
pub struct Reservation<'a> {
    /// Random id.
    pub id: &'a str,
    /// Provider.
    pub provider: &'a str,
    /// Model.
    pub model: &'a str,
    /// The most that it can use.
    pub most: Usage,
}

/// What counts against today's limit.
///
/// # Errors
/// When the database fails.
pub fn spent<D: Db>(db: &D, now: DateTime<Utc>) -> Result<Spent, StorageError> {
    let day = SqlValue::from(budget::day_of(now).to_string());
    let sum = |table: &str| -> Result<u64, StorageError> {
        let sql = format!(
            "SELECT COALESCE(SUM(input_tokens + output_tokens), 0) FROM {table} WHERE day = ?"
        );
        let rows = db.run(&sql, std::slice::from_ref(&day))?;
        rows.first().map_or(Ok(0), |row| row.count(0))
    };
    Ok(Spent {
        used: sum("usage")?,
        reserved: sum("reservations")?,
    })
}

/// Notes what a call may use at most.
///
/// # Errors
/// When the database refuses it.
pub fn reserve<D: Db>(
    db: &D,
    call: Reservation<'_>,
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    let expires = now + TimeDelta::minutes(RESERVATION_MINUTES);
    db.run(
        "INSERT INTO reservations
         (id, day, provider, model, input_tokens, output_tokens, expires_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
        &[
            call.id.into(),
            budget::day_of(now).to_string().into(),
            call.provider.into(),
            call.model.into(),
            call.most.input_tokens.into(),
            call.most.output_tokens.into(),
            expires.timestamp_millis().into(),
        ],
    )?;
    Ok(())
}

/// Turns a reservation into use, on the day that the call began; `None` when it
/// cost nothing. False when it was settled before.
///
/// # Errors
/// When the database refuses it.
pub fn settle<D: Db>(db: &D, id: &str, used: Option<Usage>) -> Result<bool, StorageError> {
    let rows = db.run(
        "DELETE FROM reservations WHERE id = ? RETURNING day, provider, model",
        &[id.into()],
    )?;
    let Some(row) = rows.first() else {
        return Ok(false);
    };
    if let Some(used) = used {
        charge(db, &row.text(0)?, &row.text(1)?, &row.text(2)?, used)?;
    }
    Ok(true)
}

/// Charges reservations that nobody settled in full, and says how many.
///
/// # Errors
/// When the database refuses it.
pub fn charge_expired<D: Db>(db: &D, now: DateTime<Utc>) -> Result<usize, StorageError> {
    let rows = db.run(
        "DELETE FROM reservations WHERE expires_at_ms <= ?
         RETURNING day, provider, model, input_tokens, output_tokens",
        &[now.timestamp_millis().into()],
    )?;
    for row in &rows {
        let used = Usage {
            input_tokens: row.count(3)?,
            output_tokens: row.count(4)?,
        };
        charge(db, &row.text(0)?, &row.text(1)?, &row.text(2)?, used)?;
    }
    Ok(rows.len())
}

fn charge<D: Db>(
    db: &D,
    day: &str,
    provider: &str,
    model: &str,
    used: Usage,
) -> Result<(), StorageError> {
    db.run(
        "INSERT INTO usage (day, provider, model, calls, input_tokens, output_tokens)
         VALUES (?, ?, ?, 1, ?, ?)
         ON CONFLICT (day, provider, model) DO UPDATE SET
            calls = calls + 1,
            input_tokens = input_tokens + excluded.input_tokens,
            output_tokens = output_tokens + excluded.output_tokens",
        &[
            day.into(),
            provider.into(),
            model.into(),
            used.input_tokens.into(),
            used.output_tokens.into(),
        ],
    )?;
    Ok(())
}

/// A page of days before `before`, newest first.
///
/// # Errors
/// When the database fails.
pub fn page<D: Db>(db: &D, before: Option<NaiveDate>) -> Result<Page<UsageRow>, StorageError> {
    // A day that sorts after every other.
    let before = before.map_or_else(|| "9999-99-99".to_owned(), |day| day.to_string());
    let days = db.run(
        "SELECT DISTINCT day FROM usage WHERE day < ? ORDER BY day DESC LIMIT ?",
        &[before.as_str().into(), (PAGE_DAYS as u64 + 1).into()],
    )?;
    let Some(oldest) = days.iter().take(PAGE_DAYS).next_back() else {
        return Ok(Page {
            items: Vec::new(),
            next: None,
        });
    };
    let oldest = oldest.text(0)?;
    let rows = db.run(
        "SELECT day, provider, model, calls, input_tokens, output_tokens FROM usage
         WHERE day < ? AND day >= ? ORDER BY day DESC, provider, model",
        &[before.into(), oldest.as_str().into()],
    )?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(UsageRow {
            day: row.text(0)?,
            provider: row.text(1)?,
            model: row.text(2)?,
            calls: row.count(3)?,
            input_tokens: row.count(4)?,
            output_tokens: row.count(5)?,
        });
    }
    let next = (days.len() > PAGE_DAYS).then_some(oldest);
    Ok(Page { items, next })
}
