//! Brings up the loopback interface of a new network namespace.
//!
//! One rtnetlink request; neither iproute2 nor an `ioctl` is needed.

use std::io::{Error, Result};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

/// linux/rtnetlink.h: change a link.
const RTM_NEWLINK: u16 = 16;
/// linux/netlink.h: a request that wants an acknowledgement.
const NLM_F_REQUEST_ACK: u16 = 0x01 | 0x04;
/// linux/netlink.h: the acknowledgement, or an error.
const NLMSG_ERROR: u16 = 2;
/// linux/if.h
const IFF_UP: u32 = 1;
/// The loopback interface is always the first one.
const LOOPBACK_INDEX: i32 = 1;

/// Sets `lo` up, which also gives it 127.0.0.0/8 and ::1.
pub(super) fn loopback_up() -> Result<()> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None, // NETLINK_ROUTE is protocol 0
    )?;
    sendto(
        &socket,
        &request(),
        SendFlags::empty(),
        &SocketAddrNetlink::new(0, 0),
    )?;
    let mut answer = [0_u8; 512];
    let (length, _) = recv(&socket, &mut answer, RecvFlags::empty())?;
    acknowledgement(answer.get(..length).unwrap_or_default())
}

/// `struct nlmsghdr` followed by `struct ifinfomsg`, in the machine's byte order.
fn request() -> Vec<u8> {
    let mut info = Vec::with_capacity(16);
    info.extend([0, 0]); // family, padding
    info.extend(0_u16.to_ne_bytes()); // type: unchanged
    info.extend(LOOPBACK_INDEX.to_ne_bytes());
    info.extend(IFF_UP.to_ne_bytes()); // flags
    info.extend(IFF_UP.to_ne_bytes()); // which flags to change
    let length = u32::try_from(16 + info.len()).unwrap_or(u32::MAX);

    let mut message = Vec::with_capacity(32);
    message.extend(length.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(NLM_F_REQUEST_ACK.to_ne_bytes());
    message.extend(1_u32.to_ne_bytes()); // sequence number
    message.extend(0_u32.to_ne_bytes()); // sender: the kernel fills it in
    message.extend(info);
    message
}

/// Reads `struct nlmsgerr`: 0 is success, else a negative errno.
fn acknowledgement(answer: &[u8]) -> Result<()> {
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok());
    let code = answer.get(16..20).and_then(|bytes| bytes.try_into().ok());
    match (kind.map(u16::from_ne_bytes), code.map(i32::from_ne_bytes)) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) => Err(Error::from_raw_os_error(code.saturating_neg())),
        _ => Err(Error::other("the kernel's answer is no acknowledgement")),
    }
}
