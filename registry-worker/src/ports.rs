//! What the registry needs from the outside, as traits. Adapters implement them for
//! the Workers runtime, tests with SQLite and values of their own.

use std::collections::BTreeMap;

use async_trait::async_trait;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::access::{Identity, TokenError};
use domain::fleet::{Sighting, Vital, Watch};
use domain::id::{GatewayId, GatewayName};
use domain::wire::gateway::AuditEntry;
use domain::wire::registry::{AuditAlarm, FleetUsage, Heartbeat, HourUsage};
use serde::{Deserialize, Serialize};

use crate::enrolment::{Enrolment, TokenRecord};

/// Why something outside did not do its part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PortError {
    /// Somebody else changed the same thing first; nothing was written.
    #[error("somebody else changed it first")]
    Conflict,
    /// It failed. The text is for the log.
    #[error("{0}")]
    Failed(String),
}

/// A gateway as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GatewayRecord {
    /// Its id.
    pub(crate) id: GatewayId,
    /// What its operators call it.
    pub(crate) name: GatewayName,
    /// Its public origin.
    pub(crate) url: String,
    /// SHA-256 of its credential in hex.
    pub(crate) credential_hash: String,
    /// When it enrolled, last.
    pub(crate) enrolled_at: DateTime<Utc>,
    /// What it last said, as far as it was written down.
    pub(crate) last: Option<LastWritten>,
}

/// The newest heartbeat in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastWritten {
    /// When it arrived.
    pub(crate) seen_at: DateTime<Utc>,
    /// What it said.
    pub(crate) heartbeat: Heartbeat,
    /// The first time that its audit moved back.
    pub(crate) audit_alarm: Option<AuditAlarm>,
}

/// Something to remember about who did what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditNote {
    /// When.
    pub(crate) at: DateTime<Utc>,
    /// An e-mail address, or `gateway`.
    pub(crate) actor: String,
    /// `noun.verb`.
    pub(crate) action: &'static str,
    /// The gateway it is about.
    pub(crate) gateway_id: Option<GatewayId>,
    /// In a person's words.
    pub(crate) detail: String,
}

/// A join token to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewJoinToken {
    /// SHA-256 of the token in hex.
    pub(crate) hash: String,
    /// Name that it is bound to.
    pub(crate) name: Option<GatewayName>,
    /// Who asked for it.
    pub(crate) created_by: String,
    /// When.
    pub(crate) created_at: DateTime<Utc>,
    /// When it stops working.
    pub(crate) expires_at: DateTime<Utc>,
}

/// Which gateways a page holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GatewayQuery {
    /// Only names after this one.
    pub(crate) after: Option<GatewayName>,
    /// Only names that contain this text.
    pub(crate) name_contains: Option<String>,
    /// At most so many.
    pub(crate) limit: u32,
}

/// Gateways in the database. Forgotten ones are not found, except by [`Self::id_of_name`].
#[async_trait(?Send)]
pub(crate) trait GatewayStore: Send + Sync {
    /// The gateway of that id.
    async fn find(&self, id: &GatewayId) -> Result<Option<GatewayRecord>, PortError>;
    /// The gateway whose credential has that hash.
    async fn find_by_credential(&self, hash: &str) -> Result<Option<GatewayRecord>, PortError>;
    /// Who holds the name, or held it last; and whether it still does.
    async fn id_of_name(&self, name: &GatewayName) -> Result<Option<(GatewayId, bool)>, PortError>;
    /// Gateways by name.
    async fn page(&self, query: &GatewayQuery) -> Result<Vec<GatewayRecord>, PortError>;
    /// How many there are.
    async fn count(&self) -> Result<usize, PortError>;
    /// Uses the token up and writes the gateway and the note, or nothing at all.
    /// Whether it did; [`PortError::Conflict`] when the name was taken meanwhile.
    async fn enrol(&self, enrolment: &Enrolment, note: &AuditNote) -> Result<bool, PortError>;
    /// Writes down what was last heard. Whether the gateway still exists.
    async fn record(&self, id: &GatewayId, vital: &Vital) -> Result<bool, PortError>;
    /// Forgets a gateway: its credential stops working. Whether it was there.
    async fn forget(&self, id: &GatewayId, note: &AuditNote) -> Result<bool, PortError>;
}

/// Join tokens in the database.
#[async_trait(?Send)]
pub(crate) trait JoinTokenStore: Send + Sync {
    /// Keeps a token and the note, and drops those that expired long ago.
    async fn create(&self, token: &NewJoinToken, note: &AuditNote) -> Result<(), PortError>;
    /// The token of that hash.
    async fn find(&self, hash: &str) -> Result<Option<TokenRecord>, PortError>;
}

/// The audit in the database.
#[async_trait(?Send)]
pub(crate) trait AuditStore: Send + Sync {
    /// Entries before position `before`, newest first.
    async fn page(&self, before: Option<u64>, limit: u32) -> Result<Vec<AuditEntry>, PortError>;
}

/// Which usage a report holds. Days are written `YYYY-MM-DD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsageQuery {
    /// Only this gateway's.
    pub(crate) gateway: Option<GatewayId>,
    /// First day.
    pub(crate) from: String,
    /// Last day.
    pub(crate) to: String,
    /// A line for each day.
    pub(crate) by_day: bool,
    /// A line for each gateway.
    pub(crate) by_gateway: bool,
    /// At most so many lines.
    pub(crate) limit: u32,
}

/// What gateways used, in the database.
#[async_trait(?Send)]
pub(crate) trait UsageStore: Send + Sync {
    /// Adds hours, oldest first, to their days. Those that are not after the newest
    /// of their day were added before and add nothing.
    async fn add(&self, id: &GatewayId, hours: &[HourUsage]) -> Result<(), PortError>;
    /// Sums, grouped by day, gateway or both.
    async fn report(&self, query: &UsageQuery) -> Result<Vec<FleetUsage>, PortError>;
}

/// What became of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    /// Seconds until the next one is due.
    pub(crate) interval_seconds: u32,
    /// Whether it was a replay or overtaken, and changed nothing.
    pub(crate) stale: bool,
}

/// What the Pulse knows about some gateways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Readout {
    /// How long it has been listening.
    pub(crate) watch: Watch,
    /// What it last heard, of those gateways it has heard of.
    pub(crate) sightings: BTreeMap<GatewayId, Sighting>,
}

/// The newest heartbeats, in memory.
#[async_trait(?Send)]
pub(crate) trait PulseStore: Send + Sync {
    /// Takes a heartbeat that is authentic and valid.
    async fn absorb(&self, id: &GatewayId, heartbeat: Heartbeat) -> Result<Taken, PortError>;
    /// What is known of those gateways.
    async fn read(&self, ids: &[GatewayId]) -> Result<Readout, PortError>;
    /// Forgets what a gateway said.
    async fn forget(&self, id: &GatewayId) -> Result<(), PortError>;
}

/// Verifies Access tokens.
#[async_trait(?Send)]
pub(crate) trait Verifier: Send + Sync {
    /// Who a genuine token names.
    async fn verify(&self, token: &str) -> Result<(Identity, Vec<String>), TokenError>;
}

/// The time.
pub(crate) trait Clock: Send + Sync {
    /// Now, in milliseconds.
    fn now(&self) -> DateTime<Utc>;
}

/// Cryptographic randomness.
pub(crate) trait Random: Send + Sync {
    /// 32 random bytes: the entropy of a credential.
    fn bytes_32(&self) -> Result<[u8; 32], PortError>;
    /// 10 random bytes: the random part of an id.
    fn bytes_10(&self) -> Result<[u8; 10], PortError>;
}

/// The admin app's files.
#[async_trait(?Send)]
pub(crate) trait Assets: Send + Sync {
    /// The file at an absolute path, or a 404 or 304 of the platform's; of `headers`,
    /// those that make a request conditional count.
    async fn get(&self, path: &str, headers: &HeaderMap) -> Result<Response, PortError>;
}
