//! Starting helper processes, and the programs they watch over.

use std::ffi::OsString;
use std::io::{Error, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::process::Command;
use tokio::sync::watch;

use super::control::{self, Control};
use super::internal::{HELPER, SUBCOMMAND};
use super::spec::{Report, Task};

/// Exit code of a program whose launcher vanished: it was killed with it.
const KILLED: i32 = 137;

/// How helpers of this engine are started.
#[derive(Debug, Clone)]
pub(crate) struct Helpers {
    /// The xtask binary.
    program: PathBuf,
    /// Shown in the helpers' command lines, to tell engines apart.
    marker: OsString,
    /// How many have not ended yet.
    alive: watch::Sender<usize>,
}

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct StartError {
    pub reason: String,
    /// The exit code Docker would report.
    pub code: i32,
}

impl From<Error> for StartError {
    fn from(error: Error) -> Self {
        Self {
            reason: format!("the engine's helper process: {error}"),
            code: 125,
        }
    }
}

impl Helpers {
    pub(crate) fn new(program: PathBuf, marker: OsString) -> Self {
        Self {
            program,
            marker,
            alive: watch::Sender::new(0),
        }
    }

    /// Waits until every helper that was let go of has ended.
    pub(crate) async fn all_ended(&self) {
        let mut alive = self.alive.subscribe();
        // INVARIANT: the sender lives in self, so this cannot fail.
        let _ = alive.wait_for(|alive| *alive == 0).await;
    }

    /// Starts a helper and gives it its task. Its pidfd comes back too.
    pub(crate) async fn start(
        &self,
        task: &Task,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(Control, OwnedFd)> {
        let (ours, theirs) = control::pair()?;
        let mut child = Command::new(&self.program)
            .arg(SUBCOMMAND)
            .arg(HELPER)
            .arg(&self.marker)
            .env_clear()
            .current_dir("/")
            // Out of the terminal's process group: Ctrl-C is for the engine.
            .process_group(0)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()?;
        let pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw)
            .ok_or_else(|| Error::other("it ended at once"))?;
        // INVARIANT: not reaped yet, so the number still means this process.
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        self.alive.send_modify(|alive| *alive += 1);
        let alive = self.alive.clone();
        tokio::spawn(async move {
            // Without it the process would stay a zombie; how it ended is
            // told over the control socket.
            let _ = child.wait().await;
            alive.send_modify(|alive| *alive -= 1);
        });
        let control = Control::new(ours)?;
        control.send(task, descriptors).await?;
        Ok((control, pidfd))
    }

    /// Starts a helper that runs a program, and waits until that runs.
    pub(crate) async fn run(
        &self,
        task: &Task,
        descriptors: &[BorrowedFd<'_>],
    ) -> std::result::Result<Program, StartError> {
        let (control, _) = self.start(task, descriptors).await?;
        match control.receive::<Report>().await? {
            Some((Report::Started { pid }, mut descriptors)) => Ok(Program {
                pid,
                pidfd: descriptors
                    .pop()
                    .ok_or_else(|| Error::other("it sent no pidfd"))?,
                control,
            }),
            Some((Report::Failed { reason, code }, _)) => Err(StartError { reason, code }),
            Some(_) | None => Err(Error::other("it ended without an answer").into()),
        }
    }
}

/// A program under the watch of a helper. Dropping it kills the program.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its process id on this machine.
    pub pid: u32,
    pidfd: OwnedFd,
    control: Control,
}

impl Program {
    /// Sends a signal; one that has ended gets none.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        match pidfd_send_signal(&self.pidfd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for the end; the exit code, or 128 + the signal.
    pub(crate) async fn exit_code(&self) -> i32 {
        loop {
            match self.control.receive::<Report>().await {
                Ok(Some((Report::Exited { code }, _))) => return code,
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return KILLED,
            }
        }
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}
