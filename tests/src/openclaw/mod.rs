//! OpenClaw's WebSocket protocol, version 4, as far as a chat needs it.

mod device;
mod session;

pub use device::Device;
pub use session::{Client, Hello, OpenError, Session, Told};
