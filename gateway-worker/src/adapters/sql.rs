//! The Durable Object's SQLite.

use worker::{SqlStorage, SqlStorageValue, console_error};

use crate::ports::{Db, Row, SqlValue, StorageError};

/// The Durable Object's SQLite.
#[derive(Debug, Clone)]
pub struct DurableSql(pub SqlStorage);

impl Db for DurableSql {
    fn run(&self, sql: &str, values: &[SqlValue]) -> Result<Vec<Row>, StorageError> {
        let values: Vec<SqlStorageValue> = values.iter().map(to_platform).collect();
        let fail = |error: worker::Error| {
            console_error!("storage: {error}");
            StorageError(error.to_string())
        };
        let cursor = self.0.exec(sql, values).map_err(fail)?;
        let mut rows = Vec::new();
        for row in cursor.raw() {
            let row = row.map_err(fail)?;
            let row = row
                .into_iter()
                .map(from_platform)
                .collect::<Result<_, _>>()?;
            rows.push(Row(row));
        }
        Ok(rows)
    }
}

fn to_platform(value: &SqlValue) -> SqlStorageValue {
    match value {
        SqlValue::Null => SqlStorageValue::Null,
        SqlValue::Int(value) => SqlStorageValue::Integer(*value),
        SqlValue::Text(value) => SqlStorageValue::String(value.clone()),
    }
}

fn from_platform(value: SqlStorageValue) -> Result<SqlValue, StorageError> {
    match value {
        SqlStorageValue::Null => Ok(SqlValue::Null),
        SqlStorageValue::Boolean(value) => Ok(SqlValue::Int(i64::from(value))),
        SqlStorageValue::Integer(value) => Ok(SqlValue::Int(value)),
        SqlStorageValue::String(value) => Ok(SqlValue::Text(value)),
        SqlStorageValue::Float(_) | SqlStorageValue::Blob(_) => Err(StorageError(
            "a column holds neither whole numbers nor text".to_owned(),
        )),
    }
}
