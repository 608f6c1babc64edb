//! The public door: which requests come in, as whom, and to where.

pub mod api;
mod audit_export;
pub mod cors;
pub mod entry;
pub mod guard;
pub mod headers;
pub mod host;
pub mod identity;
pub mod page;
pub mod proxy;
