//! Entering and leaving namespaces.

use std::io::Result;
use std::os::fd::AsFd;

use rustix::thread::{ThreadNameSpaceType, UnshareFlags, move_into_thread_name_spaces};

use crate::engine::spec::Isolation;

/// Moves this single-threaded process into new namespaces.
pub(super) fn unshare(flags: UnshareFlags) -> Result<()> {
    #[expect(
        unsafe_code,
        reason = "rustix marks unshare unsafe for CLONE_FILES alone, which no caller passes"
    )]
    // SAFETY: without CLONE_FILES the descriptor table stays shared as it is.
    let result = unsafe { rustix::thread::unshare_unsafe(flags.difference(UnshareFlags::FILES)) };
    Ok(result?)
}

/// Makes a user namespace in which this user is root, and nobody else exists.
pub(super) fn enter_user_namespace() -> Result<()> {
    let uid = rustix::process::geteuid().as_raw();
    let gid = rustix::process::getegid().as_raw();
    unshare(UnshareFlags::NEWUSER)?;
    // The kernel wants setgroups refused before an ordinary user may map a group.
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Joins namespaces of the process behind `pidfd`: those of `which`, and its
/// user namespace where containers have one.
pub(super) fn join(
    pidfd: impl AsFd,
    isolation: Isolation,
    which: ThreadNameSpaceType,
) -> Result<()> {
    let which = match isolation {
        Isolation::UserNamespaces => which | ThreadNameSpaceType::USER,
        Isolation::Namespaces | Isolation::None => which,
    };
    Ok(move_into_thread_name_spaces(pidfd.as_fd(), which)?)
}
