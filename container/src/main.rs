//! PID 1 of a gateway's container: configures, starts and watches OpenClaw.
//!
//! It runs as root and OpenClaw as an unprivileged user, so that an agent can
//! change neither the configuration nor read the credential that reports.
//! What it needs comes from the environment; see [`settings`].

mod approved;
mod backoff;
mod child;
mod config_file;
mod git;
mod governance;
mod governed;
mod log;
mod openclaw;
mod owner_lease;
mod privileges;
mod processes;
mod settings;
mod signals;
mod snapshot;
mod store;
mod supervisor;
mod versions;
mod workspace;

use std::process::ExitCode;

use domain::wire::state::EXIT_NO_STATE;
use settings::Settings;
use supervisor::{End, Supervisor};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, rest)) = arguments.split_first()
        && first == "state"
    {
        return match snapshot::offline(rest) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error),
        };
    }
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => return fail(&error),
    };
    privileges::hide_own_memory();
    match Supervisor::new(settings).and_then(Supervisor::run) {
        Ok(End::Asked) => ExitCode::SUCCESS,
        Ok(End::NoState) => ExitCode::from(u8::try_from(EXIT_NO_STATE).unwrap_or(1)),
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(error: &str) -> ExitCode {
    log::line(error);
    ExitCode::FAILURE
}
