//! The holder of a network namespace.
//!
//! A socket belongs to the namespace it was made in, whoever uses it. So the
//! holder does nothing but make TCP sockets, in batches; the engine binds,
//! listens and connects with them itself, and no byte passes through here.

use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
use rustix::thread::UnshareFlags;

use super::{Context, Failure, namespaces, netlink};
use crate::engine::control::{self, MAX_DESCRIPTORS};
use crate::engine::spec::{Report, SocketRequest};

/// Makes the namespace and serves until the engine lets go of it.
pub(super) fn hold(socket: &OwnedFd, user_namespace: bool) -> Result<(), Failure> {
    if user_namespace {
        namespaces::enter_user_namespace().doing("make a user namespace")?;
    }
    namespaces::unshare(UnshareFlags::NEWNET).doing("make a network namespace")?;
    netlink::loopback_up().doing("bring up the loopback interface")?;
    control::send(socket, &Report::Ready, &[]).doing("answer the engine")?;

    loop {
        let request = control::receive::<SocketRequest>(socket).doing("read from the engine")?;
        let Some((SocketRequest { count }, _)) = request else {
            return Ok(());
        };
        let sockets = (0..count.min(MAX_DESCRIPTORS))
            .map(|_| {
                socket_with(
                    AddressFamily::INET,
                    SocketType::STREAM,
                    SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
                    Some(ipproto::TCP),
                )
            })
            .collect::<Result<Vec<_>, _>>()
            .doing("make a socket")?;
        let borrowed: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
        control::send(socket, &Report::Ready, &borrowed).doing("hand over sockets")?;
    }
}
