//! Calls that ended, one by one and by the hour. Neither prompt nor answer is kept.
//!
//! Single calls are kept for [`KEEP_CALLS_DAYS`] and [`KEEP_CALLS`] at most, hours
//! for [`KEEP_HOURS_DAYS`]; days by model ([`super::usage`]) for good.

use chrono::{DateTime, Days, TimeDelta, Utc};
use domain::metering::{Source, Usage};
use domain::wire::gateway::Page;
use domain::wire::registry::HourUsage;
use domain::wire::usage::{CallOutcome, CallRow, UsageGroup, UsageTotals};

use super::ledger::LiveCall;
use super::records::{self, millis};
use crate::ports::{Db, Row, SqlValue, StorageError};

/// Days that single calls are kept for.
pub const KEEP_CALLS_DAYS: i64 = 7;
/// Most single calls that are kept.
pub const KEEP_CALLS: u64 = 50_000;
/// Days that hours are kept for.
pub const KEEP_HOURS_DAYS: u64 = 90;
/// Calls on one page.
const PAGE: usize = 200;
/// Most calls that one sweep removes.
const SWEEP: u64 = 500;
/// Most lines of a report.
pub const MAX_LINES: usize = 10_000;

/// What a call used, and how it went.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// Tokens.
    pub usage: Usage,
    /// How sure they are.
    pub source: Source,
    /// Cost; none without a price.
    pub micro_usd: Option<u64>,
    /// Milliseconds to the first byte.
    pub first_byte_ms: Option<u64>,
    /// Milliseconds to the end.
    pub total_ms: u64,
    /// How it ended.
    pub outcome: CallOutcome,
}

/// What a report is grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// Day in the policy's time zone.
    Day,
    /// Hour in UTC.
    Hour,
    /// Agent.
    Agent,
    /// Session.
    Session,
    /// Model.
    Model,
}

impl GroupBy {
    /// Every one, by name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("day", Self::Day),
        ("hour", Self::Hour),
        ("agent", Self::Agent),
        ("session", Self::Session),
        ("model", Self::Model),
    ];

    fn column(self, of_calls: bool) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Hour if of_calls => "strftime('%Y-%m-%dT%H', started_at_ms / 1000, 'unixepoch')",
            Self::Hour => "hour",
            Self::Agent => "agent",
            Self::Session => "session",
            Self::Model => "provider || '/' || model",
        }
    }
}

/// Hour of a moment in UTC, `YYYY-MM-DDTHH`.
#[must_use]
pub fn hour_of(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H").to_string()
}

/// Notes a call that ended.
///
/// # Errors
/// When the database refuses it.
pub fn append<D: Db>(
    db: &D,
    call: &LiveCall,
    ended: &Ended,
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    let agent = call.hold.agent.as_deref().unwrap_or_default();
    let day = call.hold.day.to_string();
    let Usage {
        input_tokens,
        output_tokens,
        cached_input_tokens,
        cache_write_tokens,
        reasoning_tokens,
    } = ended.usage;
    db.run(
        "INSERT INTO calls (id, started_at_ms, ended_at_ms, day, agent, session, provider, model,
            input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
            estimated, micro_usd, first_byte_ms, total_ms, outcome)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            call.id.as_str().into(),
            call.started_at.timestamp_millis().into(),
            now.timestamp_millis().into(),
            day.as_str().into(),
            agent.into(),
            call.session.as_deref().unwrap_or_default().into(),
            call.provider.as_str().into(),
            call.model.as_str().into(),
            input_tokens.into(),
            cached_input_tokens.into(),
            cache_write_tokens.into(),
            output_tokens.into(),
            reasoning_tokens.into(),
            u64::from(ended.source == Source::Estimated).into(),
            ended.micro_usd.map_or(SqlValue::Null, SqlValue::from),
            ended.first_byte_ms.map_or(SqlValue::Null, SqlValue::from),
            ended.total_ms.into(),
            outcome_name(ended.outcome).into(),
        ],
    )?;
    db.run(
        "INSERT INTO usage_hours (hour, day, agent, provider, model, calls, input_tokens,
            cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, micro_usd,
            unpriced_calls)
         VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (hour, day, agent, provider, model) DO UPDATE SET
            calls = calls + 1,
            input_tokens = input_tokens + excluded.input_tokens,
            cached_input_tokens = cached_input_tokens + excluded.cached_input_tokens,
            cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens,
            output_tokens = output_tokens + excluded.output_tokens,
            reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens,
            micro_usd = micro_usd + excluded.micro_usd,
            unpriced_calls = unpriced_calls + excluded.unpriced_calls",
        &[
            // By when it ended: an hour that is over does not change any more.
            hour_of(now).into(),
            day.into(),
            agent.into(),
            call.provider.as_str().into(),
            call.model.as_str().into(),
            input_tokens.into(),
            cached_input_tokens.into(),
            cache_write_tokens.into(),
            output_tokens.into(),
            reasoning_tokens.into(),
            ended.micro_usd.unwrap_or(0).into(),
            u64::from(ended.micro_usd.is_none()).into(),
        ],
    )?;
    Ok(())
}

/// A page of single calls, newest first, before a cursor.
///
/// # Errors
/// When the database fails.
pub fn page<D: Db>(db: &D, before: Option<u64>) -> Result<Page<CallRow>, StorageError> {
    let rows = db.run(
        "SELECT seq, id, started_at_ms, agent, session, provider, model, input_tokens,
            cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, estimated,
            micro_usd, first_byte_ms, total_ms, outcome
         FROM calls WHERE seq < ? ORDER BY seq DESC LIMIT ?",
        &[records::before(before), (PAGE as u64 + 1).into()],
    )?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push((row.count(0)?, call_row(row)?));
    }
    let Page { items, next } = records::page(items, PAGE, |(seq, _)| seq.to_string());
    Ok(Page {
        items: items.into_iter().map(|(_, row)| row).collect(),
        next,
    })
}

/// Sums over days `from` to `to`, both included, grouped.
///
/// # Errors
/// When the database fails.
pub fn report<D: Db>(
    db: &D,
    by: &[GroupBy],
    from: &str,
    to: &str,
) -> Result<Vec<UsageGroup>, StorageError> {
    let of_calls = by.contains(&GroupBy::Session);
    let columns: Vec<&str> = by.iter().map(|by| by.column(of_calls)).collect();
    let columns = columns.join(", ");
    let (table, calls, micro_usd, unpriced) = if of_calls {
        (
            "calls",
            "COUNT(*)",
            "COALESCE(SUM(micro_usd), 0)",
            "SUM(micro_usd IS NULL)",
        )
    } else {
        (
            "usage_hours",
            "SUM(calls)",
            "SUM(micro_usd)",
            "SUM(unpriced_calls)",
        )
    };
    let sql = format!(
        "SELECT {calls}, SUM(input_tokens), SUM(cached_input_tokens), SUM(cache_write_tokens),
            SUM(output_tokens), SUM(reasoning_tokens), {micro_usd}, {unpriced}, {columns}
         FROM {table} WHERE day >= ? AND day <= ? GROUP BY {columns} ORDER BY {columns} LIMIT ?"
    );
    let rows = db.run(
        &sql,
        &[from.into(), to.into(), (MAX_LINES as u64 + 1).into()],
    )?;
    rows.iter().map(|row| group(row, by)).collect()
}

/// Hours that are over, after one that was reported, oldest first and at most so many.
///
/// # Errors
/// When the database fails.
pub fn hours<D: Db>(
    db: &D,
    after: Option<&str>,
    now: DateTime<Utc>,
    most: u32,
) -> Result<Vec<HourUsage>, StorageError> {
    if most == 0 {
        return Ok(Vec::new());
    }
    let rows = db.run(
        "SELECT SUM(calls), SUM(input_tokens), SUM(cached_input_tokens),
            SUM(cache_write_tokens), SUM(output_tokens), SUM(reasoning_tokens), SUM(micro_usd),
            SUM(unpriced_calls), hour
         FROM usage_hours WHERE hour > ? AND hour < ? GROUP BY hour ORDER BY hour LIMIT ?",
        &[
            after.unwrap_or_default().into(),
            hour_of(now).into(),
            u64::from(most).into(),
        ],
    )?;
    let hour = |row: &Row| {
        Ok(HourUsage {
            hour: row.text(8)?,
            totals: totals(row)?,
        })
    };
    rows.iter().map(hour).collect()
}

/// Removes what is older than it is kept for.
///
/// # Errors
/// When the database refuses it.
pub fn forget_old<D: Db>(db: &D, now: DateTime<Utc>) -> Result<(), StorageError> {
    let until = now - TimeDelta::days(KEEP_CALLS_DAYS);
    let newest = db.run("SELECT COALESCE(MAX(seq), 0) FROM calls", &[])?;
    let newest = newest.first().map_or(Ok(0), |row| row.count(0))?;
    // A bounded piece of the table's old end each time: it never takes long.
    db.run(
        "DELETE FROM calls WHERE seq IN
            (SELECT seq FROM (SELECT seq, ended_at_ms FROM calls ORDER BY seq LIMIT ?)
             WHERE ended_at_ms < ? OR seq <= ?)",
        &[
            SWEEP.into(),
            until.timestamp_millis().into(),
            newest.saturating_sub(KEEP_CALLS).into(),
        ],
    )?;
    let before = now
        .date_naive()
        .checked_sub_days(Days::new(KEEP_HOURS_DAYS))
        .unwrap_or_default();
    db.run(
        "DELETE FROM usage_hours WHERE hour < ?",
        &[before.to_string().into()],
    )
    .map(drop)
}

/// When calls started since a moment, oldest first, with their agent.
///
/// # Errors
/// When the database fails.
pub fn starts_since<D: Db>(
    db: &D,
    since: DateTime<Utc>,
) -> Result<Vec<(i64, Option<String>)>, StorageError> {
    // The newest are enough: every row that is read when an instance starts is billed.
    let rows = db.run(
        "SELECT started_at_ms, agent FROM
            (SELECT started_at_ms, ended_at_ms, agent FROM calls ORDER BY seq DESC LIMIT 5000)
         WHERE ended_at_ms > ?1 AND started_at_ms > ?1
         UNION ALL SELECT started_at_ms, agent FROM live_calls WHERE started_at_ms > ?1
         ORDER BY 1",
        &[since.timestamp_millis().into()],
    )?;
    let mut starts = Vec::with_capacity(rows.len());
    for row in &rows {
        let at = i64::try_from(row.count(0)?).unwrap_or(i64::MAX);
        starts.push((at, Some(row.text(1)?).filter(|agent| !agent.is_empty())));
    }
    Ok(starts)
}

fn group(row: &Row, by: &[GroupBy]) -> Result<UsageGroup, StorageError> {
    let mut group = UsageGroup {
        totals: totals(row)?,
        ..UsageGroup::default()
    };
    for (column, by) in (8..).zip(by) {
        let value = Some(row.text(column)?);
        match by {
            GroupBy::Day => group.day = value,
            GroupBy::Hour => group.hour = value,
            GroupBy::Agent => group.agent = value,
            GroupBy::Session => group.session = value,
            GroupBy::Model => group.model = value,
        }
    }
    Ok(group)
}

fn totals(row: &Row) -> Result<UsageTotals, StorageError> {
    Ok(UsageTotals {
        calls: row.count(0)?,
        input_tokens: row.count(1)?,
        cached_input_tokens: row.count(2)?,
        cache_write_tokens: row.count(3)?,
        output_tokens: row.count(4)?,
        reasoning_tokens: row.count(5)?,
        cost_micro_usd: row.count(6)?,
        unpriced_calls: row.count(7)?,
    })
}

fn call_row(row: &Row) -> Result<CallRow, StorageError> {
    let named = |column: usize| Ok(Some(row.text(column)?).filter(|text| !text.is_empty()));
    Ok(CallRow {
        id: row.text(1)?,
        at: millis(row.count(2)?)?,
        agent: named(3)?,
        session: named(4)?,
        model: format!("{}/{}", row.text(5)?, row.text(6)?),
        usage: Usage {
            input_tokens: row.count(7)?,
            cached_input_tokens: row.count(8)?,
            cache_write_tokens: row.count(9)?,
            output_tokens: row.count(10)?,
            reasoning_tokens: row.count(11)?,
        },
        estimated: row.count(12)? == 1,
        cost_micro_usd: row.optional_count(13)?,
        first_byte_ms: row.optional_count(14)?,
        total_ms: row.count(15)?,
        outcome: outcome(&row.text(16)?),
    })
}

fn outcome_name(outcome: CallOutcome) -> &'static str {
    match outcome {
        CallOutcome::Finished => "finished",
        CallOutcome::Cut => "cut",
        CallOutcome::Stopped => "stopped",
        CallOutcome::Lost => "lost",
    }
}

fn outcome(name: &str) -> CallOutcome {
    match name {
        "finished" => CallOutcome::Finished,
        "cut" => CallOutcome::Cut,
        "stopped" => CallOutcome::Stopped,
        _ => CallOutcome::Lost,
    }
}
