//! The governance policy of one gateway: document, strict reading, difference.
//!
//! The first slice of the model: operators and access, the tool baseline, and
//! the daily token budget. A document is a value; nothing here applies it.

pub mod catalog;
mod closures;
pub mod compile;
pub mod coverage;
mod diff;
mod document;
mod effects;
mod exceptions;
mod expectations;
pub mod explain;
mod findings;
mod layers;
mod overlap;
mod parse;
mod presets;
#[cfg(test)]
mod properties;
mod rules;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod schema;
pub mod tools;
mod validate;
mod value;

pub use compile::{
    CompileContext, ModelSpec, OpenaiApi, VersionSkew, check_version, compile, compile_at,
    exec_approvals,
};
pub use diff::{Change, ChangeKind, Direction, diff};
pub use document::{
    Access, AgentBudget, AgentTools, ApprovalTarget, Approvals, Arguments, BrowserLimits, Budgets,
    ChangeRule, ChannelTools, CronLimits, Exception, Exec, ExecMode, Expectation, Expected,
    FsScope, GitService, GroupEntry, Heartbeat, LayerTools, McpServer, OnTimeout, OperatorEntry,
    Persistence, Policy, Promotion, SCHEMA, SandboxMode, SelfModification, ServiceEntry, SkillPack,
    Snapshots, Subagents, ToolPolicy, ToolProfile, UnpricedModels, WorkspaceRepository,
    WorkspaceRule,
};
pub use effects::{Effect, effects};
pub use exceptions::{Loosening, in_force, loosenings, next_change};
pub use expectations::{TestOutcome, run_tests, save_faults};
pub use findings::warnings;
pub use layers::{AgentView, Layer, Sourced, agent_view};
pub use parse::{MAX_BYTES, parse, parse_value, strict_value};
pub use presets::{PRESETS, Preset};
pub use value::{
    AgentId, ChannelId, CommitId, EmailAddress, HostPattern, IsoDuration, ModelPattern, TimeZone,
    is_repository,
};

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
