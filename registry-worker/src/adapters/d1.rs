//! D1 as a database of [`super::sql`].

use async_trait::async_trait;
use serde_json::Value as Json;
use wasm_bindgen::JsValue;
use worker::{D1Database, D1PreparedStatement, Env};

use super::sql::{Database, SqlStore, Statement, Value, failure};
use crate::ports::PortError;

/// Name of the binding.
const BINDING: &str = "DB";

/// A D1 database.
#[derive(Debug)]
pub(crate) struct D1(D1Database);

/// The stores on D1.
pub(crate) fn store(env: &Env) -> Result<SqlStore<D1>, worker::Error> {
    env.d1(BINDING).map(D1).map(SqlStore)
}

impl D1 {
    fn prepare(&self, statement: Statement) -> Result<D1PreparedStatement, PortError> {
        let parameters: Vec<JsValue> = statement.parameters.into_iter().map(js).collect();
        self.0
            .prepare(statement.sql)
            .bind(&parameters)
            .map_err(|error| fault(&error))
    }
}

#[async_trait(?Send)]
impl Database for D1 {
    async fn query(&self, statement: Statement) -> Result<Vec<Json>, PortError> {
        let found = self
            .prepare(statement)?
            .all()
            .await
            .map_err(|error| fault(&error))?;
        found.results().map_err(|error| fault(&error))
    }

    async fn write(&self, statements: Vec<Statement>) -> Result<Vec<u64>, PortError> {
        let statements: Result<Vec<_>, _> = statements
            .into_iter()
            .map(|statement| self.prepare(statement))
            .collect();
        let results = self
            .0
            .batch(statements?)
            .await
            .map_err(|error| fault(&error))?;
        let changes = |result: &worker::D1Result| {
            let meta = result.meta().map_err(|error| fault(&error))?;
            let changes = meta.and_then(|meta| meta.changes).unwrap_or_default();
            Ok(u64::try_from(changes).unwrap_or(u64::MAX))
        };
        results.iter().map(changes).collect()
    }
}

fn js(value: Value) -> JsValue {
    match value {
        Value::Null => JsValue::NULL,
        // INVARIANT: integers here are times in milliseconds, positions and limits, all
        // far below 2^53, which a JavaScript number holds exactly.
        Value::Integer(integer) => JsValue::from_f64(integer as f64),
        Value::Text(text) => JsValue::from_str(&text),
    }
}

fn fault(error: &worker::Error) -> PortError {
    // D1 puts SQLite's words into the cause of its error.
    let cause = match error {
        worker::Error::D1(error) => error.cause(),
        _ => String::new(),
    };
    failure(format!("D1: {error} {cause}").trim_end().to_owned())
}
