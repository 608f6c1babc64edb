//! When to send a heartbeat, and what is in it.

use chrono::{DateTime, TimeDelta, Utc};
use domain::fleet::MAX_USAGE_HOURS;
use domain::secret::Secret;
use domain::wire::registry::{Heartbeat, HeartbeatAck};
use serde_json::Value;

use super::Core;
use crate::ports::{Answer, Db, StorageError};
use crate::sandbox::backoff::backoff;
use crate::sandbox::store::records::Record;
use crate::sandbox::store::{audit, calls, records};
use crate::settings::TEDIX_VERSION;

/// Seconds between heartbeats until the registry says otherwise.
const DEFAULT_INTERVAL_SECONDS: u32 = 30;
/// Bounds of what the registry may ask for, in seconds.
const INTERVAL_BOUNDS: (u32, u32) = (1, 3_600);
/// Wait after the first failure, in seconds, doubled with each that follows: a registry
/// that only restarts should see its gateways again right after.
const FIRST_RETRY_SECONDS: i64 = 2;
/// Longest wait after failures, in seconds.
const MAX_WAIT_SECONDS: i64 = 600;
/// After this many seconds without an end a heartbeat is given up: its request ends
/// long before, unless the platform dropped the event that waited for it.
const LOST_SECONDS: i64 = 30;
/// Most of a refusal that is kept, in characters.
const MAX_ERROR: usize = 300;

/// The rhythm of heartbeats in this life of the Durable Object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    boot_id: String,
    sequence: u64,
    interval_seconds: u32,
    failures: u32,
    due_at: DateTime<Utc>,
    /// When the one under way was sent.
    under_way: Option<DateTime<Utc>>,
    urgent: bool,
    /// Most hours of usage that the registry takes with one heartbeat.
    usage_hours: u32,
}

/// A heartbeat to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    /// Where to.
    pub url: String,
    /// Credential to send it with.
    pub credential: Secret,
    /// What to send.
    pub body: Value,
}

impl Pulse {
    /// Due at once.
    #[must_use]
    pub fn new(boot_id: String, now: DateTime<Utc>) -> Self {
        Self {
            boot_id,
            sequence: 0,
            interval_seconds: DEFAULT_INTERVAL_SECONDS,
            failures: 0,
            due_at: now,
            under_way: None,
            urgent: false,
            usage_hours: 0,
        }
    }

    /// When the next one is due; while one is under way, when that one is given up.
    #[must_use]
    pub fn due_at(&self) -> DateTime<Utc> {
        self.under_way.map_or(self.due_at, |since| {
            since + TimeDelta::seconds(LOST_SECONDS)
        })
    }

    pub(super) fn set_interval(&mut self, seconds: u32) {
        let (least, most) = INTERVAL_BOUNDS;
        self.interval_seconds = seconds.clamp(least, most);
    }

    /// Begins anew with another registry: what went wrong with the one before says nothing.
    pub(super) fn restart(&mut self, interval_seconds: u32, now: DateTime<Utc>) {
        self.set_interval(interval_seconds);
        self.failures = 0;
        self.due_at = now;
        self.usage_hours = 0;
    }

    /// The one under way was taken, or not. `jitter` is random, 0 to 255.
    fn settle(&mut self, taken: bool, jitter: u8, now: DateTime<Utc>) {
        self.under_way = None;
        self.failures = if taken {
            0
        } else {
            self.failures.saturating_add(1)
        };
        let seconds = if taken {
            self.interval_seconds.into()
        } else {
            let doublings = self.failures.saturating_sub(1);
            backoff(FIRST_RETRY_SECONDS, doublings, MAX_WAIT_SECONDS)
        };
        // Up to a quarter later after a failure, so that gateways do not return as a herd.
        let spread = if taken {
            0
        } else {
            seconds * 250 * i64::from(jitter) / 255
        };
        self.due_at = now + TimeDelta::milliseconds(seconds * 1_000 + spread);
        if std::mem::take(&mut self.urgent) && taken {
            self.due_at = now;
        }
    }
}

impl<D: Db> Core<D> {
    /// Has a heartbeat sent at once; once the one under way is done, if there is one.
    pub fn hurry(&mut self, now: DateTime<Utc>) {
        if self.pulse.under_way.is_some() {
            self.pulse.urgent = true;
        } else if self.pulse.failures == 0 {
            self.pulse.due_at = now;
        }
    }

    /// The heartbeat that is due now, if one is. [`Core::beat_done`] must follow.
    ///
    /// # Errors
    /// When the database fails.
    pub fn begin_beat(&mut self, now: DateTime<Utc>) -> Result<Option<Beat>, StorageError> {
        let Some(membership) = &self.membership else {
            return Ok(None);
        };
        if self.pulse.due_at() > now {
            return Ok(None);
        }
        let heartbeat = Heartbeat {
            boot_id: self.pulse.boot_id.clone(),
            sequence: self.pulse.sequence.saturating_add(1),
            sent_at: now,
            tedix_version: TEDIX_VERSION.to_owned(),
            openclaw_version: self.openclaw_version(),
            sandbox: self.state.status(),
            policy: self.policy_status(),
            budget: self.budget_status(now)?,
            models: self.settings.model_infos(),
            pointers: self.pointers()?,
            audit_head: audit::head(&self.db)?,
            usage: calls::hours(
                &self.db,
                membership.usage_through.as_deref(),
                now,
                self.pulse.usage_hours,
            )?,
        };
        let body = serde_json::to_value(&heartbeat).map_err(|e| StorageError(e.to_string()))?;
        let beat = Beat {
            url: format!(
                "{}/api/v1/gateways/{}/heartbeat",
                membership.registry_url, membership.gateway_id
            ),
            credential: membership.credential.clone(),
            body,
        };
        self.pulse.sequence = heartbeat.sequence;
        self.pulse.under_way = Some(now);
        Ok(Some(beat))
    }

    /// The registry answered a heartbeat, or did not. `jitter` is random.
    ///
    /// # Errors
    /// When the database fails.
    pub fn beat_done(
        &mut self,
        answer: Result<Answer, String>,
        jitter: u8,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let outcome = answer.and_then(|answer| match answer.status {
            200..=299 => serde_json::from_value::<HeartbeatAck>(answer.body)
                .map_err(|_| "the registry's answer cannot be read".to_owned()),
            status => Err(refusal(status, &answer.body)),
        });
        if let Ok(ack) = &outcome {
            self.pulse.set_interval(ack.interval_seconds);
            let most = u32::try_from(MAX_USAGE_HOURS).unwrap_or(u32::MAX);
            self.pulse.usage_hours = ack.usage_hours.min(most);
        }
        self.pulse.settle(outcome.is_ok(), jitter, now);
        let Some(membership) = &mut self.membership else {
            return Ok(());
        };
        match outcome {
            Ok(ack) => {
                membership.last_accepted_at = Some(now);
                membership.last_error = None;
                membership.usage_through = ack.usage_through.max(membership.usage_through.take());
            }
            Err(error) => {
                membership.last_error = Some(error.chars().take(MAX_ERROR).collect());
            }
        }
        records::save(&self.db, Record::Membership, membership)
    }
}

fn refusal(status: u16, body: &Value) -> String {
    let detail = body["detail"].as_str().unwrap_or("no reason given");
    match status {
        401 | 403 | 404 | 410 => {
            format!("the registry does not know this gateway ({status}: {detail}); enrol it again")
        }
        _ => format!("the registry answered {status}: {detail}"),
    }
}
