//! PID 1 of a gateway's container: configures, starts and watches OpenClaw.
//!
//! It runs as root and OpenClaw as an unprivileged user, so that an agent can
//! change neither the configuration nor read the credential that reports.
//! What it needs comes from the environment; see [`settings`].

mod backoff;
mod child;
mod config_file;
mod governance;
mod governed;
mod log;
mod openclaw;
mod privileges;
mod processes;
mod settings;
mod signals;
mod store;
mod supervisor;

use std::process::ExitCode;

use settings::Settings;
use supervisor::Supervisor;

fn main() -> ExitCode {
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => return fail(&error),
    };
    privileges::hide_own_memory();
    match Supervisor::new(settings).and_then(Supervisor::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(error: &str) -> ExitCode {
    log::line(error);
    ExitCode::FAILURE
}
