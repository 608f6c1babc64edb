//! PID 1 of a container, until it becomes the image's program.

use std::io::Result;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, set_parent_process_death_signal};

use super::{Context, Failure, exec, privileges, rootfs, take_control_socket};
use crate::engine::control;
use crate::engine::spec::{ContainerSpec, Report};

/// Builds the container around itself and executes its program. Returns only
/// when that failed, after telling the launcher why.
pub(super) fn main() -> Result<()> {
    let socket = take_control_socket()?;
    let Some((spec, _)) = control::receive::<ContainerSpec>(&socket)? else {
        return Ok(());
    };
    let failure = match prepare(&spec) {
        Ok(mut command) => {
            // Had the launcher gone before the death signal was asked for,
            // nobody would be left to end us: then this cannot be sent.
            control::send(&socket, &Report::Ready, &[])?;
            exec::failure(&spec.argv, &command.exec())
        }
        Err(failure) => failure,
    };
    let Failure { reason, code } = failure;
    control::send(&socket, &Report::Failed { reason, code }, &[])
}

fn prepare(spec: &ContainerSpec) -> std::result::Result<Command, Failure> {
    rustix::process::setsid().doing("start a session")?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    rustix::system::sethostname(spec.hostname.as_bytes()).doing("set the host name")?;
    rootfs::build(spec)?;
    let command = exec::program(&spec.argv, &spec.env, &spec.workdir)?;
    privileges::drop_privileges().doing("give up privileges")?;
    // The launcher has no threads, so this fires when it dies and not before.
    set_parent_process_death_signal(Some(Signal::KILL)).doing("follow the launcher")?;
    Ok(command)
}
