//! A heartbeat for tests.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::wire::registry::Heartbeat;

/// Noon of a day, and seconds after it.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_348_800, 0).unwrap_or_default() + TimeDelta::seconds(seconds)
}

/// A healthy gateway's heartbeat.
pub(crate) fn heartbeat(boot: &str, sequence: u64) -> Heartbeat {
    serde_json::from_value(json!({
        "boot_id": boot,
        "sequence": sequence,
        "sent_at": at(0),
        "tedix_version": "0.1.0",
        "openclaw_version": "2026.9.6",
        "sandbox": {"phase": "ready", "since": at(0), "restarts": 0},
        "policy": {
            "version": 1, "desired_hash": "aa", "acknowledged_hash": "aa",
            "effective_hash": "aa", "effective_version": 1, "state": "applied",
        },
        "budget": {"tokens_per_day": 1000, "tokens_used": 10, "resets_at": at(3600)},
        "models": [{"provider": "openai", "id": "stand-in", "stand_in": true}],
    }))
    .expect("heartbeat")
}
