//! The governance policy of one gateway: document, strict reading, difference.
//!
//! The first slice of the model: operators and access, the tool baseline, and
//! the daily token budget. A document is a value; nothing here applies it.

pub mod compile;
mod diff;
mod document;
mod parse;
pub mod tools;
mod validate;
mod value;

pub use compile::{CompileContext, ModelSpec, compile};
pub use diff::{Change, ChangeKind, Direction, diff};
pub use document::{
    Access, AgentBudget, BrowserLimits, Budgets, CronLimits, EmailAddress, Heartbeat,
    OperatorEntry, Policy, SCHEMA, ToolPolicy, ToolProfile, UnpricedModels,
};
pub use parse::{MAX_BYTES, parse, parse_value, strict_value};
pub use value::{AgentId, ChannelId, IsoDuration, ModelPattern, TimeZone};

use sha2::{Digest, Sha256};

/// SHA-256 over canonical JSON (object keys sorted, no white space), in lower-case hex.
///
/// The same for a policy document and for the configuration compiled from it.
#[must_use]
pub fn canonical_hash(value: &serde_json::Value) -> String {
    hex(&Sha256::digest(value.to_string().as_bytes()))
}

/// Hash of a document: [`canonical_hash`] of its JSON form.
#[must_use]
pub fn hash(policy: &Policy) -> String {
    // INVARIANT: a Policy has string keys only, so it always has a JSON form.
    canonical_hash(&serde_json::to_value(policy).unwrap_or_default())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
