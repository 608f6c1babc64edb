//! Devices: read from what OpenClaw says, and decided about.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::drift::excess;
use crate::problem::Problem;
use crate::wire::devices::{
    ActionState, DeviceAction, DeviceFacts, DeviceReport, DeviceVerb, MAX_DEVICES, MAX_TEXT,
    PairedDevice, PairingRequest,
};

/// How long OpenClaw lets a request wait (`DEVICE_PAIRING_PENDING_TTL_MS` in 2026.9.6).
const REQUEST_MINUTES: i64 = 5;
/// Longest id, in bytes.
const MAX_ID: usize = 128;
/// Most actions that are kept.
pub const MAX_ACTIONS: usize = 50;

/// OpenClaw's answer to `device.pair.list`; none when it has another shape.
#[must_use]
pub fn read(answer: &Value) -> Option<DeviceReport> {
    let list = |name: &str| answer.get(name)?.as_array();
    let pending = list("pending")?.iter().filter_map(request);
    let paired = list("paired")?.iter().filter_map(paired);
    Some(DeviceReport {
        pending: pending.take(MAX_DEVICES).collect(),
        paired: paired.take(MAX_DEVICES).collect(),
    })
}

fn request(item: &Value) -> Option<PairingRequest> {
    Some(PairingRequest {
        request_id: id(item, "requestId")?,
        device: facts(item)?,
        requested_at: time(item, "ts")?,
        excess: excess(item).iter().map(|odd| short(odd)).collect(),
    })
}

fn paired(item: &Value) -> Option<PairedDevice> {
    Some(PairedDevice {
        device: facts(item)?,
        approved_via: text(item, "approvedVia"),
        approved_at: time(item, "approvedAtMs"),
        connected: item.get("connected") == Some(&Value::Bool(true)),
    })
}

fn facts(item: &Value) -> Option<DeviceFacts> {
    let mut roles = texts(item, "roles");
    if let (true, Some(role)) = (roles.is_empty(), text(item, "role")) {
        roles.push(role);
    }
    Some(DeviceFacts {
        device_id: id(item, "deviceId")?,
        name: text(item, "operatorLabel").or_else(|| text(item, "displayName")),
        platform: text(item, "platform"),
        client: text(item, "clientId"),
        address: text(item, "remoteIp"),
        roles,
        scopes: texts(item, "scopes"),
    })
}

fn id(item: &Value, key: &str) -> Option<String> {
    let id = item.get(key)?.as_str()?;
    is_id(id).then(|| id.to_owned())
}

fn text(item: &Value, key: &str) -> Option<String> {
    let text = item.get(key)?.as_str().map(short)?;
    (!text.is_empty()).then_some(text)
}

fn texts(item: &Value, key: &str) -> Vec<String> {
    let list = item.get(key).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.take(MAX_DEVICES).map(short).collect()
}

/// What a device may put in front of a person: one line, not too long.
fn short(text: &str) -> String {
    let line = text.chars().filter(|c| !c.is_control());
    line.take(MAX_TEXT).collect()
}

fn time(item: &Value, key: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(item.get(key)?.as_i64()?)
}

/// Whether a text can be the id of a request or a device.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}

/// Whether a report is one that may be kept: tedix-init's are.
#[must_use]
pub fn is_bounded(report: &DeviceReport) -> bool {
    let device = |device: &DeviceFacts| {
        let optional = [
            &device.name,
            &device.platform,
            &device.client,
            &device.address,
        ];
        is_id(&device.device_id)
            && optional.into_iter().flatten().all(|text| is_short(text))
            && are_short(&device.roles)
            && are_short(&device.scopes)
    };
    report.pending.len() <= MAX_DEVICES
        && report.paired.len() <= MAX_DEVICES
        && report.pending.iter().all(|request| {
            is_id(&request.request_id) && device(&request.device) && are_short(&request.excess)
        })
        && report
            .paired
            .iter()
            .all(|one| device(&one.device) && one.approved_via.as_deref().is_none_or(is_short))
}

fn is_short(text: &str) -> bool {
    text.chars().count() <= MAX_TEXT
}

fn are_short(texts: &[String]) -> bool {
    texts.len() <= MAX_DEVICES && texts.iter().all(|text| is_short(text))
}

/// Whether OpenClaw still lets a request wait.
#[must_use]
pub fn is_open(request: &PairingRequest, now: DateTime<Utc>) -> bool {
    now < request.requested_at + TimeDelta::minutes(REQUEST_MINUTES)
}

/// The device that a verb is about, when it can be done.
///
/// # Errors
/// 404 when there is no such request or device, 409 when it asks for what no device may
/// hold or the same thing is being decided already.
pub fn target(
    report: &DeviceReport,
    actions: &[DeviceAction],
    verb: DeviceVerb,
    id: &str,
    now: DateTime<Utc>,
) -> Result<String, Problem> {
    let device = match verb {
        DeviceVerb::Revoke => report
            .paired
            .iter()
            .find(|paired| paired.device.device_id == id)
            .map(|paired| paired.device.device_id.clone())
            .ok_or_else(|| {
                Problem::not_found("No such device is paired; GET devices lists them.")
            })?,
        DeviceVerb::Approve | DeviceVerb::Reject => {
            let open =
                |request: &&PairingRequest| request.request_id == id && is_open(request, now);
            let request = report.pending.iter().find(open).ok_or_else(|| {
                Problem::not_found(
                    "No such request waits; it may have ended after five minutes, or the device \
                     asked for something else since. GET devices lists those that do.",
                )
            })?;
            if verb == DeviceVerb::Approve && !request.excess.is_empty() {
                return Err(Problem::conflict(format!(
                    "It asks for {}, which no device may hold; reject it.",
                    request.excess.join(", ")
                )));
            }
            request.device.device_id.clone()
        }
    };
    let waits =
        |action: &&DeviceAction| action.target == id && action.state == ActionState::Waiting;
    match actions.iter().find(waits) {
        Some(action) => Err(Problem::conflict(format!(
            "{} has asked for this already ({}); it waits for the container.",
            action.by, action.id
        ))),
        None => Ok(device),
    }
}

#[cfg(test)]
mod tests;
