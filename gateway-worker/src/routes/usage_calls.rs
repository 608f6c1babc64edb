//! `GET usage/calls`: single model calls of the last days, newest first.

use domain::access::Role;
use domain::csv;
use domain::metering::Usage;
use domain::problem::Problem;
use domain::wire::usage::CallRow;

use super::ApiRequest;
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};
use crate::sandbox::store::calls;

/// Columns of the CSV form.
const COLUMNS: &[&str] = &[
    "id",
    "at",
    "agent",
    "session",
    "model",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "estimated",
    "cost_micro_usd",
    "first_byte_ms",
    "total_ms",
    "outcome",
];

/// Reads the cursor.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    Ok(Operation::Calls {
        before: request.before()?,
        csv: request.wants_csv(),
    })
}

/// A page, for viewers and above.
pub(super) fn run<D: Db>(
    core: &Core<D>,
    who: &Principal,
    before: Option<u64>,
    as_csv: bool,
) -> Outcome {
    who.require(Role::Viewer)?;
    let page = calls::page(core.db(), before)?;
    if as_csv {
        return Ok(Reply::csv(csv::document(
            COLUMNS,
            page.items.into_iter().map(cells),
        )));
    }
    Reply::ok(&page)
}

fn cells(row: CallRow) -> Vec<String> {
    let Usage {
        input_tokens,
        output_tokens,
        cached_input_tokens,
        cache_write_tokens,
        reasoning_tokens,
    } = row.usage;
    let optional = |count: Option<u64>| count.map(|count| count.to_string()).unwrap_or_default();
    let outcome = serde_json::to_value(row.outcome).unwrap_or_default();
    vec![
        row.id,
        row.at.to_rfc3339(),
        row.agent.unwrap_or_default(),
        row.session.unwrap_or_default(),
        row.model,
        input_tokens.to_string(),
        cached_input_tokens.to_string(),
        cache_write_tokens.to_string(),
        output_tokens.to_string(),
        reasoning_tokens.to_string(),
        row.estimated.to_string(),
        optional(row.cost_micro_usd),
        optional(row.first_byte_ms),
        row.total_ms.to_string(),
        outcome.as_str().unwrap_or_default().to_owned(),
    ]
}
