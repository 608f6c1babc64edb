//! Typed drafts of what people fill in: `validate` and `into_request`, without a browser.

pub(crate) mod audit_filter;
pub(crate) mod fleet_filter;
pub(crate) mod join_token;
pub(crate) mod openclaw;
pub(crate) mod policy;
pub(crate) mod proposal;
pub(crate) mod usage;
