//! The Durable Object that owns the container, the policy, the ledger and the audit.

mod backoff;
mod browsers;
mod clones;
pub mod container;
pub mod core;
mod dispatch;
pub mod durable;
mod front_door;
pub mod lifecycle;
pub mod schema;
pub mod store;
