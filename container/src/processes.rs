//! Processes that nobody else looks after: as PID 1 (or subreaper) we inherit
//! whatever OpenClaw's agents leave behind.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};
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
/// How often processes are looked for that a kill has left.
const KILL_ROUNDS: u32 = 50;
/// How long the kernel gets to end what was killed.
const KILL_PAUSE: Duration = Duration::from_millis(20);

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
        self.kill_all(|processes| {
            let own = self.own();
            let orphans = children(processes, own_pid());
            orphans.filter(|pid| !own.contains(pid)).collect()
        });
    }

    /// Kills every command that OpenClaw's agents run or have left behind; how
    /// many there were. OpenClaw's own helpers stay: its Node with a script out of
    /// its package, started by OpenClaw or another helper.
    pub(crate) fn kill_commands(&self, openclaw: i32, package: &Path) -> usize {
        let killed = self.kill_all(|processes| {
            let node = fs::read_link(format!("/proc/{openclaw}/exe")).ok();
            let (mut found, mut parents) = (Vec::new(), vec![(openclaw, true)]);
            while let Some((parent, helpers)) = parents.pop() {
                for pid in children(processes, parent) {
                    let helper = helpers && is_helper(pid, node.as_deref(), package);
                    parents.push((pid, helper));
                    if !helper {
                        found.push(pid);
                    }
                }
            }
            found
        });
        self.kill_orphans();
        killed
    }

    /// Kills what is found, until nothing is; how many were found at first.
    fn kill_all(&self, find: impl Fn(&[(i32, i32)]) -> Vec<i32>) -> usize {
        let mut first = None;
        for _ in 0..KILL_ROUNDS {
            let found = find(&all_processes());
            first.get_or_insert(found.len());
            if found.is_empty() {
                break;
            }
            for pid in found.into_iter().filter_map(Pid::from_raw) {
                // It may have ended by itself.
                let _ = kill_process(pid, Signal::KILL);
            }
            std::thread::sleep(KILL_PAUSE);
        }
        first.unwrap_or_default()
    }

    /// Reaps one process that is not ours to wait for; false when there is none.
    fn reap_one(&self) -> bool {
        let own = self.own();
        let peek = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        for pid in children(&all_processes(), own_pid()).filter(|pid| !own.contains(pid)) {
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

fn own_pid() -> i32 {
    getpid().as_raw_nonzero().get()
}

/// Every process and its parent, from `/proc/*/stat`.
fn all_processes() -> Vec<(i32, i32)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, parent_in(&stat)?))
    })
    .collect()
}

fn children(processes: &[(i32, i32)], of: i32) -> impl Iterator<Item = i32> {
    processes
        .iter()
        .filter(move |(_, parent)| *parent == of)
        .map(|(pid, _)| *pid)
}

/// Whether a process runs a script of a package with this very program.
fn is_helper(pid: i32, program: Option<&Path>, package: &Path) -> bool {
    let Ok(command) = fs::read(format!("/proc/{pid}/cmdline")) else {
        return false;
    };
    let script = command
        .split(|byte| *byte == 0)
        .nth(1)
        .map(|text| Path::new(OsStr::from_bytes(text)));
    let runs = fs::read_link(format!("/proc/{pid}/exe")).ok();
    runs.is_some()
        && runs.as_deref() == program
        && script.is_some_and(|script| script.starts_with(package) && is_plain(script))
}

/// Whether a path has no `..` that would lead out again.
fn is_plain(path: &Path) -> bool {
    path.components()
        .all(|part| !matches!(part, Component::ParentDir))
}

/// The parent's id in a line of `/proc/PID/stat`; the name before it may
/// hold anything, a closing parenthesis too (proc(5)).
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
