//! The policy form: its draft, how two edits meet, and how a draft is kept.

pub(crate) mod coverage;
pub(crate) mod document;
pub(crate) mod draft;
pub(crate) mod effective;
pub(crate) mod expectations;
pub(crate) mod merge;
pub(crate) mod question;
pub(crate) mod review;
pub(crate) mod saved;
pub(crate) mod schema;
