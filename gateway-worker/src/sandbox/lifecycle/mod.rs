//! The life of the container as a pure state machine.
//!
//! In scope: when to start, stop and restart, how long to wait, when it counts
//! as ready. Out of scope: how any of that is done; see [`super::durable`].

mod decide;
mod state;
#[cfg(test)]
mod tests;

pub use decide::{Decision, Denied, Effect, Event, Input, decide};
pub use state::{After, Phase, State};

/// First delay after the container ended by itself, in milliseconds; it doubles from there.
pub const BACKOFF_FIRST_MS: i64 = 1_000;
/// Longest delay between two starts, in milliseconds.
pub const BACKOFF_MAX_MS: i64 = 300_000;
/// Failures in a row after which an operator has to start it.
pub const MAX_FAILURES: u32 = 10;
/// How long it must have been ready for its failures to be forgotten, in milliseconds.
pub const HEALTHY_MS: i64 = 300_000;
/// How long a stop may take before the container is killed, in milliseconds.
/// OpenClaw takes up to 8 s to end when idle, more while it finishes a turn.
pub const STOP_GRACE_MS: i64 = 30_000;
/// How long a stop may take at most, in milliseconds, while the state is being saved:
/// the platform itself kills after 15 minutes (Cloudflare Containers docs).
pub const STOP_LIMIT_MS: i64 = 840_000;
/// How long a start may take before it counts as failed, in milliseconds. On
/// busy machines OpenClaw has been seen to need 70 s.
pub const START_LIMIT_MS: i64 = 600_000;
