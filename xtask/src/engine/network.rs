//! The network of a container: sockets inside its namespace.

use std::io::{Error, Result};
use std::net::{SocketAddr, TcpStream as StdTcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::control::Control;
use super::process::{Helpers, StartError};
use super::spec::{Isolation, Report, SocketRequest, Task};

/// Sockets asked for at a time.
const BATCH: usize = 16;

/// When fewer than this are left, more are fetched in the background, so that
/// an incoming request does not wait for the holder.
const LOW: usize = 8;

/// Connections a listener keeps waiting.
const BACKLOG: u32 = 256;

/// Where a container's sockets live.
#[derive(Debug, Clone)]
pub(crate) enum Network {
    /// This machine's own network.
    Host,
    /// A namespace with nothing but a loopback interface.
    Isolated(Arc<Holder>),
}

/// The process that keeps a namespace alive and makes sockets in it.
#[derive(Debug)]
pub(crate) struct Holder {
    pidfd: OwnedFd,
    control: tokio::sync::Mutex<Control>,
    spare: Mutex<Vec<OwnedFd>>,
}

impl Network {
    /// Makes the network of one container.
    pub(crate) async fn create(
        helpers: &Helpers,
        isolation: Isolation,
    ) -> std::result::Result<Self, StartError> {
        if isolation == Isolation::None {
            return Ok(Self::Host);
        }
        let task = Task::HoldNetwork {
            user_namespace: isolation == Isolation::UserNamespaces,
        };
        let (control, pidfd) = helpers.start(&task, &[]).await?;
        match control.receive::<Report>().await? {
            Some((Report::Ready, _)) => {}
            Some((Report::Failed { reason, code }, _)) => return Err(StartError { reason, code }),
            Some(_) | None => return Err(Error::other("it ended without an answer").into()),
        }
        let holder = Holder {
            pidfd,
            control: tokio::sync::Mutex::new(control),
            spare: Mutex::default(),
        };
        holder.refill().await?;
        Ok(Self::Isolated(Arc::new(holder)))
    }

    /// A pidfd through which a launcher can join the namespace.
    pub(crate) fn holder(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Host => None,
            Self::Isolated(holder) => Some(holder.pidfd.as_fd()),
        }
    }

    /// Connects to an address inside.
    pub(crate) async fn connect(&self, address: SocketAddr) -> Result<TcpStream> {
        let stream = self.socket().await?.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Listens on an address inside.
    pub(crate) async fn listen(&self, address: SocketAddr) -> Result<TcpListener> {
        let socket = self.socket().await?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    }

    async fn socket(&self) -> Result<TcpSocket> {
        match self {
            Self::Host => TcpSocket::new_v4(),
            Self::Isolated(holder) => holder.socket().await,
        }
    }
}

impl Holder {
    async fn socket(self: &Arc<Self>) -> Result<TcpSocket> {
        loop {
            let (socket, left) = {
                let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
                (spare.pop(), spare.len())
            };
            // Exactly one taker sees this count, so one refill is under way.
            if left == LOW {
                let holder = Arc::clone(self);
                tokio::spawn(async move { holder.refill().await });
            }
            match socket {
                Some(socket) => {
                    return Ok(TcpSocket::from_std_stream(StdTcpStream::from(socket)));
                }
                None => self.refill().await?,
            }
        }
    }

    async fn refill(&self) -> Result<()> {
        let control = self.control.lock().await;
        let spare = self
            .spare
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len();
        if spare >= BATCH {
            return Ok(());
        }
        control.send(&SocketRequest { count: BATCH }, &[]).await?;
        let Some((Report::Ready, sockets)) = control.receive::<Report>().await? else {
            return Err(Error::other("the container's network is gone"));
        };
        self.spare
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(sockets);
        Ok(())
    }
}
