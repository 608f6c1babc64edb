//! What the rules need from the world, as traits; [`crate::adapters`] provide it.

pub mod lender;
pub mod objects;

use serde_json::Value;

/// A value in the ledger's database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqlValue {
    /// Nothing.
    Null,
    /// A whole number; the platform carries 53 bits of it.
    Int(i64),
    /// Text.
    Text(String),
}

/// One row of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(pub Vec<SqlValue>);

/// The database failed or holds what it should not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("storage: {0}")]
pub struct StorageError(pub String);

/// The Durable Object's own SQLite database.
///
/// Calls are synchronous: statements without an await between them are one step
/// that no other request sees half of.
pub trait Db {
    /// Runs one statement and returns its rows.
    ///
    /// # Errors
    /// When SQLite refuses it.
    fn run(&self, sql: &str, values: &[SqlValue]) -> Result<Vec<Row>, StorageError>;
}

/// An answer of another server.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body, when it is JSON.
    pub body: Value,
}

/// Calls to the registry.
pub trait RegistryHttp {
    /// Posts JSON. Redirects are not followed.
    ///
    /// # Errors
    /// When there is no answer, in a person's words.
    fn post(
        &self,
        url: &str,
        bearer: Option<&str>,
        body: &Value,
    ) -> impl Future<Output = Result<Answer, String>>;
}

/// A request to the API of a Git host.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// HTTP method.
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// JSON, where there is a body.
    pub body: Option<Value>,
}

/// Calls to the API of one Git host, with its token.
pub trait GitApi {
    /// Asks. Redirects are not followed.
    ///
    /// # Errors
    /// When there is no answer, in a person's words.
    fn call(&self, ask: Ask) -> impl Future<Output = Result<Answer, String>>;
}

impl Row {
    /// A whole number that is never negative.
    ///
    /// # Errors
    /// When the column is absent or holds something else.
    pub fn count(&self, column: usize) -> Result<u64, StorageError> {
        match self.0.get(column) {
            Some(SqlValue::Int(value)) => u64::try_from(*value).map_err(|_| wrong(column)),
            _ => Err(wrong(column)),
        }
    }

    /// A whole number that is never negative, or nothing.
    ///
    /// # Errors
    /// When the column is absent or holds something else.
    pub fn optional_count(&self, column: usize) -> Result<Option<u64>, StorageError> {
        match self.0.get(column) {
            Some(SqlValue::Null) => Ok(None),
            _ => self.count(column).map(Some),
        }
    }

    /// Text.
    ///
    /// # Errors
    /// When the column is absent or holds something else.
    pub fn text(&self, column: usize) -> Result<String, StorageError> {
        match self.0.get(column) {
            Some(SqlValue::Text(value)) => Ok(value.clone()),
            _ => Err(wrong(column)),
        }
    }

    /// Text or nothing.
    ///
    /// # Errors
    /// When the column is absent or holds something else.
    pub fn optional_text(&self, column: usize) -> Result<Option<String>, StorageError> {
        match self.0.get(column) {
            Some(SqlValue::Null) => Ok(None),
            _ => self.text(column).map(Some),
        }
    }
}

impl From<u64> for SqlValue {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<i64> for SqlValue {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for SqlValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for SqlValue {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Option<&str>> for SqlValue {
    fn from(value: Option<&str>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}

impl From<StorageError> for domain::problem::Problem {
    fn from(_: StorageError) -> Self {
        // The adapter has logged what it was.
        Self::internal("The gateway could not read or write its own records; try again.")
    }
}

fn wrong(column: usize) -> StorageError {
    StorageError(format!("column {column} holds something unexpected"))
}
