//! The stack as a user starts it, and everything that it must and must not do.
//!
//! The scenarios share one stack, so they run one after the other in this
//! order; each brings about what it needs, so that any of them can run alone:
//! `cargo xtask test NAME`.

#![allow(
    clippy::indexing_slicing,
    reason = "a scenario that does not find what it looks for fails"
)]

mod attacks;
mod browser;
mod chat;
mod container;
mod fleet;
mod governance;
mod models;
mod policy;
mod proof;
mod recovery;
mod restart;
mod sleep;
mod sources;
mod stage;
mod state;
mod turns;
mod websocket;

use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::Arguments;

use crate::stage::World;

/// How many of the slowest scenarios are named at the end.
const SLOWEST: usize = 25;
/// What is not worth naming.
const SLOW: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    // libtest-mimic takes one filter where the others take many.
    let (flags, filters): (Vec<_>, Vec<_>) =
        std::env::args().partition(|argument| argument.starts_with('-'));
    let filters = filters.get(1..).unwrap_or_default();
    let program = std::env::args().take(1);
    let mut arguments = Arguments::from_iter(program.chain(flags));
    arguments.test_threads = Some(1);
    let world = match World::new() {
        Ok(world) => world,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let trials = [
        models::trials(&world),
        fleet::trials(&world),
        browser::before_restart(&world),
        chat::trials(&world),
        websocket::trials(&world),
        turns::trials(&world),
        policy::trials(&world),
        governance::trials(&world),
        attacks::trials(&world),
        container::trials(&world),
        sources::trials(&world),
        state::trials(&world),
        sleep::before(&world),
        proof::trials(&world),
        sleep::trials(&world),
        restart::trials(&world),
        browser::after_restart(&world),
        recovery::trials(&world),
        restart::last_trials(&world),
    ];
    let mut trials: Vec<_> = trials.into_iter().flatten().collect();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|part| name.contains(part));
    trials.retain(|trial| wanted(trial.name()));
    let conclusion = libtest_mimic::run(&arguments, trials);
    let slowest = world.took().into_iter().take(SLOWEST);
    for (time, name) in slowest.filter(|(time, _)| *time >= SLOW) {
        println!("{:>4} s  {name}", time.as_secs());
    }
    let left = world.close();
    if let Err(error) = &left {
        eprintln!("error: the stack did not end well: {error:#}");
    }
    if left.is_err() {
        ExitCode::FAILURE
    } else {
        conclusion.exit_code()
    }
}
