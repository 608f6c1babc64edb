//! Processes that nobody else looks after: as PID 1 (or subreaper) we inherit
//! whatever OpenClaw's agents leave behind.

use std::collections::HashSet;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process, set_child_subreaper,
    waitid, waitpid,
};

use crate::log;

/// How long the reaper rests when there is nothing for it.
const REST: Duration = Duration::from_millis(200);

/// Ids of the processes that we started and wait for ourselves; all others that
/// end are reaped as they come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Processes {
    own: Arc<Mutex<HashSet<i32>>>,
}

impl Processes {
    /// Adopts orphans and starts to reap them.
    pub(crate) fn start() -> Self {
        if let Err(error) = set_child_subreaper(Some(getpid())) {
            log::line(&format!("cannot adopt orphaned processes: {error}"));
        }
        let processes = Self::default();
        let reaper = processes.clone();
        std::thread::spawn(move || {
            loop {
                // Returns when any child has ended, and leaves it as it is.
                let ended = waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
                if ended.is_err() || !reaper.reap_one() {
                    std::thread::sleep(REST);
                }
            }
        });
        processes
    }

    /// Starts a process that the caller waits for, then hands to [`Self::done`].
    pub(crate) fn spawn(&self, command: &mut Command) -> std::io::Result<Child> {
        // INVARIANT: held from before the process exists until its id is known, so
        // that the reaper cannot take the exit of a process that failed to start.
        let mut own = self.own();
        let child = command.spawn()?;
        own.insert(pid_of(&child));
        Ok(child)
    }

    /// The process has been waited for.
    pub(crate) fn done(&self, pid: i32) {
        self.own().remove(&pid);
    }

    /// Kills what has been left to us, again and again until nothing is left:
    /// each process that goes may leave its own children.
    pub(crate) fn kill_orphans(&self) {
        for _ in 0..50 {
            let orphans: Vec<i32> = {
                let own = self.own();
                children_of(getpid().as_raw_nonzero().get())
                    .into_iter()
                    .filter(|pid| !own.contains(pid))
                    .collect()
            };
            if orphans.is_empty() {
                return;
            }
            for pid in orphans.into_iter().filter_map(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Reaps one process that is not ours to wait for; false when there is none.
    fn reap_one(&self) -> bool {
        let own = self.own();
        let peek = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let me = getpid().as_raw_nonzero().get();
        for pid in children_of(me).into_iter().filter(|pid| !own.contains(pid)) {
            let Some(pid) = Pid::from_raw(pid) else {
                continue;
            };
            if matches!(waitid(WaitId::Pid(pid), peek), Ok(Some(_))) {
                return matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(Some(_)));
            }
        }
        false
    }

    fn own(&self) -> MutexGuard<'_, HashSet<i32>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Id of a process that we started.
pub(crate) fn pid_of(child: &Child) -> i32 {
    // INVARIANT: Linux ids are at most 2^22.
    i32::try_from(child.id()).unwrap_or(i32::MAX)
}

/// Children of a process, from `/proc/*/stat`.
fn children_of(parent: i32) -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .is_ok_and(|stat| parent_in(&stat) == Some(parent))
        })
        .collect()
}

/// The parent's id in a line of `/proc/PID/stat`; the name before it may hold
/// anything, a closing parenthesis too (proc(5)).
fn parent_in(stat: &str) -> Option<i32> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    after_name.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parent_in;

    #[test]
    fn a_process_name_cannot_forge_its_parent() {
        assert_eq!(parent_in("12 (node) S 7 12 12 0"), Some(7));
        assert_eq!(parent_in("12 (a) S 1 (b) Z 7 12"), Some(7));
        assert_eq!(parent_in("12 node"), None);
    }
}
