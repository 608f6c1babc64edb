//! What the database and the Pulse know of a gateway, put together.

use chrono::{DateTime, Utc};
use domain::fleet::{Sighting, TICK, WRITE_EVERY, Watch, status};
use domain::id::GatewayId;
use domain::wire::registry::GatewaySummary;

use crate::app::App;
use crate::ports::{GatewayRecord, PortError, Readout};

/// Reads the Pulse. While it does not answer, the database has to do: nobody is called
/// offline then that could have been heard of since it was last written.
///
/// With the readout comes what went wrong, for the log.
pub(super) async fn readout(app: &App, ids: &[GatewayId]) -> (Readout, Option<PortError>) {
    match app.pulse.read(ids).await {
        Ok(readout) => (readout, None),
        Err(error) => {
            let watch = Watch {
                since: app.clock.now(),
                interval_seconds: domain::fleet::MIN_INTERVAL_SECONDS,
            };
            (
                Readout {
                    watch,
                    sightings: std::collections::BTreeMap::new(),
                },
                Some(error),
            )
        }
    }
}

/// A gateway as it is at `now`.
pub(super) fn summary(
    gateway: GatewayRecord,
    readout: &mut Readout,
    now: DateTime<Utc>,
) -> GatewaySummary {
    // What was heard before the gateway enrolled again came from another instance.
    let heard = readout.sightings.remove(&gateway.id);
    let heard = heard.filter(|sighting| sighting.seen_at >= gateway.enrolled_at);
    let written = gateway.last.map(|last| Sighting {
        heartbeat: last.heartbeat,
        seen_at: last.seen_at,
        slack: WRITE_EVERY + TICK,
        contested: false,
        audit_alarm: last.audit_alarm,
    });
    let sighting = match (heard, written) {
        (Some(heard), Some(written)) if heard.seen_at < written.seen_at => Some(written),
        (Some(heard), _) => Some(heard),
        (None, written) => written,
    };
    let (status, reason) = status(sighting.as_ref(), &readout.watch, now);
    let audit_alarm = sighting.as_ref().and_then(|s| s.audit_alarm.clone());
    let (last_seen_at, heartbeat) = sighting.map(|s| (s.seen_at, s.heartbeat)).unzip();
    GatewaySummary {
        id: gateway.id,
        name: gateway.name,
        url: gateway.url,
        status,
        reason,
        enrolled_at: gateway.enrolled_at,
        last_seen_at,
        heartbeat,
        audit_alarm,
    }
}
