//! The stack as a user starts it, and everything that it must and must not do.
//!
//! Most scenarios share one stack, so they run one after the other in this
//! order; each brings about what it needs, so that any of them can run alone:
//! `cargo xtask test NAME`. Beside them run those that need no stack, then
//! some that mostly wait for OpenClaw, on a second stack.

#![allow(
    clippy::indexing_slicing,
    reason = "a scenario that does not find what it looks for fails"
)]

mod attacks;
mod browser;
mod chat;
mod clones;
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
mod upgrade;
mod websocket;

use std::fs::{create_dir_all, read_to_string};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};

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
        fleet::trials(&world),
        browser::before_restart(&world),
        chat::trials(&world),
        websocket::trials(&world),
        policy::trials(&world),
        governance::trials(&world),
        attacks::trials(&world),
        container::trials(&world),
        sources::trials(&world),
        clones::trials(&world),
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
    let second = world.beside();
    let apart = [
        models::trials(&world),
        turns::trials(&second),
        state::trials(&second),
        upgrade::trials(&second),
    ];
    let mut apart: Vec<_> = apart.into_iter().flatten().collect();
    apart.retain(|trial| wanted(trial.name()));
    let apart = beside(&world, &arguments, apart);
    let conclusion = libtest_mimic::run(&arguments, trials);
    let mut failed = apart() || conclusion.has_failed();
    let slowest = world.took().into_iter().take(SLOWEST);
    for (time, name) in slowest.filter(|(time, _)| *time >= SLOW) {
        println!("{:>4} s  {name}", time.as_secs());
    }
    for world in [world, second] {
        if let Err(error) = world.close() {
            eprintln!("error: a stack did not end well: {error:#}");
            failed = true;
        }
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Runs scenarios on a thread of their own, because the others mostly wait. What comes back
/// waits for them, shows what they printed, and says whether one failed.
fn beside(world: &World, arguments: &Arguments, trials: Vec<Trial>) -> impl FnOnce() -> bool {
    let mut arguments = arguments.clone();
    let log = world.logs().map(|logs| logs.join("e2e-apart.log"));
    // Where there is no place for it, none of them can run either, and that is short.
    let written = log.filter(|_| !arguments.list && !trials.is_empty());
    let written = written.filter(|log| log.parent().is_some_and(|at| create_dir_all(at).is_ok()));
    arguments.logfile = written.as_ref().map(|log| log.display().to_string());
    let running = thread::spawn(move || libtest_mimic::run(&arguments, trials));
    move || {
        let conclusion = running.join();
        if let Some(text) = written.and_then(|log| read_to_string(log).ok()) {
            println!("{text}");
        }
        conclusion.map_or(true, |conclusion| conclusion.has_failed())
    }
}
