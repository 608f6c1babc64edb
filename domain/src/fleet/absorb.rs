//! What a heartbeat changes, and whether it is worth a row in the database.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{WRITE_EVERY, WRITE_GAP};
use crate::audit::{Head, continues};
use crate::policy::hex;
use crate::wire::registry::{AuditAlarm, Heartbeat};

/// Runs of one gateway that are remembered, to tell a late heartbeat from a new run.
const MAX_BOOTS: usize = 8;
/// How often an earlier run must come back before two instances are suspected: once
/// may be a heartbeat that was under way during a restart.
const RETURNS_OF_TWO_INSTANCES: u8 = 2;
/// How long after the last return the suspicion stays.
const CONTESTED_FOR: TimeDelta = TimeDelta::minutes(5);

/// What is known of one gateway from its heartbeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vital {
    /// The newest heartbeat.
    pub heartbeat: Heartbeat,
    /// When it arrived, by the registry's clock.
    pub seen_at: DateTime<Utc>,
    /// When something last changed that is worth remembering.
    pub transition_at: DateTime<Utc>,
    /// The last runs, the current one at the end.
    pub boots: Vec<Boot>,
    /// How often in a row an earlier run came back.
    pub returns: u8,
    /// When one last did.
    pub returned_at: Option<DateTime<Utc>>,
    /// What the database holds.
    pub written: Option<Written>,
    /// The newest entry of its audit that it ever reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_head: Option<Head>,
    /// The first time that its audit moved back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_alarm: Option<AuditAlarm>,
}

/// One run of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// `boot_id` of its heartbeats.
    pub id: String,
    /// The highest sequence taken.
    pub sequence: u64,
}

/// A write to the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// When.
    pub at: DateTime<Utc>,
    /// [`Vital::milestone`] of what was written.
    pub milestone: String,
}

/// What came of a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absorbed {
    /// Taken, and worth a row in the database now.
    Write(Vital),
    /// Taken; memory is enough.
    Hold(Vital),
    /// Replayed or overtaken by a newer one: nothing changes, not even when the
    /// gateway was last seen.
    Stale,
}

/// Takes a heartbeat that arrived at `now` by the registry's clock.
///
/// Only `boot_id` and `sequence` order heartbeats: `sent_at` is the gateway's clock,
/// which may be wrong by any amount.
#[must_use]
pub fn absorb(prev: Option<&Vital>, heartbeat: Heartbeat, now: DateTime<Utc>) -> Absorbed {
    let Some(prev) = prev else {
        let boots = vec![Boot {
            id: heartbeat.boot_id.clone(),
            sequence: heartbeat.sequence,
        }];
        return Absorbed::Write(Vital {
            audit_head: heartbeat.audit_head.clone(),
            audit_alarm: None,
            heartbeat,
            seen_at: now,
            transition_at: now,
            boots,
            returns: 0,
            returned_at: None,
            written: None,
        });
    };
    let known = prev
        .boots
        .iter()
        .position(|boot| boot.id == heartbeat.boot_id);
    let newest_taken = known.and_then(|at| prev.boots.get(at));
    if newest_taken.is_some_and(|boot| heartbeat.sequence <= boot.sequence) {
        return Absorbed::Stale;
    }
    let now = now.max(prev.seen_at);
    let returned = known.is_some_and(|at| at + 1 < prev.boots.len());
    let (returns, returned_at) = match (returned, prev.returned_at) {
        (true, Some(last)) if now - last <= CONTESTED_FOR => {
            (prev.returns.saturating_add(1), Some(now))
        }
        (true, _) => (1, Some(now)),
        (false, last) => (prev.returns, last),
    };
    let mut boots: Vec<Boot> = prev
        .boots
        .iter()
        .filter(|boot| boot.id != heartbeat.boot_id)
        .cloned()
        .collect();
    boots.push(Boot {
        id: heartbeat.boot_id.clone(),
        sequence: heartbeat.sequence,
    });
    boots.drain(..boots.len().saturating_sub(MAX_BOOTS));

    // An earlier run's heartbeat may have been under way for long, and says what was then.
    let said = heartbeat.audit_head.as_ref().filter(|_| !returned);
    let (audit_head, audit_alarm) = watch_audit(prev, said, now);
    let mut vital = Vital {
        audit_head,
        audit_alarm,
        heartbeat,
        seen_at: now,
        transition_at: prev.transition_at,
        boots,
        returns,
        returned_at,
        written: prev.written.clone(),
    };
    if vital.milestone(now) != prev.milestone(prev.seen_at) {
        vital.transition_at = now;
    }
    if vital.is_due(now) {
        Absorbed::Write(vital)
    } else {
        Absorbed::Hold(vital)
    }
}

/// The newest entry of the audit, and the alarm when what is said does not continue it.
fn watch_audit(
    prev: &Vital,
    said: Option<&Head>,
    now: DateTime<Utc>,
) -> (Option<Head>, Option<AuditAlarm>) {
    let (known, alarm) = (prev.audit_head.as_ref(), prev.audit_alarm.clone());
    match (known, said) {
        (Some(known), Some(said)) if !continues(known, said) => {
            let first = || AuditAlarm {
                at: now,
                known: known.clone(),
                said: said.clone(),
            };
            (Some(known.clone()), alarm.or_else(|| Some(first())))
        }
        (_, Some(said)) => (Some(said.clone()), alarm),
        (known, None) => (known.cloned(), alarm),
    }
}

impl Vital {
    /// Whether two instances report as this gateway.
    #[must_use]
    pub fn is_contested(&self, now: DateTime<Utc>) -> bool {
        self.returns >= RETURNS_OF_TWO_INSTANCES
            && self.returned_at.is_some_and(|at| now - at <= CONTESTED_FOR)
    }

    /// Whether the database should hear of it now: something changed since the last
    /// write, or that was [`WRITE_EVERY`] ago; never twice within [`WRITE_GAP`].
    #[must_use]
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        let Some(written) = &self.written else {
            return true;
        };
        let age = now - written.at;
        if age < TimeDelta::zero() {
            return true;
        }
        (self.has_news(now) && age >= WRITE_GAP) || age >= WRITE_EVERY
    }

    /// Whether something changed since the last write, or there was none.
    #[must_use]
    pub fn has_news(&self, now: DateTime<Utc>) -> bool {
        let milestone = self.written.as_ref().map(|written| &written.milestone);
        milestone.is_none_or(|milestone| *milestone != self.milestone(now))
    }

    /// The same, once the database has taken `self` at `now`.
    #[must_use]
    pub fn into_written(mut self, now: DateTime<Utc>) -> Self {
        self.written = Some(Written {
            at: now,
            milestone: self.milestone(now),
        });
        self
    }

    /// A hash of everything whose change is worth remembering. Counters, budgets and
    /// times are not.
    #[must_use]
    pub fn milestone(&self, now: DateTime<Utc>) -> String {
        let Heartbeat {
            tedix_version,
            openclaw_version,
            sandbox,
            policy,
            models,
            pointers,
            ..
        } = &self.heartbeat;
        let mut parts = serde_json::json!([
            tedix_version,
            openclaw_version,
            sandbox.phase,
            [policy.version, policy.effective_version.unwrap_or_default()],
            [
                &policy.desired_hash,
                policy.effective_hash.as_deref().unwrap_or_default()
            ],
            policy.state,
            models,
            pointers,
            self.is_contested(now),
        ]);
        if let (Some(alarm), Some(parts)) = (&self.audit_alarm, parts.as_array_mut()) {
            parts.push(serde_json::json!(alarm));
        }
        hex(&Sha256::digest(parts.to_string().as_bytes()))
    }
}

#[cfg(test)]
mod tests;
