//! Editing a gateway's policy (form, document, review, conflict, progress) and asking it.

mod conflict;
pub(crate) mod coverage;
mod document;
pub(crate) mod edit;
mod editor;
pub(crate) mod expectations;
pub(crate) mod explain;
mod form;
mod keep;
mod operators;
mod progress;
mod review;
mod save;
