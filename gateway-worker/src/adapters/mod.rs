//! The platform behind [`crate::ports`]. Only here, in the Durable Object's
//! shell and in `lib.rs` are the platform's binding types named.

pub mod body;
pub mod browser;
pub mod clock;
pub mod env;
pub mod git_api;
pub mod lender;
pub mod r2;
pub mod raw;
pub mod registry_http;
pub mod relay;
pub mod sandbox_stub;
pub mod sql;
