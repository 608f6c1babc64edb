//! What separates OpenClaw from us.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::process::{DumpableBehavior, Gid, Uid, geteuid, set_dumpable_behavior};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::log;

/// Keeps other processes out of our memory and of `/proc/PID/environ`, where our
/// credential stays readable for as long as we run.
pub(crate) fn hide_own_memory() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        log::line(&format!("cannot hide this process's memory: {error}"));
    }
}

/// Whether OpenClaw can run as another user than we do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Separation {
    /// As this user and group.
    User(u32),
    /// As ourselves.
    None,
}

impl Separation {
    /// What is possible here, with a warning when it is not what it should be.
    pub(crate) fn available(uid: u32) -> Self {
        if !geteuid().is_root() {
            log::line(
                "warning: not root, so OpenClaw runs as the same user and could change its configuration",
            );
            return Self::None;
        }
        if !is_mapped(
            uid,
            &std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default(),
        ) {
            log::line(&format!(
                "warning: user {uid} does not exist in this user namespace, so OpenClaw runs as root in it"
            ));
            return Self::None;
        }
        Self::User(uid)
    }

    /// Makes a program run as OpenClaw's user, without any other group.
    pub(crate) fn apply(self, command: &mut Command) {
        if let Self::User(uid) = self {
            command.uid(uid).gid(uid);
        }
    }

    /// Makes this thread, and those that it starts, open files as OpenClaw's user: what
    /// the kernel refuses to that user is refused to us, wherever a link leads. Others
    /// still may not signal or trace us: the real and the saved user stay root's.
    pub(crate) fn enter(self) -> std::io::Result<()> {
        if let Self::User(uid) = self {
            set_thread_groups(&[])?;
            set_thread_res_gid(None, Gid::from_raw(uid), None)?;
            set_thread_res_uid(None, Uid::from_raw(uid), None)?;
        }
        Ok(())
    }

    /// The user whose files OpenClaw's are.
    pub(crate) fn user(self) -> u32 {
        match self {
            Self::User(uid) => uid,
            Self::None => geteuid().as_raw(),
        }
    }

    /// Hands a file or directory to OpenClaw's user.
    pub(crate) fn give(self, path: &Path) -> std::io::Result<()> {
        match self {
            Self::User(uid) => std::os::unix::fs::lchown(path, Some(uid), Some(uid)),
            Self::None => Ok(()),
        }
    }
}

/// Whether `/proc/self/uid_map` (lines of first inside, first outside, count) has a user.
fn is_mapped(uid: u32, map: &str) -> bool {
    map.lines().any(|line| {
        let mut fields = line
            .split_whitespace()
            .map(|field| field.parse::<u64>().unwrap_or(0));
        let (Some(first), Some(_), Some(count)) = (fields.next(), fields.next(), fields.next())
        else {
            return false;
        };
        (first..first.saturating_add(count)).contains(&u64::from(uid))
    })
}

#[cfg(test)]
mod tests {
    use super::is_mapped;

    #[test]
    fn user_namespaces_say_whom_they_have() {
        assert!(is_mapped(1000, "         0          0 4294967295\n"));
        assert!(is_mapped(1000, "0 1000 1\n1 100000 65536\n"));
        assert!(
            !is_mapped(1000, "0 1000 1\n") && !is_mapped(1000, "") && !is_mapped(1000, "0 1\n")
        );
    }
}
