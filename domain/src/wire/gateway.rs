//! The governance API of one gateway, under `/_gateway/v1`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{GatewayId, GatewayName};
use crate::problem::FieldError;

/// Path prefix of the governance API.
pub const API_PREFIX: &str = "/_gateway/v1";
/// Public health probe; it never starts the container.
pub const HEALTH_PATH: &str = "/_gateway/healthz";

/// Where the container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxPhase {
    /// Not running and nobody asked for it.
    Stopped,
    /// Started, OpenClaw not ready yet; see [`StartStep`].
    Starting,
    /// OpenClaw answers.
    Ready,
    /// Asked to stop; SIGTERM sent.
    Stopping,
    /// It ended by itself; the next start waits until `retry_at`.
    BackingOff,
    /// It failed too often in a row; an operator has to start it.
    Failed,
    /// Nobody needed it for as long as the policy says. A request or a scheduled job wakes
    /// it; `retry_at` says when the next job does.
    Asleep,
}

/// What a starting container is doing, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartStep {
    /// The platform is starting the container.
    Container,
    /// tedix-init is fetching and validating the configuration.
    Configuring,
    /// OpenClaw has been started and does not answer yet.
    Openclaw,
    /// OpenClaw answers; its applied configuration is being confirmed.
    Confirming,
}

/// `GET /_gateway/healthz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Where the container is in its life.
    pub phase: SandboxPhase,
    /// Whether OpenClaw takes requests now.
    pub ready: bool,
    /// What it is doing, while it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StartStep>,
}

/// The container as the gateway Worker sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxStatus {
    /// Where it is in its life.
    pub phase: SandboxPhase,
    /// What it is doing, while it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StartStep>,
    /// When this phase began.
    pub since: DateTime<Utc>,
    /// How often it was started again after it ended by itself, since it was last stopped.
    pub restarts: u32,
    /// How it last ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_exit: Option<ExitInfo>,
    /// When the next start is due, while backing off or asleep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<DateTime<Utc>>,
}

/// How the container, or OpenClaw in it, ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitInfo {
    /// When.
    pub at: DateTime<Utc>,
    /// Exit code, 128 + signal for a signal; none when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// What to tell a person.
    pub reason: String,
}

/// How far a policy version has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplyState {
    /// Saved; the container is not running, or has not fetched it yet.
    Pending,
    /// Fetched by tedix-init; OpenClaw has not confirmed it.
    Applying,
    /// OpenClaw itself reports it as valid and applied.
    Applied,
    /// OpenClaw refused it; `detail` says why. The one before stays in force.
    Failed,
}

/// The three hashes of a policy: what is wanted, what was fetched, what is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyStatus {
    /// Newest saved version.
    pub version: u64,
    /// Hash of the configuration compiled from it.
    pub desired_hash: String,
    /// Hash that tedix-init last fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_hash: Option<String>,
    /// Hash that OpenClaw last confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_hash: Option<String>,
    /// Version that OpenClaw last confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_version: Option<u64>,
    /// How far the newest version has come.
    pub state: ApplyState,
    /// Why it failed, or what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When OpenClaw last confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<DateTime<Utc>>,
}

/// Tokens used today against the daily limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetStatus {
    /// Tokens that may be used a day; none means no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
    /// Tokens used since the day began, input and output together.
    pub tokens_used: u64,
    /// When the count starts again.
    pub resets_at: DateTime<Utc>,
    /// Time zone whose midnight begins a day; absent from gateways that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Whether, and by whom, all model calls are stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<super::usage::Stop>,
}

/// A model that OpenClaw may call through `models.internal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Provider as in OpenClaw's configuration: `openai` or `anthropic`.
    pub provider: String,
    /// Model id as the provider spells it.
    pub id: String,
    /// Whether a local stand-in answers instead of a real provider.
    pub stand_in: bool,
}

/// Where the newest snapshot lies in R2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct R2Pointer {
    /// Object key of the manifest.
    pub key: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Size of the state that it stands for, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_bytes: Option<u64>,
    /// When a container last read it back and found it right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<DateTime<Utc>>,
}

/// A repository that the gateway takes skills or a workspace from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitPointer {
    /// Repository URL, without credentials.
    pub repository: String,
    /// Commit in use, in lower-case hex.
    pub commit: String,
    /// Newest commit of the branch that people look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<String>,
    /// `packs/` and the name of a skill pack, or `workspace`; absent from older gateways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The commit that the policy says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<String>,
    /// What was proposed to the repository last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed: Option<super::git::Proposed>,
}

/// Where the gateway's durable state lies; empty until it has any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointers {
    /// Newest snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r2: Option<R2Pointer>,
    /// Repositories in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub git: Vec<GitPointer>,
}

/// `GET status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayStatus {
    /// What its operators call it.
    pub name: GatewayName,
    /// Its id in the registry, once enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_id: Option<GatewayId>,
    /// Version of the gateway Worker.
    pub tedix_version: String,
    /// Version that OpenClaw reports; none before it first answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openclaw_version: Option<String>,
    /// The container.
    pub sandbox: SandboxStatus,
    /// The policy and how far it has come.
    pub policy: PolicyStatus,
    /// The daily budget.
    pub budget: BudgetStatus,
    /// Models that OpenClaw may call.
    pub models: Vec<ModelInfo>,
    /// Where its state lies.
    pub pointers: Pointers,
    /// Where its state stands.
    #[serde(default)]
    pub state: super::snapshots::StateStatus,
    /// Which version OpenClaw runs in, and what is being changed about that; absent from
    /// older gateways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openclaw: Option<super::openclaw_version::OpenclawStatus>,
    /// Who is asking, and as what.
    pub viewer: Viewer,
}

/// Who is asking, as the gateway's policy sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// E-mail address, or the name of a service token.
    pub subject: String,
    /// What the policy lets them do.
    pub role: crate::access::Role,
}

/// `GET policy`, and what a successful `PUT` answers. The ETag is `"v<version>"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyEnvelope {
    /// Version, counted from 1.
    pub version: u64,
    /// SHA-256 of the canonical document, in lower-case hex.
    pub hash: String,
    /// Who saved it.
    pub author: String,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// The document.
    pub document: crate::policy::Policy,
}

/// Body of `PUT policy`; If-Match names the version it was edited from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutPolicy {
    /// The whole document, read strictly by [`crate::policy::parse`].
    pub document: Value,
    /// Why, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why it is to be saved though it breaks its own `tests`, 1 to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<String>,
}

/// Body of `POST policy/explain`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainPolicy {
    /// Questions, 1 to 500.
    pub questions: Vec<crate::policy::explain::Question>,
    /// The document to ask; the newest version when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Value>,
}

/// Answer of `POST policy/explain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Version that was asked; none for a document of the request's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Answers in the order of the questions.
    pub answers: Vec<crate::policy::explain::Answer>,
}

/// `GET policy/coverage`: what enforces each clause of the newest version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Version it is about.
    pub version: u64,
    /// The clauses that it states, in its order.
    pub clauses: Vec<crate::policy::coverage::Covered>,
}

/// Body of `POST proposals/ID/{approve,reject}`, which may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecideProposal {
    /// Why, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Body of `POST policy/diff` and `POST policy/validate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CandidatePolicy {
    /// The whole document.
    pub document: Value,
}

/// Answer of `POST policy/diff`: what would change against the newest version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyDiff {
    /// Version compared with.
    pub base_version: u64,
    /// Changes in the order of the document; empty when nothing would change.
    pub changes: Vec<crate::policy::Change>,
}

/// Answer of `POST policy/validate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// Whether it could be saved.
    pub valid: bool,
    /// What is wrong.
    pub errors: Vec<FieldError>,
}

/// One line of `GET policy/versions`, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// Version, counted from 1.
    pub version: u64,
    /// SHA-256 of the canonical document.
    pub hash: String,
    /// Who saved it.
    pub author: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Why OpenClaw could not run with it, when it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// `GET policy/versions/N`: as it was saved, even if it could not be saved today.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredPolicy {
    /// Version, author, time and note.
    #[serde(flatten)]
    pub version: PolicyVersion,
    /// The document.
    pub document: Value,
}

/// Body of `POST policy/versions/N/restore`, which may be empty; If-Match names the
/// newest version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestorePolicy {
    /// Why, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// `GET policy/effective`: what OpenClaw itself reports, not what was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectivePolicy {
    /// Policy version the report belongs to; none when it matches no known version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// When OpenClaw was asked.
    pub observed_at: DateTime<Utc>,
    /// OpenClaw's `config.get.valid`.
    pub valid: bool,
    /// Whether OpenClaw's applied hash is that of its file.
    pub applied: bool,
    /// The governed part of its runtime configuration (`tools`, `agents`, `models`), secrets redacted.
    pub config: Value,
}

/// A list with no more than a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Cursor of the next page; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One line of `GET audit`, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Position, counted from 1.
    pub seq: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who: an e-mail address, `tedix-init`, or `gateway`.
    pub actor: String,
    /// What, as `noun.verb`: `policy.saved`, `sandbox.started`, `sandbox.exited` …
    pub action: String,
    /// In a person's words.
    pub detail: String,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<crate::audit::Origin>,
    /// Hash of what it changed, before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_hash: Option<String>,
    /// Hash of what it changed, afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_hash: Option<String>,
    /// Hash of the entry before this one; none in entries older than the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// Hash of this entry, see [`crate::audit::hash`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// One line of `GET usage`: a day and model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRow {
    /// Day in the time zone that the policy had, `YYYY-MM-DD`.
    pub day: String,
    /// Provider.
    pub provider: String,
    /// Model id.
    pub model: String,
    /// Calls that reached the provider.
    pub calls: u64,
    /// Input tokens, cached ones included.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
}

/// Body of `POST enrolment`: join a registry. Admins only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinRegistry {
    /// Origin of the registry, such as `https://registry.example.com`.
    pub registry_url: String,
    /// One-use token from `POST /api/v1/join-tokens`.
    pub join_token: String,
}

/// Answer of `GET` and `POST enrolment`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The gateway's id in the registry.
    pub gateway_id: GatewayId,
    /// Origin of the registry.
    pub registry_url: String,
    /// When it joined.
    pub enrolled_at: DateTime<Utc>,
    /// When the registry last took a heartbeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_accepted_at: Option<DateTime<Utc>>,
    /// Why the last heartbeat was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}
