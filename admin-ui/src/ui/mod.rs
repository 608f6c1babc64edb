//! Generic, accessible parts. They know neither the domain nor the routes.

pub(crate) mod announce;
pub(crate) mod button;
pub(crate) mod chips;
pub(crate) mod choices;
pub(crate) mod clock;
pub(crate) mod copy;
pub(crate) mod dialog;
pub(crate) mod field;
pub(crate) mod icon;
pub(crate) mod id;
pub(crate) mod link;
pub(crate) mod loading;
pub(crate) mod meter;
pub(crate) mod notice;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod toast;
