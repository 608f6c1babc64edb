//! What the Worker and the Pulse say to each other. Both sides come from one
//! deployment, but for a moment during one they may be of two versions.

use chrono::{DateTime, TimeDelta, Utc};
use domain::fleet::{Sighting, Watch};
use domain::id::GatewayId;
use domain::wire::registry::{AuditAlarm, Heartbeat};
use serde::{Deserialize, Serialize};

/// Where commands go. The host is never resolved.
pub(crate) const COMMAND_URL: &str = "http://pulse/command";

/// A command to the Pulse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub(crate) enum Command {
    /// Take a heartbeat that is authentic and valid; answered by [`crate::ports::Taken`].
    Absorb {
        /// From whom.
        gateway_id: GatewayId,
        /// What it says.
        heartbeat: Box<Heartbeat>,
    },
    /// Tell what is known of some gateways; answered by [`ReadReply`].
    Read {
        /// Of whom.
        gateway_ids: Vec<GatewayId>,
    },
    /// Forget what a gateway said; answered by null.
    Forget {
        /// Whom.
        gateway_id: GatewayId,
    },
}

/// Answer to [`Command::Read`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReadReply {
    /// How long the Pulse has been listening.
    pub(crate) watch: Watch,
    /// What it last heard.
    pub(crate) sightings: Vec<(GatewayId, Seen)>,
}

/// A [`Sighting`] on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    heartbeat: Heartbeat,
    seen_at: DateTime<Utc>,
    slack_ms: i64,
    contested: bool,
    #[serde(default)]
    audit_alarm: Option<AuditAlarm>,
}

impl From<Sighting> for Seen {
    fn from(sighting: Sighting) -> Self {
        Self {
            heartbeat: sighting.heartbeat,
            seen_at: sighting.seen_at,
            slack_ms: sighting.slack.num_milliseconds(),
            contested: sighting.contested,
            audit_alarm: sighting.audit_alarm,
        }
    }
}

impl From<Seen> for Sighting {
    fn from(seen: Seen) -> Self {
        Self {
            heartbeat: seen.heartbeat,
            seen_at: seen.seen_at,
            slack: TimeDelta::milliseconds(seen.slack_ms),
            contested: seen.contested,
            audit_alarm: seen.audit_alarm,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_json_format_unchanged() {
        let id = GatewayId::from_parts(1_795_348_800_000, [1; 10]);
        let read = Command::Read {
            gateway_ids: vec![id.clone()],
        };
        insta::assert_json_snapshot!(read, @r#"
        {
          "command": "read",
          "gateway_ids": [
            "gw_01m81j18g0040g2081040g2081"
          ]
        }
        "#);
        insta::assert_json_snapshot!(Command::Forget { gateway_id: id }, @r#"
        {
          "command": "forget",
          "gateway_id": "gw_01m81j18g0040g2081040g2081"
        }
        "#);
    }
}
