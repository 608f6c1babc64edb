//! Pages by area, one thing to do per file.

pub(crate) mod fleet;
pub(crate) mod gateway;
pub(crate) mod missing;
pub(crate) mod policy;
pub(crate) mod proposals;
pub(crate) mod session;
pub(crate) mod usage;
