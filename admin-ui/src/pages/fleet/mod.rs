//! The fleet.

pub(crate) mod enrol;
pub(crate) mod filter;
pub(crate) mod list;
mod row;
