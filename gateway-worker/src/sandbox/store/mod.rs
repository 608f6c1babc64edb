//! What the Durable Object writes down and reads back, as SQL.

pub mod audit;
pub mod browser;
pub mod calls;
pub mod generations;
pub mod ledger;
pub mod policies;
pub mod proposals;
pub mod records;
pub mod refusals;
pub mod usage;
