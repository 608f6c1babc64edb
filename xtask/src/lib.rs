//! What `cargo xtask` is made of. A library, so that the end-to-end tests can
//! use the same set-up, engine and stand-ins as `cargo xtask dev`.

pub mod bench;
pub mod build;
pub mod checkout;
pub mod checks;
pub mod cli;
pub mod dev;
pub mod engine;
pub mod lock;
pub mod lone_gateway;
pub mod secrets;
pub mod standins;
pub mod test;
pub mod tools;
pub mod ui;
