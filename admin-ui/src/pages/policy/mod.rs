//! Editing a gateway's policy: form, review, conflict, progress.

mod conflict;
pub(crate) mod edit;
mod editor;
mod form;
mod operators;
mod progress;
mod review;
