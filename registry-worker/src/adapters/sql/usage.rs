//! What gateways used, in the database: a row for each day and gateway.

use async_trait::async_trait;
use domain::id::{GatewayId, GatewayName};
use domain::wire::registry::{FleetUsage, HourUsage};
use domain::wire::usage::UsageTotals;
use serde::Deserialize;

use super::{Database, SqlStore, Statement, Value, rows};
use crate::ports::{PortError, UsageQuery, UsageStore};

const ADD: &str = "INSERT INTO usage_days (day, gateway_id, through_hour, calls, input_tokens, \
        cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, \
        cost_micro_usd, unpriced_calls) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
    ON CONFLICT (day, gateway_id) DO UPDATE SET \
        through_hour = excluded.through_hour, \
        calls = calls + excluded.calls, \
        input_tokens = input_tokens + excluded.input_tokens, \
        cached_input_tokens = cached_input_tokens + excluded.cached_input_tokens, \
        cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens, \
        output_tokens = output_tokens + excluded.output_tokens, \
        reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens, \
        cost_micro_usd = cost_micro_usd + excluded.cost_micro_usd, \
        unpriced_calls = unpriced_calls + excluded.unpriced_calls \
    WHERE excluded.through_hour > usage_days.through_hour";

/// The sums of a query with its columns in front and its groups at the end.
macro_rules! report {
    ($columns:literal, $groups:literal) => {
        concat!(
            "SELECT ",
            $columns,
            ", SUM(calls) AS calls, SUM(input_tokens) AS input_tokens, \
             SUM(cached_input_tokens) AS cached_input_tokens, \
             SUM(cache_write_tokens) AS cache_write_tokens, \
             SUM(output_tokens) AS output_tokens, SUM(reasoning_tokens) AS reasoning_tokens, \
             SUM(cost_micro_usd) AS cost_micro_usd, SUM(unpriced_calls) AS unpriced_calls \
             FROM usage_days LEFT JOIN gateways ON gateways.id = usage_days.gateway_id \
             WHERE day >= ?1 AND day <= ?2 AND (?3 IS NULL OR gateway_id = ?3) \
             GROUP BY ",
            $groups,
            " ORDER BY ",
            $groups,
            " LIMIT ?4"
        )
    };
}

const BY_DAY: &str = report!("day", "day");
const BY_GATEWAY: &str = report!("gateway_id, name AS gateway", "name, gateway_id");
const BY_DAY_AND_GATEWAY: &str =
    report!("day, gateway_id, name AS gateway", "day, name, gateway_id");

#[derive(Deserialize)]
struct Row {
    day: Option<String>,
    gateway_id: Option<GatewayId>,
    gateway: Option<GatewayName>,
    #[serde(flatten)]
    totals: UsageTotals,
}

fn add(id: &GatewayId, hour: &HourUsage) -> Statement {
    let count = |count: u64| Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    let mut parameters: Vec<Value> = vec![
        hour.day().into(),
        id.as_str().into(),
        hour.hour.as_str().into(),
    ];
    parameters.extend(hour.totals.counts().map(count));
    Statement::new(ADD, parameters)
}

#[async_trait(?Send)]
impl<D: Database> UsageStore for SqlStore<D> {
    async fn add(&self, id: &GatewayId, hours: &[HourUsage]) -> Result<(), PortError> {
        let statements = hours.iter().map(|hour| add(id, hour)).collect();
        self.0.write(statements).await.map(drop)
    }

    async fn report(&self, query: &UsageQuery) -> Result<Vec<FleetUsage>, PortError> {
        let sql = match (query.by_day, query.by_gateway) {
            (true, false) => BY_DAY,
            (false, true) => BY_GATEWAY,
            (true, true) | (false, false) => BY_DAY_AND_GATEWAY,
        };
        let parameters = vec![
            query.from.as_str().into(),
            query.to.as_str().into(),
            query.gateway.as_ref().map(GatewayId::as_str).into(),
            query.limit.into(),
        ];
        let found: Vec<Row> = rows(self.0.query(Statement::new(sql, parameters)).await?)?;
        let usage = |row: Row| FleetUsage {
            day: row.day,
            gateway_id: row.gateway_id,
            gateway: row.gateway,
            totals: row.totals,
        };
        Ok(found.into_iter().map(usage).collect())
    }
}
