//! SQLite in memory, as D1 is.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rusqlite::types::{Value as SqlValue, ValueRef};
use rusqlite::{Connection, params_from_iter};
use serde_json::{Value as Json, json};

use crate::adapters::sql::{Database, Statement, Value, failure};
use crate::ports::PortError;

/// SQLite in memory, shared by the stores.
#[derive(Clone)]
pub(super) struct Sqlite(Arc<Mutex<Connection>>);

const MIGRATIONS: [&str; 5] = [
    include_str!("../../../migrations/0001_create_gateways.sql"),
    include_str!("../../../migrations/0002_create_join_tokens.sql"),
    include_str!("../../../migrations/0003_create_audit.sql"),
    include_str!("../../../migrations/0004_create_usage_days.sql"),
    include_str!("../../../migrations/0005_add_audit_alarm.sql"),
];

impl Sqlite {
    /// A new database after all migrations.
    pub(super) fn migrated() -> Self {
        let connection = Connection::open_in_memory().expect("SQLite");
        for migration in MIGRATIONS {
            connection.execute_batch(migration).expect("migration");
        }
        Self(Arc::new(Mutex::new(connection)))
    }

    pub(super) fn count(&self, sql: &str) -> i64 {
        let connection = self.0.lock().expect("SQLite");
        connection
            .query_row(sql, [], |row| row.get(0))
            .expect("count")
    }

    pub(super) fn dump(&self) -> String {
        let connection = self.0.lock().expect("SQLite");
        ["gateways", "join_tokens", "audit", "usage_days"]
            .iter()
            .map(|table| {
                let sql = format!("SELECT * FROM {table}");
                format!("{:?}", select(&connection, &sql, Vec::new()).expect("rows"))
            })
            .collect()
    }
}

#[async_trait(?Send)]
impl Database for Sqlite {
    async fn query(&self, statement: Statement) -> Result<Vec<Json>, PortError> {
        let connection = self.0.lock().expect("SQLite");
        select(&connection, statement.sql, statement.parameters).map_err(|e| failure(e.to_string()))
    }

    async fn write(&self, statements: Vec<Statement>) -> Result<Vec<u64>, PortError> {
        let mut connection = self.0.lock().expect("SQLite");
        let run = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            let mut changed = Vec::new();
            for statement in statements {
                let parameters = params_from_iter(statement.parameters.into_iter().map(sql_value));
                changed.push(transaction.execute(statement.sql, parameters)? as u64);
            }
            transaction.commit()?;
            Ok::<_, rusqlite::Error>(changed)
        };
        run(&mut connection).map_err(|e| failure(e.to_string()))
    }
}

fn select(
    connection: &Connection,
    sql: &str,
    parameters: Vec<Value>,
) -> rusqlite::Result<Vec<Json>> {
    let mut statement = connection.prepare(sql)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let rows = statement.query_map(
        params_from_iter(parameters.into_iter().map(sql_value)),
        |row| {
            let cell = |(index, name): (usize, &String)| {
                let value = match row.get_ref(index)? {
                    ValueRef::Null => Json::Null,
                    ValueRef::Integer(integer) => json!(integer),
                    ValueRef::Real(real) => json!(real),
                    ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
                    ValueRef::Blob(_) => json!("blob"),
                };
                Ok((name.clone(), value))
            };
            names
                .iter()
                .enumerate()
                .map(cell)
                .collect::<rusqlite::Result<_>>()
                .map(Json::Object)
        },
    )?;
    rows.collect()
}

/// As D1 does, which only knows JavaScript's numbers.
fn sql_value(value: Value) -> SqlValue {
    match value {
        Value::Null => SqlValue::Null,
        Value::Integer(integer) => SqlValue::Real(integer as f64),
        Value::Text(text) => SqlValue::Text(text),
    }
}
