//! A gateway's state in another gateway: the target pulls a generation from the source's
//! Worker, with a code that opens nothing else. The contract is [`domain::wire::clones`].
//!
//! Two gateways may lie in two accounts: nothing is assumed of the other one but that it
//! answers HTTPS, and nothing that it says is believed.

mod copy;
mod granted;
mod serve;
#[cfg(test)]
mod tests;

pub use copy::{Failure, Outcome, Step, Task, run, tidy};
pub use serve::serve;
