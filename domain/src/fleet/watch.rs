//! How long the registry itself has been listening.
//!
//! A gateway is only offline when the registry could have heard it. So the registry
//! notes regularly that it is up ([`Tick`]); a gap between those notes is its own
//! absence, and the grace starts anew.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{RESTART_GRACE, TICK};
use crate::id::GatewayId;

/// Since when the registry listens, and how often it expects to hear of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Listening without a gap since then.
    pub since: DateTime<Utc>,
    /// Seconds between two heartbeats of one gateway.
    pub interval_seconds: u32,
}

/// The registry's note that it is up: one row for the whole fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// When the note was made.
    pub at: DateTime<Utc>,
    /// Listening without a gap since then.
    pub since: DateTime<Utc>,
    /// When each gateway was last heard of.
    pub seen: BTreeMap<GatewayId, DateTime<Utc>>,
}

impl Watch {
    /// Whether it has listened long enough to call a gateway silent for `limit` offline.
    #[must_use]
    pub fn is_settled(&self, limit: TimeDelta, now: DateTime<Utc>) -> bool {
        now - self.since > limit.max(RESTART_GRACE)
    }
}

impl Tick {
    /// Since when the registry listens, for an instance that starts at `now` and finds
    /// the note of the one before.
    #[must_use]
    pub fn resume(before: Option<&Self>, now: DateTime<Utc>) -> DateTime<Utc> {
        match before {
            // INVARIANT: notes are made every TICK while the registry is up, so twice
            // that without one means that it was away.
            Some(tick) if tick.at <= now && now - tick.at <= TICK * 2 => tick.since,
            _ => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::samples::at;

    fn tick(since: i64, made: i64) -> Tick {
        Tick {
            at: at(made),
            since: at(since),
            seen: BTreeMap::new(),
        }
    }

    #[test]
    fn a_new_instance_goes_on_listening_unless_there_was_a_gap() {
        assert_eq!(Tick::resume(None, at(0)), at(0));
        assert_eq!(Tick::resume(Some(&tick(0, 600)), at(620)), at(0));
        assert_eq!(Tick::resume(Some(&tick(0, 600)), at(720)), at(0));
        assert_eq!(Tick::resume(Some(&tick(0, 600)), at(721)), at(721));
    }

    #[test]
    fn a_note_from_the_future_is_not_believed() {
        assert_eq!(Tick::resume(Some(&tick(0, 600)), at(599)), at(599));
    }

    #[test]
    fn tick_json_format_unchanged() {
        let id = GatewayId::from_parts(1_795_348_800_000, [1; 10]);
        let tick = Tick {
            at: at(60),
            since: at(0),
            seen: BTreeMap::from([(id, at(50))]),
        };
        insta::assert_json_snapshot!(tick, @r#"
        {
          "at": "2026-11-22T12:01:00Z",
          "since": "2026-11-22T12:00:00Z",
          "seen": {
            "gw_01m81j18g0040g2081040g2081": "2026-11-22T12:00:50Z"
          }
        }
        "#);
    }
}
