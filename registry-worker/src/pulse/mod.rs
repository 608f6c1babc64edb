//! The Pulse: one Durable Object that hears every heartbeat.
//!
//! It keeps the newest one of each gateway in memory and spares the database: a row is
//! written on a transition or every quarter of an hour. The rules are in
//! [`domain::fleet`] and [`fleet`]; the object is a shell.

pub(crate) mod command;
#[expect(missing_docs, reason = "the macro adds methods without documentation")]
mod durable;
pub(crate) mod fleet;

pub use durable::Pulse;
