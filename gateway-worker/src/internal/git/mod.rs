//! `http://git.internal`: what the container fetches from Git repositories. The contract
//! is [`domain::wire::git`].
//!
//! Only repositories that the policy names are reached, and only to fetch. Their
//! credentials are added here and never enter the container.

mod cache;
mod request;
mod serve;
#[cfg(test)]
mod tests;

pub use request::GitCredentials;
pub(super) use serve::serve;
