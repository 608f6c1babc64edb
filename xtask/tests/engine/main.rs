//! The container engine, driven over its socket as workerd drives it, and by
//! workerd itself.

mod cleanup;
mod exec;
mod isolation;
mod lifecycle;
mod network;
mod support;
mod workerd;
