//! What the developer sees: one line per step, and on failure the end of the
//! step's output with the place of the rest.

mod failure;
mod log;
mod progress;
mod step;

pub use failure::StepFailed;
pub(crate) use log::tail as log_tail;
pub use progress::Progress;
pub use step::Step;
