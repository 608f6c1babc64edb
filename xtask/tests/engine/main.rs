//! The container engine, driven over its socket as workerd drives it, and by
//! workerd itself.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says why"
)]

mod cleanup;
mod exec;
mod isolation;
mod lifecycle;
mod network;
mod plain;
mod support;
mod workerd;
