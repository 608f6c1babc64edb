//! What both Workers share at their edge.
//!
//! - [`access`]: Cloudflare Access tokens, verified with WebCrypto.
//! - [`credentials`]: where a request carries its identity.
//! - [`origin`]: whether a browser's request comes from our own page.
//! - [`reply`]: the one place where a problem becomes a response.
//! - [`random`]: random bytes of the platform.

pub mod access;
pub mod credentials;
pub mod origin;
pub mod random;
pub mod reply;
mod webcrypto;
