//! How the registry hears of its gateways: what a heartbeat changes, and what a
//! gateway's status is when somebody reads it.
//!
//! - [`absorb`]: which heartbeats count, and which are worth a row in the database.
//! - [`status`]: the status, computed when it is read; silence changes it by itself.
//! - [`watch`]: how long the registry itself has been listening, so that its own
//!   restart marks nobody offline.
//! - [`validate`]: what a heartbeat may say.

mod absorb;
mod status;
mod validate;
mod watch;

use chrono::TimeDelta;

pub use absorb::{Absorbed, Boot, Vital, Written, absorb};
pub use status::{Sighting, status};
pub use validate::{MAX_HEARTBEAT_BYTES, MAX_USAGE_HOURS, gateway_origin, parse_hour, validate};
pub use watch::{Tick, Watch};

/// Shortest interval between heartbeats, in seconds.
pub const MIN_INTERVAL_SECONDS: u32 = 10;

/// Heartbeats a second that the whole fleet sends at most (Nomad's `max_heartbeats_per_second`).
pub const HEARTBEATS_PER_SECOND: usize = 50;

/// How long what a gateway says is kept in memory alone while nothing about it changes.
pub const WRITE_EVERY: TimeDelta = TimeDelta::minutes(15);

/// Shortest time between two database writes for one gateway, however it flaps.
pub const WRITE_GAP: TimeDelta = TimeDelta::seconds(2);

/// How often the registry notes, in one row, when it last heard of each gateway.
pub const TICK: TimeDelta = TimeDelta::seconds(60);

/// How long nobody is marked offline after the registry itself was away.
pub const RESTART_GRACE: TimeDelta = TimeDelta::seconds(90);

/// Seconds between two heartbeats of one gateway in a fleet of that size.
#[must_use]
pub fn interval_seconds(gateways: usize) -> u32 {
    let spread = gateways.div_ceil(HEARTBEATS_PER_SECOND);
    u32::try_from(spread)
        .unwrap_or(u32::MAX)
        .max(MIN_INTERVAL_SECONDS)
}

/// How long a gateway may be silent before it is offline: three heartbeats and
/// ten seconds for the network.
#[must_use]
pub fn offline_after(interval_seconds: u32) -> TimeDelta {
    TimeDelta::seconds(i64::from(interval_seconds) * 3 + 10)
}

#[cfg(test)]
pub(crate) mod samples;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_grows_with_the_fleet() {
        for (gateways, seconds) in [(0, 10), (2, 10), (500, 10), (501, 11), (10_000, 200)] {
            assert_eq!(interval_seconds(gateways), seconds, "{gateways}");
        }
        assert_eq!(offline_after(10), TimeDelta::seconds(40));
    }
}
