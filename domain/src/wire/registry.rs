//! The central index, under `/api/v1`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::gateway::{BudgetStatus, ModelInfo, Pointers, PolicyStatus, SandboxStatus};
use super::usage::UsageTotals;
use crate::id::{GatewayId, GatewayName};

/// Path prefix of the registry's API.
pub const API_PREFIX: &str = "/api/v1";

/// `GET me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// E-mail address of the operator.
    pub email: String,
    /// Where to sign out.
    pub sign_out_url: String,
    /// Version of the registry Worker.
    pub tedix_version: String,
}

/// Body of `POST join-tokens`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateJoinToken {
    /// Name that the gateway must enrol under; none lets it choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<GatewayName>,
    /// Seconds it is valid, 30 to 3600; 300 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u32>,
}

/// Answer of `POST join-tokens`: the only time the token is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinToken {
    /// The token, `tjt_` and 43 characters of base64url.
    pub token: String,
    /// When it stops working.
    pub expires_at: DateTime<Utc>,
}

/// Body of `POST enroll`, from a gateway Worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enroll {
    /// One-use token.
    pub join_token: String,
    /// What the gateway is called; unique in the registry.
    pub name: GatewayName,
    /// Its public origin, such as `https://company.example.com`.
    pub url: String,
    /// Version of the gateway Worker.
    pub tedix_version: String,
}

/// Answer of `POST enroll`: the only time the credential is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// The gateway's id, and the audience of the tokens minted for it.
    pub gateway_id: GatewayId,
    /// Bearer credential for heartbeats, `tgc_` and 43 characters of base64url.
    pub credential: String,
    /// Seconds between heartbeats.
    pub heartbeat_interval_seconds: u32,
    /// `iss` of the tokens that the registry mints.
    pub issuer: String,
    /// Keys to pin: the registry's JWK set.
    pub jwks: crate::access::Jwks,
}

/// Body of `POST gateways/ID/heartbeat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Identifies the run of the gateway's Durable Object that sends; random.
    pub boot_id: String,
    /// Counts up by one within a `boot_id`.
    pub sequence: u64,
    /// When it was sent, by the gateway's clock.
    pub sent_at: DateTime<Utc>,
    /// Version of the gateway Worker.
    pub tedix_version: String,
    /// Version that OpenClaw reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openclaw_version: Option<String>,
    /// The container.
    pub sandbox: SandboxStatus,
    /// The policy and how far it has come.
    pub policy: PolicyStatus,
    /// The daily budget.
    pub budget: BudgetStatus,
    /// Models that OpenClaw may call.
    #[serde(default)]
    pub models: Vec<ModelInfo>,
    /// Where its state lies.
    #[serde(default)]
    pub pointers: Pointers,
    /// Newest entry of its audit chain: a later one never lies behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_head: Option<crate::audit::Head>,
    /// Hours that are over and that the registry has not taken yet, oldest first; only
    /// for a registry whose last [`HeartbeatAck`] says that it takes any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usage: Vec<HourUsage>,
}

/// What a gateway used in an hour that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HourUsage {
    /// The hour in UTC, `YYYY-MM-DDTHH`.
    pub hour: String,
    /// Sums over its calls.
    pub totals: UsageTotals,
}

impl HourUsage {
    /// The day that it belongs to, in UTC, `YYYY-MM-DD`.
    #[must_use]
    pub fn day(&self) -> &str {
        self.hour.split('T').next().unwrap_or_default()
    }
}

/// One line of `GET usage`: the fields that were grouped by, and sums.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetUsage {
    /// Day in UTC, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// Id of the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_id: Option<GatewayId>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayName>,
    /// The sums.
    #[serde(flatten)]
    pub totals: UsageTotals,
}

/// Answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatAck {
    /// Seconds until the next one is due.
    pub interval_seconds: u32,
    /// Most hours of usage that are taken with one heartbeat; none by a registry that
    /// does not say so.
    #[serde(default)]
    pub usage_hours: u32,
    /// The newest hour that came with this heartbeat and is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_through: Option<String>,
}

/// How a gateway is doing, computed when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetStatus {
    /// Enrolled, no heartbeat yet.
    Never,
    /// Heartbeats arrive and OpenClaw answers.
    Online,
    /// Heartbeats arrive; the container is starting.
    Starting,
    /// Heartbeats arrive; the container is stopped on purpose.
    Stopped,
    /// Heartbeats arrive; nobody needed the container, and whoever does wakes it.
    Asleep,
    /// Heartbeats arrive; the container keeps failing or a policy was refused.
    Degraded,
    /// No heartbeat for longer than the grace.
    Offline,
    /// The registry itself was away and has not heard of the gateway since: too early to say.
    Unknown,
}

/// A gateway's audit moved back, or is another one than before: somebody has rewritten its
/// records, or put an older copy of them in their place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditAlarm {
    /// When the registry noticed.
    pub at: DateTime<Utc>,
    /// The newest entry that the gateway had reported.
    pub known: crate::audit::Head,
    /// The one that it reported then.
    pub said: crate::audit::Head,
}

/// One line of `GET gateways`, and `GET gateways/ID`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewaySummary {
    /// Its id.
    pub id: GatewayId,
    /// What its operators call it.
    pub name: GatewayName,
    /// Its public origin.
    pub url: String,
    /// How it is doing now.
    pub status: FleetStatus,
    /// Why it is not online, in a person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it enrolled.
    pub enrolled_at: DateTime<Utc>,
    /// When the registry last heard of it, by the registry's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<DateTime<Utc>>,
    /// What it last said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Heartbeat>,
    /// The first time that its audit moved back; stays until it is enrolled anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_alarm: Option<AuditAlarm>,
}

/// Answer of `POST gateways/ID/token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayToken {
    /// Compact JWS for `Authorization: Bearer` at the gateway.
    pub token: String,
    /// When it stops working: 5 minutes after it was minted.
    pub expires_at: DateTime<Utc>,
    /// Origin of the gateway.
    pub url: String,
}
