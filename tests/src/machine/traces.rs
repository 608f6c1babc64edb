//! What a stack has on the machine, noted while it runs and looked for after.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::process::{Process, all, descendants};

const NAMESPACES: [&str; 6] = ["net", "mnt", "pid", "ipc", "uts", "user"];

/// What a running stack has.
#[derive(Debug, Clone)]
pub struct Traces {
    processes: Vec<Process>,
    namespaces: BTreeSet<String>,
    ports: Vec<u16>,
    state: PathBuf,
}

/// What is still there after it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers(Vec<String>);

impl Traces {
    /// Notes what the stack of process `pid` has: everything that came from it,
    /// the namespaces that are not this process's own, and its ports.
    #[must_use]
    pub fn of(pid: u32, state: &Path, ports: &[u16]) -> Self {
        let processes = descendants(pid);
        let own = Process::read(std::process::id());
        let is_own = |name: &str| {
            own.iter().any(|me| {
                NAMESPACES
                    .iter()
                    .any(|kind| me.namespace(kind).as_deref() == Some(name))
            })
        };
        let namespaces = processes
            .iter()
            .flat_map(|process| NAMESPACES.iter().filter_map(|kind| process.namespace(kind)))
            .filter(|name| !is_own(name))
            .collect();
        Self {
            processes,
            namespaces,
            ports: ports.to_vec(),
            state: state.to_owned(),
        }
    }

    /// How many processes and namespaces there are: with none of them, nothing
    /// could be left and a test would show nothing.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.processes.len(), self.namespaces.len())
    }

    /// Looks for all of it again.
    #[must_use]
    pub fn leftovers(&self) -> Leftovers {
        let Leftovers(mut left) = self.running();
        left.extend(
            sockets_below(&self.state)
                .into_iter()
                .map(|path| format!("socket {}", path.display())),
        );
        Leftovers(left)
    }

    /// Looks for what still runs or is held open: all but files, which nobody
    /// removes who is killed.
    #[must_use]
    pub fn running(&self) -> Leftovers {
        let mut left = Vec::new();
        let running = all();
        for process in self.processes.iter().filter(|process| process.is_alive()) {
            left.push(format!("process {} {}", process.pid, process.command));
        }
        for process in &running {
            let known = self.processes.iter().any(|one| one.pid == process.pid);
            if !known && self.is_marked(process) {
                left.push(format!("process {} {}", process.pid, process.command));
            }
            for name in NAMESPACES.iter().filter_map(|kind| process.namespace(kind)) {
                if self.namespaces.contains(&name) {
                    left.push(format!("namespace {name}, held by process {}", process.pid));
                }
            }
        }
        left.extend(self.lines_naming("/proc/self/mountinfo", "mount"));
        left.extend(self.lines_naming("/proc/net/unix", "socket"));
        for port in &self.ports {
            if TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_err() {
                left.push(format!("port {port}"));
            }
        }
        Leftovers(left)
    }

    /// Whether a process names the state folder in its arguments or environment.
    fn is_marked(&self, process: &Process) -> bool {
        if process.pid == std::process::id() || process.state == 'Z' {
            return false;
        }
        let state = self.state.as_os_str().as_bytes();
        let environment = process.environment().unwrap_or_default();
        contains(process.command.as_bytes(), state) || contains(&environment, state)
    }

    /// Lines that name the state folder or one of the namespaces (a namespace
    /// kept alive by a mount has no process).
    fn lines_naming(&self, file: &str, what: &str) -> Vec<String> {
        let text = fs::read_to_string(file).unwrap_or_default();
        let state = self.state.to_string_lossy();
        let names = |line: &str| {
            line.contains(state.as_ref())
                || self
                    .namespaces
                    .iter()
                    .any(|name| line.contains(name.as_str()))
        };
        text.lines()
            .filter(|line| names(line))
            .map(|line| format!("{what} {line}"))
            .collect()
    }
}

impl Leftovers {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

/// Socket files in a folder and below.
fn sockets_below(folder: &Path) -> Vec<PathBuf> {
    use std::os::unix::fs::FileTypeExt;
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_socket() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::process::{Child, Command};

    use super::*;

    /// A process that sleeps and can be looked at: between its start and the
    /// end of its `exec` it has neither arguments nor an environment yet.
    fn sleeping(folder: &Path) -> Child {
        let child = Command::new("sleep")
            .arg("60")
            .env("MARK", folder)
            .spawn()
            .expect("sleep");
        let folder = folder.as_os_str().as_bytes();
        while !Process::read(child.id()).is_some_and(|now| {
            now.command == "sleep 60" && contains(&now.environment().unwrap_or_default(), folder)
        }) {
            std::thread::yield_now();
        }
        child
    }

    #[test]
    fn a_process_a_port_and_a_socket_that_stay_are_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let socket = UnixListener::bind(folder.path().join("s")).expect("a socket");
        let mut child = sleeping(folder.path());
        let traces = Traces::of(child.id(), folder.path(), &[port]);
        let left = traces.leftovers().to_string();
        for what in ["sleep 60", &format!("port {port}"), "socket"] {
            assert!(left.contains(what), "{what} in {left}");
        }
        child.kill().expect("killed");
        child.wait().expect("waited for");
        drop((listener, socket));
        folder.close().expect("removed");
        assert_eq!(traces.leftovers(), Leftovers::default());
    }

    #[test]
    fn a_process_that_got_away_is_found_by_its_mark() {
        let folder = tempfile::tempdir().expect("a folder");
        let traces = Traces::of(u32::MAX, folder.path(), &[]);
        let mut child = sleeping(folder.path());
        let left = traces.leftovers();
        child.kill().expect("killed");
        child.wait().expect("waited for");
        assert!(left.to_string().contains("sleep 60"), "{left}");
    }
}
