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
