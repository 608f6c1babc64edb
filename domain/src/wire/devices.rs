//! What the governance API says about devices, under `/_gateway/v1/devices`, and what
//! tedix-init reports of them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Most devices, and most requests, in one report.
pub const MAX_DEVICES: usize = 200;
/// Longest text of a device's that is kept, in characters.
pub const MAX_TEXT: usize = 200;

/// What a device says about itself. Nobody has checked the words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceFacts {
    /// Its id: a hash of its public key.
    pub device_id: String,
    /// What it, or an operator, calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Operating system or the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Where it came from, as the gateway Worker told OpenClaw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Roles that it has, or asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// OpenClaw's scopes that it has, or asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// A device that asks to be paired, or for more than it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairingRequest {
    /// Its id; a request for something else has another one.
    pub request_id: String,
    /// Which device, and what it asks for.
    #[serde(flatten)]
    pub device: DeviceFacts,
    /// When it asked.
    pub requested_at: DateTime<Utc>,
    /// What it asks for that no device may hold: it cannot be approved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excess: Vec<String>,
}

/// A device that was paired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairedDevice {
    /// Which device, and what it may.
    #[serde(flatten)]
    pub device: DeviceFacts,
    /// How that was granted, in OpenClaw's words: `owner`, `trusted-proxy` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_via: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<DateTime<Utc>>,
    /// Whether it is connected.
    #[serde(default)]
    pub connected: bool,
}

/// What OpenClaw says about devices: tedix-init reports it when it changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// Requests that wait for a decision.
    #[serde(default)]
    pub pending: Vec<PairingRequest>,
    /// Devices that were paired.
    #[serde(default)]
    pub paired: Vec<PairedDevice>,
}

/// What may be done about a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceVerb {
    /// Grant a request.
    Approve,
    /// Refuse a request.
    Reject,
    /// Take a device's pairing, and with it its tokens and connections, away.
    Revoke,
}

/// Something that tedix-init has OpenClaw do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceOrder {
    /// Its id.
    pub id: String,
    /// What.
    pub verb: DeviceVerb,
    /// The request, or for [`DeviceVerb::Revoke`] the device.
    pub target: String,
}

/// How far something that was asked for has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// It waits for the container.
    Waiting,
    /// OpenClaw did it.
    Done,
    /// It could not be done, see `detail`.
    Failed,
}

/// Something that was asked for, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceAction {
    /// `d` and a number that counts up.
    pub id: String,
    /// What.
    pub verb: DeviceVerb,
    /// The request, or for [`DeviceVerb::Revoke`] the device.
    pub target: String,
    /// The device.
    pub device_id: String,
    /// Who asked for it.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How far it has come.
    pub state: ActionState,
    /// Why it could not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When it was done, or could not be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<DateTime<Utc>>,
}

/// `GET devices`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Devices {
    /// When this was last learnt to be otherwise; none when OpenClaw has never said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<DateTime<Utc>>,
    /// Requests that wait for a decision; none while no container runs.
    pub pending: Vec<PairingRequest>,
    /// Devices that were paired.
    pub paired: Vec<PairedDevice>,
    /// What was asked for last, newest first.
    pub actions: Vec<DeviceAction>,
}

/// Body of `POST devices/ID/{approve,reject,revoke}`, which may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecideDevice {
    /// Why, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
