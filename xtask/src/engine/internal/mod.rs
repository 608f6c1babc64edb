//! What runs in the engine's helper processes: `xtask internal …`.
//!
//! Namespaces belong to a process, and a process with threads may not enter a
//! user namespace. So the engine, which has threads, re-executes this binary;
//! each helper is single-threaded, is told its task over the socket on its
//! standard input, and ends when that socket does.

mod container;
mod exec;
mod init;
mod namespaces;
mod netlink;
mod network;
mod privileges;
mod rootfs;
mod run;

use std::ffi::OsString;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

use super::control;
use super::spec::{Report, Task};

/// First argument that makes `xtask` a helper of the engine.
pub const SUBCOMMAND: &str = "internal";

/// A helper of the engine; the next argument is its state directory, there
/// only so that its processes can be told from those of another engine.
pub(crate) const HELPER: &str = "engine-helper";

/// PID 1 of a container, before it becomes the image's program.
pub(crate) const INIT: &str = "container-init";

/// Runs a helper. Call it first thing in `main`, before any thread is started,
/// when the first argument is [`SUBCOMMAND`]; `arguments` are those after it.
pub fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let role = arguments.next();
    let result = match role.as_deref().and_then(|role| role.to_str()) {
        Some(HELPER) => helper(),
        Some(INIT) => init::main(),
        _ => Err(Error::new(
            ErrorKind::InvalidInput,
            "`xtask internal` is started by the container engine only",
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask internal: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Takes the control socket off standard input, so that no program started
/// from here can inherit it.
fn take_control_socket() -> Result<OwnedFd> {
    let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    Ok(socket)
}

fn helper() -> Result<()> {
    let socket = take_control_socket()?;
    let Some((task, descriptors)) = control::receive::<Task>(&socket)? else {
        return Ok(());
    };
    let outcome = match task {
        Task::HoldNetwork { user_namespace } => network::hold(&socket, user_namespace),
        Task::RunContainer(spec) => container::launch(&socket, &spec, descriptors),
        Task::RunExec(spec) => exec::launch(&socket, &spec, descriptors),
    };
    let Err(Failure { reason, code }) = outcome else {
        return Ok(());
    };
    // The engine may be gone: nobody is left to tell.
    let _ = control::send(&socket, &Report::Failed { reason, code }, &[]);
    Ok(())
}

/// Why something could not be started.
#[derive(Debug)]
pub(crate) struct Failure {
    reason: String,
    code: i32,
}

impl Failure {
    /// A failure of ours, not of the program: exit code 125, as Docker has it.
    fn new(doing: &str, error: impl Into<Error>) -> Self {
        Self {
            reason: format!("{doing}: {}", error.into()),
            code: 125,
        }
    }
}

/// Adds what was being done to an error.
pub(crate) trait Context<T> {
    /// `doing` reads as "could not …"'s object: "mount /proc".
    fn doing(self, doing: &str) -> std::result::Result<T, Failure>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn doing(self, doing: &str) -> std::result::Result<T, Failure> {
        self.map_err(|error| Failure::new(doing, error))
    }
}
