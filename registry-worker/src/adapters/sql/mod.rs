//! The stores, over any SQLite that runs statements.

mod audit;
mod gateways;
mod join_tokens;
mod usage;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::ports::PortError;

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// NULL.
    Null,
    /// An integer that a JSON number holds exactly.
    Integer(i64),
    /// Text.
    Text(String),
}

/// A statement with its parameters, `?1` first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The SQL. Static, so that nothing a caller sent can ever be part of it.
    pub(crate) sql: &'static str,
    /// The parameters.
    pub(crate) parameters: Vec<Value>,
}

/// A SQLite that runs statements.
#[async_trait(?Send)]
pub(crate) trait Database: Send + Sync {
    /// The rows of a query, each an object by column.
    async fn query(&self, statement: Statement) -> Result<Vec<Json>, PortError>;
    /// Runs statements in one transaction; how many rows each changed.
    async fn write(&self, statements: Vec<Statement>) -> Result<Vec<u64>, PortError>;
}

/// The stores on a database.
#[derive(Debug, Clone)]
pub(crate) struct SqlStore<D>(pub(crate) D);

impl Statement {
    fn new(sql: &'static str, parameters: Vec<Value>) -> Self {
        Self { sql, parameters }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Null, Self::from)
    }
}

impl From<DateTime<Utc>> for Value {
    fn from(time: DateTime<Utc>) -> Self {
        Self::Integer(time.timestamp_millis())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(i64::from(number))
    }
}

/// A failure of the database, told apart by SQLite's words for a broken UNIQUE.
pub(crate) fn failure(message: String) -> PortError {
    if message.contains("UNIQUE constraint failed") {
        PortError::Conflict
    } else {
        PortError::Failed(message)
    }
}

fn rows<T: DeserializeOwned>(rows: Vec<Json>) -> Result<Vec<T>, PortError> {
    let read = |row| serde_json::from_value(row).map_err(|e| unreadable(&e));
    rows.into_iter().map(read).collect()
}

fn first<T: DeserializeOwned>(found: Vec<Json>) -> Result<Option<T>, PortError> {
    Ok(rows(found)?.into_iter().next())
}

fn time(unix_ms: i64) -> Result<DateTime<Utc>, PortError> {
    DateTime::from_timestamp_millis(unix_ms).ok_or_else(|| {
        PortError::Failed(format!("a time in the database is out of range: {unix_ms}"))
    })
}

fn unreadable(error: &dyn std::fmt::Display) -> PortError {
    PortError::Failed(format!("a row in the database cannot be read: {error}"))
}
