//! The machine as Linux shows it in /proc: what a stack runs, and what it
//! leaves behind.

mod container;
mod inside;
mod process;
mod traces;

pub use container::{Container, files_with, signal};
pub use inside::{Inquiry, Reply};
pub use process::{Process, all, descendants};
pub use traces::{Leftovers, Traces};
