//! Generations that are in the bucket, as far as they are known here. The bucket has
//! the last word: this is what the API shows and what retention goes by.

use domain::wire::gateway::Page;
use domain::wire::snapshots::Snapshot;

use super::records;
use crate::ports::{Db, Row, StorageError};

/// Generations on one page.
const PAGE: usize = 50;

/// Writes one down, or what became of it.
///
/// # Errors
/// When the database refuses it.
pub fn save<D: Db>(db: &D, snapshot: &Snapshot) -> Result<(), StorageError> {
    let json = serde_json::to_string(snapshot).map_err(|error| StorageError(error.to_string()))?;
    db.run(
        "INSERT INTO generations (generation, json) VALUES (?, ?)
         ON CONFLICT (generation) DO UPDATE SET json = excluded.json",
        &[snapshot.generation.into(), json.into()],
    )?;
    Ok(())
}

/// One; none when it is not known.
///
/// # Errors
/// When the database fails.
pub fn get<D: Db>(db: &D, generation: u64) -> Result<Option<Snapshot>, StorageError> {
    let rows = db.run(
        "SELECT json FROM generations WHERE generation = ?",
        &[generation.into()],
    )?;
    rows.first().map(read).transpose()
}

/// All of them, newest first.
///
/// # Errors
/// When the database fails.
pub fn all<D: Db>(db: &D) -> Result<Vec<Snapshot>, StorageError> {
    let rows = db.run("SELECT json FROM generations ORDER BY generation DESC", &[])?;
    rows.iter().map(read).collect()
}

/// The newest; none when there is none.
///
/// # Errors
/// When the database fails.
pub fn newest<D: Db>(db: &D) -> Result<Option<Snapshot>, StorageError> {
    let rows = db.run(
        "SELECT json FROM generations ORDER BY generation DESC LIMIT 1",
        &[],
    )?;
    rows.first().map(read).transpose()
}

/// A page of those before `before`, newest first.
///
/// # Errors
/// When the database fails.
pub fn page<D: Db>(db: &D, before: Option<u64>) -> Result<Page<Snapshot>, StorageError> {
    let rows = db.run(
        "SELECT json FROM generations WHERE generation < ? ORDER BY generation DESC LIMIT ?",
        &[records::before(before), (PAGE as u64 + 1).into()],
    )?;
    let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(records::page(items, PAGE, |line| {
        line.generation.to_string()
    }))
}

/// Forgets one.
///
/// # Errors
/// When the database fails.
pub fn remove<D: Db>(db: &D, generation: u64) -> Result<(), StorageError> {
    db.run(
        "DELETE FROM generations WHERE generation = ?",
        &[generation.into()],
    )
    .map(drop)
}

fn read(row: &Row) -> Result<Snapshot, StorageError> {
    serde_json::from_str(&row.text(0)?).map_err(|error| StorageError(error.to_string()))
}
