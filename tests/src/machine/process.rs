//! Processes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// One process. It stays the same process only while its start time does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's.
    pub parent: u32,
    /// When it started, in clock ticks since the machine did.
    pub started: u64,
    /// One letter: `Z` has ended and waits for its parent.
    pub state: char,
    /// Its arguments, joined by blanks; the name in brackets when it has none.
    pub command: String,
}

impl Process {
    /// Reads one.
    #[must_use]
    pub fn read(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name is in parentheses and may hold anything, so count from the last one.
        let (head, tail) = stat.rsplit_once(')')?;
        let name = head.split_once('(').map_or("", |(_, name)| name);
        let fields: Vec<&str> = tail.split_whitespace().collect();
        let raw = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&raw).replace('\0', " ");
        let command = match arguments.trim() {
            "" => format!("[{name}]"),
            arguments => arguments.to_owned(),
        };
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
            state: fields.first()?.chars().next()?,
            command,
        })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::read(self.pid).is_some_and(|now| now.started == self.started && now.state != 'Z')
    }

    /// The id that a namespace of it has, such as `net:[4026531840]`.
    #[must_use]
    pub fn namespace(&self, kind: &str) -> Option<String> {
        let link = fs::read_link(format!("/proc/{}/ns/{kind}", self.pid)).ok()?;
        Some(link.to_string_lossy().into_owned())
    }

    /// Its environment, as `NAME=value` separated by NUL.
    ///
    /// # Errors
    /// When it is gone or not ours to read.
    pub fn environment(&self) -> std::io::Result<Vec<u8>> {
        fs::read(format!("/proc/{}/environ", self.pid))
    }

    /// The file system that it sees, seen from outside.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.pid))
    }

    /// Its id inside its own process namespace.
    #[must_use]
    pub fn inner_pid(&self) -> Option<u32> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("NSpid:"))?;
        line.split_whitespace().last()?.parse().ok()
    }

    /// User id that it runs as, as this process sees it.
    #[must_use]
    pub fn user(&self) -> Option<u32> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

/// Every process of the machine.
#[must_use]
pub fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Process::read)
        .collect()
}

/// A process and all that came from it.
#[must_use]
pub fn descendants(pid: u32) -> Vec<Process> {
    let processes = all();
    let mut children: BTreeMap<u32, Vec<&Process>> = BTreeMap::new();
    for process in &processes {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found: BTreeSet<&Process> = processes.iter().filter(|one| one.pid == pid).collect();
    let mut next: Vec<&Process> = found.iter().copied().collect();
    while let Some(process) = next.pop() {
        for child in children.get(&process.pid).into_iter().flatten() {
            if found.insert(child) {
                next.push(child);
            }
        }
    }
    found.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_found_and_seen_to_end() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep");
        let found = descendants(std::process::id());
        let child_process = found
            .iter()
            .find(|one| one.pid == child.id())
            .expect("found")
            .clone();
        assert!(child_process.is_alive());
        child.kill().expect("killed");
        child.wait().expect("waited for");
        assert!(!child_process.is_alive());
    }
}
