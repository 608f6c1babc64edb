//! The launcher of a container: makes its namespaces and starts its PID 1.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::thread::{ThreadNameSpaceType, UnshareFlags};

use super::{Context, Failure, INIT, SUBCOMMAND, exec, namespaces, run};
use crate::engine::control;
use crate::engine::spec::{ContainerSpec, Isolation, Report};

/// Runs the container until it ends or the engine does.
pub(super) fn launch(
    socket: &OwnedFd,
    spec: &ContainerSpec,
    descriptors: Vec<OwnedFd>,
) -> Result<(), Failure> {
    let mut descriptors = descriptors.into_iter();
    let (Some(stdout), Some(stderr)) = (descriptors.next(), descriptors.next()) else {
        return Err(std::io::Error::other("descriptors are missing")).doing("read the task");
    };
    let mut command = match (spec.isolation, descriptors.next()) {
        (Isolation::None, _) => {
            return plain(socket, spec, stdout, stderr);
        }
        (_, None) => {
            return Err(std::io::Error::other("its network is missing")).doing("read the task");
        }
        (isolation, Some(holder)) => {
            namespaces::join(&holder, isolation, ThreadNameSpaceType::NETWORK)
                .doing("enter the container's network")?;
            namespaces::unshare(
                UnshareFlags::NEWNS
                    | UnshareFlags::NEWPID
                    | UnshareFlags::NEWIPC
                    | UnshareFlags::NEWUTS,
            )
            .doing("make the container's namespaces")?;
            // The first child is PID 1 of the new process namespace. It is
            // this program again: only from inside can it build its root.
            let mut command = Command::new("/proc/self/exe");
            command.args([SUBCOMMAND, INIT]);
            command
        }
    };
    let (ours, theirs) = control::pair().doing("make a socket")?;
    let mut child = command
        .env_clear()
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::from(stdout))
        .stderr(Stdio::from(stderr))
        .spawn()
        .doing("start the container's first process")?;
    // Closes our copy of the child's socket, so that its end can be seen.
    drop(command);
    let pidfd = run::pidfd_of(&child)?;
    if let Err(failure) = introduce(&ours, spec) {
        // Gone before the engine hears of it, so that nothing is left then.
        let _ = child.kill();
        let _ = child.wait();
        return Err(failure);
    }
    run::supervise(socket, child, &pidfd)
}

/// Tells the first process what to become, and waits until it is that.
fn introduce(init: &OwnedFd, spec: &ContainerSpec) -> Result<(), Failure> {
    control::send(init, spec, &[]).doing("describe the container to its first process")?;
    // The socket closes when the image's program takes over.
    while let Some((report, _)) =
        control::receive(init).doing("hear from the container's first process")?
    {
        if let Report::Failed { reason, code } = report {
            return Err(Failure { reason, code });
        }
    }
    Ok(())
}

/// Without namespaces: a process like any other. What it leaves behind becomes
/// a child of ours, and ends with it.
fn plain(
    socket: &OwnedFd,
    spec: &ContainerSpec,
    stdout: OwnedFd,
    stderr: OwnedFd,
) -> Result<(), Failure> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .doing("adopt what the program leaves behind")?;
    let child = exec::program(&spec.argv, &spec.env, Path::new("/"))?
        .stdin(Stdio::null())
        .process_group(0)
        .stdout(Stdio::from(stdout))
        .stderr(Stdio::from(stderr))
        .spawn()
        .doing("start the program")?;
    let pidfd = run::pidfd_of(&child)?;
    run::supervise(socket, child, &pidfd)
}
