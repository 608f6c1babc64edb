//! What the Pulse holds in memory, and what becomes of it when an instance starts anew.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::fleet::{Absorbed, Sighting, TICK, Tick, Vital, Watch, absorb, interval_seconds};
use domain::id::GatewayId;
use domain::wire::registry::Heartbeat;

/// The newest heartbeat of every gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fleet {
    since: DateTime<Utc>,
    /// Time before this instance started of which nothing may have been noted.
    gap: TimeDelta,
    entries: BTreeMap<GatewayId, Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    vital: Vital,
    /// Whether this very instance has heard it.
    heard: bool,
}

/// What to do about a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Tell the database, then [`Fleet::note_written`].
    Write(Box<Vital>),
    /// Nothing.
    Hold,
    /// Nothing: it was a replay.
    Stale,
}

impl Fleet {
    /// The fleet as an instance finds it that starts at `now`.
    pub(crate) fn restore(
        tick: Option<&Tick>,
        vitals: Vec<(GatewayId, Vital)>,
        now: DateTime<Utc>,
    ) -> Self {
        let gap = tick.map_or(TimeDelta::zero(), |tick| now - tick.at);
        let entry = |(id, mut vital): (GatewayId, Vital)| {
            let noted = tick.and_then(|tick| tick.seen.get(&id));
            vital.seen_at = noted.map_or(vital.seen_at, |noted| vital.seen_at.max(*noted));
            (
                id,
                Entry {
                    vital,
                    heard: false,
                },
            )
        };
        Self {
            since: Tick::resume(tick, now),
            gap: gap.clamp(TimeDelta::zero(), TICK * 2),
            entries: vitals.into_iter().map(entry).collect(),
        }
    }

    /// Takes a heartbeat.
    pub(crate) fn absorb(&mut self, id: &GatewayId, said: Heartbeat, now: DateTime<Utc>) -> Next {
        let prev = self.entries.get(id).map(|entry| &entry.vital);
        let (vital, write) = match absorb(prev, said, now) {
            Absorbed::Stale => return Next::Stale,
            Absorbed::Hold(vital) => (vital, false),
            Absorbed::Write(vital) => (vital, true),
        };
        self.entries.insert(
            id.clone(),
            Entry {
                vital: vital.clone(),
                heard: true,
            },
        );
        if write {
            Next::Write(Box::new(vital))
        } else {
            Next::Hold
        }
    }

    /// Notes that the database has taken `written` at `now`; what to keep of the gateway.
    pub(crate) fn note_written(
        &mut self,
        id: &GatewayId,
        written: Vital,
        now: DateTime<Utc>,
    ) -> Option<&Vital> {
        let entry = self.entries.get_mut(id)?;
        // A newer heartbeat may have come while the database was written.
        entry.vital.written = written.into_written(now).written;
        Some(&entry.vital)
    }

    /// What the database has yet to hear of, at `now`.
    pub(crate) fn overdue(&self, now: DateTime<Utc>) -> Vec<(GatewayId, Vital)> {
        let pick = |(id, entry): (&GatewayId, &Entry)| (id.clone(), entry.vital.clone());
        self.entries
            .iter()
            .filter(|(_, entry)| entry.vital.has_news(now))
            .map(pick)
            .collect()
    }

    /// Forgets a gateway.
    pub(crate) fn forget(&mut self, id: &GatewayId) {
        self.entries.remove(id);
    }

    /// Whether it knows of no gateway.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How long it has been listening, and how often it expects to hear of a gateway.
    pub(crate) fn watch(&self) -> Watch {
        let interval_seconds = interval_seconds(self.entries.len());
        Watch {
            since: self.since,
            interval_seconds,
        }
    }

    /// What is known of a gateway.
    pub(crate) fn sighting(&self, id: &GatewayId, now: DateTime<Utc>) -> Option<Sighting> {
        let Entry { vital, heard } = self.entries.get(id)?;
        Some(Sighting {
            heartbeat: vital.heartbeat.clone(),
            seen_at: vital.seen_at,
            slack: if *heard { TimeDelta::zero() } else { self.gap },
            contested: vital.is_contested(now),
            audit_alarm: vital.audit_alarm.clone(),
        })
    }

    /// The note that it is up.
    pub(crate) fn tick(&self, now: DateTime<Utc>) -> Tick {
        let seen = |(id, entry): (&GatewayId, &Entry)| (id.clone(), entry.vital.seen_at);
        Tick {
            at: now,
            since: self.since,
            seen: self.entries.iter().map(seen).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
