//! Tokens by day and model, kept for good.

use chrono::NaiveDate;
use domain::metering::Usage;
use domain::wire::gateway::{Page, UsageRow};

use crate::ports::{Db, StorageError};

/// Days on one page.
const PAGE_DAYS: usize = 31;
/// Adds a call to a day.
///
/// # Errors
/// When the database refuses it.
pub fn charge<D: Db>(
    db: &D,
    day: NaiveDate,
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
            day.to_string().into(),
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
