//! The Durable Object that owns the container, the policy, the ledger and the audit.

pub mod core;
pub mod lifecycle;
pub mod schema;
pub mod store;
