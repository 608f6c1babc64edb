//! Watching over the one program a helper has started.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, waitpid};

use super::{Context, Failure};
use crate::engine::control;
use crate::engine::spec::Report;

/// A pidfd of our own child, which cannot have been reaped yet.
pub(super) fn pidfd_of(child: &Child) -> Result<OwnedFd, Failure> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid
        .ok_or_else(|| std::io::Error::other("its process id is out of range"))
        .doing("watch the program")?;
    pidfd_open(pid, PidfdFlags::empty()).doing("watch the program")
}

/// Tells the engine that `child` runs, and in the end how it ended. When the
/// engine goes away first, the child is killed.
pub(super) fn supervise(
    socket: &OwnedFd,
    mut child: Child,
    pidfd: &OwnedFd,
) -> Result<(), Failure> {
    let started = Report::Started { pid: child.id() };
    let mut engine_is_there = control::send(socket, &started, &[pidfd.as_fd()]).is_ok();
    while engine_is_there {
        let mut events = [
            PollFd::new(socket, PollFlags::IN),
            PollFd::new(pidfd, PollFlags::IN),
        ];
        match poll(&mut events, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).doing("wait for the program"),
        }
        let [engine, program] = events;
        if !program.revents().is_empty() {
            break;
        }
        // The engine sends nothing after its task: any event is its end.
        engine_is_there = engine.revents().is_empty();
    }
    if !engine_is_there {
        let _ = child.kill();
    }
    let status = child.wait().doing("wait for the program")?;
    end_children();
    let _ = control::send(
        socket,
        &Report::Exited {
            code: exit_code(status),
        },
        &[],
    );
    Ok(())
}

/// Kills what the program has left behind, which is ours only where there is
/// no process namespace that ends with it.
fn end_children() {
    loop {
        let children = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
        let mut any = false;
        for pid in children.split_whitespace() {
            let Some(pid) = pid.parse().ok().and_then(Pid::from_raw) else {
                continue;
            };
            any = true;
            // INVARIANT: a child of ours that was not waited for yet, so the
            // number means that process.
            let _ = kill_process(pid, Signal::KILL);
            let _ = waitpid(Some(pid), WaitOptions::empty());
        }
        if !any {
            return;
        }
    }
}

/// As a shell and Docker count: 128 + the signal, when one ended it.
fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(255)
}
