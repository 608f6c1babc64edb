//! Signing in, and not being let in.

pub(crate) mod failed;
pub(crate) mod refused;
pub(crate) mod sign_in;
