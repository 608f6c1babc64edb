//! Operations on gateways.

mod forget;
mod heartbeat;
mod list;
mod show;
mod summary;
mod token;

pub(super) use forget::forget;
pub(super) use heartbeat::heartbeat;
pub(super) use list::list;
pub(super) use show::show;
pub(super) use token::token;
