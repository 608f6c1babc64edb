//! Clients for the stack's doors.

mod answer;
mod api;
mod gateway;
pub mod raw;
mod registry;
mod sign_in;

pub use answer::Answer;
pub use api::{Api, Call, Credential};
pub use gateway::Gateway;
pub use registry::Registry;
pub use sign_in::{SignedIn, sign_in};
