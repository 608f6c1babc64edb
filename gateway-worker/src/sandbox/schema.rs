//! The tables in the Durable Object's SQLite, in append-only steps.

use crate::ports::{Db, StorageError};

/// Each step runs once, in order. Never change one that was released: add another.
const STEPS: &[&[&str]] = &[
    &[
        "CREATE TABLE policies (
        version INTEGER PRIMARY KEY,
        hash TEXT NOT NULL,
        document TEXT NOT NULL,
        author TEXT NOT NULL,
        note TEXT,
        created_at TEXT NOT NULL
    )",
        "CREATE TABLE audit (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        detail TEXT NOT NULL
    )",
        "CREATE TABLE usage (
        day TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        calls INTEGER NOT NULL,
        input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        PRIMARY KEY (day, provider, model)
    )",
        "CREATE TABLE reservations (
        id TEXT PRIMARY KEY,
        day TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        expires_at_ms INTEGER NOT NULL
    )",
        "CREATE TABLE records (name TEXT PRIMARY KEY, json TEXT NOT NULL)",
    ],
    &[
        "ALTER TABLE audit ADD COLUMN origin TEXT",
        "ALTER TABLE audit ADD COLUMN before_hash TEXT",
        "ALTER TABLE audit ADD COLUMN after_hash TEXT",
        "ALTER TABLE audit ADD COLUMN previous TEXT",
        "ALTER TABLE audit ADD COLUMN hash TEXT",
        "ALTER TABLE policies ADD COLUMN failure TEXT",
        "CREATE TABLE proposals (
        id TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        created_at TEXT NOT NULL,
        json TEXT NOT NULL
    )",
        "CREATE INDEX proposals_by_time ON proposals (created_at, id)",
    ],
    &[
        // What was under way counts in full: the new ledger does not know it.
        "INSERT INTO usage (day, provider, model, calls, input_tokens, output_tokens)
     SELECT day, provider, model, COUNT(*), SUM(input_tokens), SUM(output_tokens)
     FROM reservations WHERE true GROUP BY day, provider, model
     ON CONFLICT (day, provider, model) DO UPDATE SET
        calls = calls + excluded.calls,
        input_tokens = input_tokens + excluded.input_tokens,
        output_tokens = output_tokens + excluded.output_tokens",
        "DROP TABLE reservations",
        // An empty agent or session stands for none.
        "CREATE TABLE accounts (
        day TEXT NOT NULL,
        agent TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        micro_usd INTEGER NOT NULL,
        PRIMARY KEY (day, agent)
    ) WITHOUT ROWID",
        "INSERT INTO accounts (day, agent, tokens, micro_usd)
     SELECT day, '', SUM(input_tokens + output_tokens), 0 FROM usage GROUP BY day",
        "CREATE TABLE live_calls (
        id TEXT PRIMARY KEY,
        started_at_ms INTEGER NOT NULL,
        expires_at_ms INTEGER NOT NULL,
        day TEXT NOT NULL,
        agent TEXT NOT NULL,
        session TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        input_tokens INTEGER NOT NULL,
        output_limit INTEGER NOT NULL,
        held_tokens INTEGER NOT NULL,
        held_micro_usd INTEGER NOT NULL
    ) WITHOUT ROWID",
        "CREATE TABLE calls (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        started_at_ms INTEGER NOT NULL,
        ended_at_ms INTEGER NOT NULL,
        day TEXT NOT NULL,
        agent TEXT NOT NULL,
        session TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        input_tokens INTEGER NOT NULL,
        cached_input_tokens INTEGER NOT NULL,
        cache_write_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        reasoning_tokens INTEGER NOT NULL,
        estimated INTEGER NOT NULL,
        micro_usd INTEGER,
        first_byte_ms INTEGER,
        total_ms INTEGER NOT NULL,
        outcome TEXT NOT NULL
    )",
        "CREATE TABLE usage_hours (
        hour TEXT NOT NULL,
        day TEXT NOT NULL,
        agent TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        calls INTEGER NOT NULL,
        input_tokens INTEGER NOT NULL,
        cached_input_tokens INTEGER NOT NULL,
        cache_write_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        reasoning_tokens INTEGER NOT NULL,
        micro_usd INTEGER NOT NULL,
        unpriced_calls INTEGER NOT NULL,
        PRIMARY KEY (hour, day, agent, provider, model)
    ) WITHOUT ROWID",
        "CREATE TABLE learnt (
        agent TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        json TEXT NOT NULL,
        PRIMARY KEY (agent, provider, model)
    ) WITHOUT ROWID",
    ],
    &["CREATE TABLE generations (generation INTEGER PRIMARY KEY, json TEXT NOT NULL)"],
    // An empty agent stands for none.
    &["CREATE TABLE refusals (
        hour TEXT NOT NULL,
        day TEXT NOT NULL,
        agent TEXT NOT NULL,
        reason TEXT NOT NULL,
        calls INTEGER NOT NULL,
        PRIMARY KEY (hour, day, agent, reason)
    ) WITHOUT ROWID"],
    &[
        "CREATE TABLE browser_sessions (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        upstream TEXT NOT NULL,
        counted_to_ms INTEGER NOT NULL,
        expires_at_ms INTEGER NOT NULL
    )",
        "CREATE TABLE browser_days (
        day TEXT PRIMARY KEY,
        sessions INTEGER NOT NULL,
        ms INTEGER NOT NULL
    ) WITHOUT ROWID",
    ],
];

/// Brings the database to the newest step.
///
/// # Errors
/// When SQLite refuses a statement.
pub fn migrate<D: Db>(db: &D) -> Result<(), StorageError> {
    migrate_to(db, STEPS.len())
}

/// Brings the database to a step, counted from 1.
pub(crate) fn migrate_to<D: Db>(db: &D, newest: usize) -> Result<(), StorageError> {
    db.run(
        "CREATE TABLE IF NOT EXISTS schema_steps (step INTEGER PRIMARY KEY)",
        &[],
    )?;
    let done = db.run("SELECT COUNT(*) FROM schema_steps", &[])?;
    let done = done.first().map_or(Ok(0), |row| row.count(0))?;
    for (step, statements) in (0u64..)
        .zip(STEPS)
        .take(newest)
        .skip(usize::try_from(done).unwrap_or(usize::MAX))
    {
        for statement in *statements {
            db.run(statement, &[])?;
        }
        db.run("INSERT INTO schema_steps (step) VALUES (?)", &[step.into()])?;
    }
    Ok(())
}
