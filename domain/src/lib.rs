//! Types and rules shared by every part of tedix-claw.
//!
//! Everything here is a total function over values: no I/O, no clock, no
//! randomness. Callers pass the time and the random bytes in.

pub mod access;
pub mod audit;
pub mod browser;
pub mod budget;
pub mod csv;
pub mod devices;
pub mod drift;
pub mod fleet;
pub mod git;
pub mod id;
pub mod metering;
pub mod policy;
pub mod prices;
pub mod problem;
pub mod proposal;
pub mod secret;
pub mod state;
pub mod upgrade;
pub mod wire;
