//! Snapshots of OpenClaw's state, and back again.
//!
//! A generation is a manifest, written last; what it names is content-addressed, so what
//! is stored is not sent again ([`domain::state`]). [`take()`] writes one, [`restore()`]
//! makes a tree from one before OpenClaw starts, [`Keeper`] knows when.

mod chunks;
mod database;
mod folder;
mod gateway;
mod keeper;
mod known;
mod lease;
mod marker;
mod offline;
mod packs;
mod reading;
mod restore;
mod rules;
mod store;
mod take;
#[cfg(test)]
mod tests;
mod tree;
mod worker;

pub(crate) use database::open as open_database;
pub(crate) use keeper::{Facts, Keeper, KeeperSettings};
pub(crate) use offline::run as offline;

use domain::state::{ObjectRef, Pack};

/// A pack as the store knows it.
fn object_of(pack: &Pack) -> ObjectRef {
    ObjectRef {
        key: pack.key,
        bytes: pack.bytes,
        raw_bytes: pack.raw_bytes,
    }
}
