//! The Durable Object that owns the container, the policy, the ledger and the audit.

pub mod lifecycle;
