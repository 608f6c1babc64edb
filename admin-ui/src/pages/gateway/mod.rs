//! One gateway: its header and its sections.

pub(crate) mod audit;
mod clone;
pub(crate) mod devices;
mod effective;
mod openclaw;
pub(crate) mod overview;
pub(crate) mod show;
pub(crate) mod snapshots;
pub(crate) mod versions;
