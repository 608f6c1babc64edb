//! Parts of pages that know the domain: a status, a budget, a policy's hashes.

pub(crate) mod address;
pub(crate) mod audit_alarm;
pub(crate) mod budget;
pub(crate) mod changes;
pub(crate) mod chart;
pub(crate) mod facts;
pub(crate) mod failure;
pub(crate) mod gateway_context;
pub(crate) mod hashes;
pub(crate) mod leave_guard;
pub(crate) mod lifecycle;
pub(crate) mod page;
pub(crate) mod paged;
pub(crate) mod phase;
pub(crate) mod pointers;
pub(crate) mod session;
pub(crate) mod shell;
pub(crate) mod status;
pub(crate) mod stopped;
pub(crate) mod verdict;
