//! What travels between the parts, as JSON.
//!
//! - [`clones`]: what it says about copies of a gateway's state in another one.
//! - [`devices`]: what it says about paired devices.
//! - [`gateway`]: the governance API of one gateway, under `/_gateway/v1`.
//! - [`git`]: what tedix-init brings from repositories, at `http://git.internal`.
//! - [`registry`]: the central index, under `/api/v1`.
//! - [`init`]: what tedix-init and the gateway Worker say to each other at
//!   `http://governance.internal`.
//! - [`openclaw`]: the headers that OpenClaw trusts.
//! - [`openclaw_version`]: what it says about OpenClaw's version.
//! - [`snapshots`]: what it says about snapshots.
//! - [`state`]: what tedix-init and the Worker say about snapshots, at `http://state.internal`.
//! - [`usage`]: what it says about usage and budgets.
//!
//! Times are RFC 3339 in UTC, sizes bytes, durations in the unit of the name.
//! Requests refuse unknown fields; responses may gain fields, so readers ignore
//! the ones that they do not know.

pub mod clones;
pub mod devices;
pub mod gateway;
pub mod git;
pub mod init;
pub mod openclaw;
pub mod openclaw_version;
pub mod registry;
pub mod snapshots;
pub mod state;
pub mod usage;
