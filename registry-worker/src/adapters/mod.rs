//! The ports, implemented.
//!
//! - [`sql`]: the stores, over any SQLite: D1 in the Worker, a file or memory in tests.
//! - [`d1`]: D1 as such a SQLite.
//! - [`pulse`]: the Pulse, by its Durable Object.
//! - [`platform`]: clock, randomness, Access tokens and files of the Workers runtime.

pub(crate) mod d1;
pub(crate) mod platform;
pub(crate) mod pulse;
pub(crate) mod sql;
