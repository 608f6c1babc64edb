//! What the usage page shows, worked out from what the gateway counts; no browser.

pub(crate) mod extension;
pub(crate) mod refused;
pub(crate) mod series;
pub(crate) mod view;
