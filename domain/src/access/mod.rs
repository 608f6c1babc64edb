//! Who is asking and what they may do.
//!
//! - [`Role`]: what a policy grants a person.
//! - [`token`]: JSON Web Tokens, read and checked without a clock or a key store.
//! - [`keys`]: which key verifies a token, and when to fetch the set again.
//! - [`genuine`]: tokens whose signature was checked before.
//! - [`ed25519`]: the registry's own tokens for gateways.

mod credential;
pub mod ed25519;
pub mod genuine;
mod jwk;
pub mod keys;
mod role;
pub mod token;

pub use credential::{constant_time_eq, credential_from, hash_credential};
pub use jwk::{Jwk, Jwks};
pub use role::Role;
pub use token::{Expectation, Identity, TokenError};
