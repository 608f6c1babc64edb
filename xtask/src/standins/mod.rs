//! Stand-ins for what cannot run on a developer's machine: Cloudflare Access
//! and a paid model. They speak the real protocols, so the Workers have no
//! development path; they live here and are never deployed.

pub mod access;
pub mod model;
mod server;

pub use server::Server;
