//! Messages with file descriptors between the engine and its helpers.
//!
//! A `SOCK_SEQPACKET` pair keeps message borders, so one `recvmsg` is one
//! message, and a helper sees the end of the engine, however it ends, as the
//! end of its socket.

use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Result};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::net::UnixDatagram;

/// Most descriptors one message may carry (Linux allows 253).
pub(crate) const MAX_DESCRIPTORS: usize = 32;

/// Longest message, in bytes: below the default socket buffer of 208 KiB.
const MAX_MESSAGE: usize = 192 * 1024;

/// A message and the descriptors that came with it; `None` is the end.
pub(crate) type Received<M> = Option<(M, Vec<OwnedFd>)>;

/// Two connected ends, neither inherited by the programs we start.
pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

/// Sends a message, waiting for room.
///
/// # Errors
/// When the other end is gone, or the message is longer than the socket takes.
pub(crate) fn send<M: Serialize>(
    socket: impl AsFd,
    message: &M,
    descriptors: &[BorrowedFd<'_>],
) -> Result<()> {
    let bytes = serde_json::to_vec(message)?;
    if bytes.len() > MAX_MESSAGE {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "a container's command and environment may hold {MAX_MESSAGE} bytes, not {}",
                bytes.len()
            ),
        ));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "too many descriptors for one message",
        ));
    }
    sendmsg(
        socket,
        &[IoSlice::new(&bytes)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

/// Receives the next message, waiting for it.
///
/// # Errors
/// When the socket fails or the message is not what is expected here.
pub(crate) fn receive<M: DeserializeOwned>(socket: impl AsFd) -> Result<Received<M>> {
    let mut buffer = vec![0; MAX_MESSAGE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut buffer)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    );
    let length = match received {
        Ok(message) => message.bytes,
        // A peer that was killed with unread messages resets the socket.
        Err(rustix::io::Errno::CONNRESET) => 0,
        Err(error) => return Err(error.into()),
    };
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            descriptors.extend(fds);
        }
    }
    match buffer.get(..length) {
        None | Some([]) => Ok(None),
        Some(bytes) => Ok(Some((serde_json::from_slice(bytes)?, descriptors))),
    }
}

/// The engine's end: the same, without blocking its threads. Tokio has no type
/// for packet sockets; only the readiness of this one is used.
#[derive(Debug)]
pub(crate) struct Control(UnixDatagram);

impl Control {
    /// Takes over an end made by [`pair`].
    pub(crate) fn new(socket: OwnedFd) -> Result<Self> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(Self(UnixDatagram::from_std(socket.into())?))
    }

    /// See [`send`].
    pub(crate) async fn send<M: Serialize>(
        &self,
        message: &M,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<()> {
        self.0
            .async_io(Interest::WRITABLE, || send(&self.0, message, descriptors))
            .await
    }

    /// See [`receive`].
    pub(crate) async fn receive<M: DeserializeOwned>(&self) -> Result<Received<M>> {
        self.0
            .async_io(Interest::READABLE, || receive(&self.0))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::{pair, receive, send};
    use std::io::Read;
    use std::os::fd::AsFd;

    #[test]
    fn messages_keep_their_borders_and_carry_descriptors() {
        let (left, right) = pair().unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        send(&left, &"first", &[]).unwrap();
        send(&left, &"second", &[writer.as_fd()]).unwrap();
        drop(writer);
        drop(left);

        let (message, fds) = receive::<String>(&right).unwrap().unwrap();
        assert_eq!((message.as_str(), fds.len()), ("first", 0));
        let (message, mut fds) = receive::<String>(&right).unwrap().unwrap();
        assert_eq!((message.as_str(), fds.len()), ("second", 1));
        let passed = fds.remove(0);
        rustix::io::write(&passed, b"through").unwrap();
        drop(passed);
        let mut text = String::new();
        std::io::BufReader::new(reader)
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "through");
        assert!(receive::<String>(&right).unwrap().is_none());
    }

    #[test]
    fn a_message_too_long_for_the_socket_is_refused() {
        let (left, _right) = pair().unwrap();
        let error = send(&left, &"x".repeat(400_000), &[]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}
