//! The way out: connections of a container to hosts that workerd answers.
//!
//! Each such host gets a loopback address of its own inside the container's
//! network and a line in its /etc/hosts. Whoever connects to port 80 there is
//! tunnelled to workerd's egress port, which calls the Worker. There is no
//! other way out of a network that has only a loopback interface.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, PoisonError};

use serde::Deserialize;
use tokio::io::{AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use super::head::read_status;
use super::ingress::TUNNEL_BUFFER;
use super::network::Network;
use super::proxy::{self, Routes};

/// Most hosts one container may have intercepted.
const MAX_HOSTS: usize = 200;

/// Body of `PUT /egress`.
#[derive(Debug, Deserialize)]
pub(crate) struct EgressUpdate {
    /// Where workerd listens on this machine.
    port: u16,
    #[serde(default)]
    dns: Dns,
    #[serde(default)]
    internet: Internet,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Dns {
    allow_hostnames: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Internet {
    enabled: bool,
}

/// What leaves one container's network.
#[derive(Debug)]
pub(crate) struct Egress {
    network: Network,
    hosts_file: PathBuf,
    hostname: String,
    port: Arc<AtomicU16>,
    hosts: Mutex<BTreeMap<String, Host>>,
    /// Only where the network is the machine's own.
    proxy: Option<Proxy>,
}

/// Stands in for addresses of the container's own.
#[derive(Debug)]
struct Proxy {
    port: u16,
    routes: Arc<std::sync::Mutex<Routes>>,
    server: AbortHandle,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Proxy {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let routes = Arc::default();
        let server = tokio::spawn(proxy::serve(listener, Arc::clone(&routes))).abort_handle();
        Ok(Self {
            port,
            routes,
            server,
        })
    }
}

#[derive(Debug)]
struct Host {
    address: Ipv4Addr,
    listener: AbortHandle,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Egress {
    /// Starts with nothing intercepted, and writes the first /etc/hosts.
    pub(crate) async fn new(
        network: Network,
        hosts_file: PathBuf,
        hostname: String,
    ) -> Result<Self> {
        let proxy = match &network {
            Network::Host => Some(Proxy::start().await?),
            Network::Isolated(_) => None,
        };
        let egress = Self {
            network,
            hosts_file,
            hostname,
            port: Arc::default(),
            hosts: Mutex::default(),
            proxy,
        };
        std::fs::write(&egress.hosts_file, "")?;
        egress.write_hosts(&BTreeMap::new())?;
        Ok(egress)
    }

    /// The host name of the containers on this network.
    pub(crate) fn hostname(&self) -> &str {
        &self.hostname
    }

    /// The file that becomes their /etc/hosts.
    pub(crate) fn hosts_file(&self) -> &Path {
        &self.hosts_file
    }

    /// The HTTP proxy through which intercepted hosts are reached, where the
    /// container has no network of its own.
    pub(crate) fn proxy_port(&self) -> Option<u16> {
        self.proxy.as_ref().map(|proxy| proxy.port)
    }

    /// Takes over what workerd answers from now on.
    ///
    /// # Errors
    /// When a listener cannot be made; hosts that were there before stay.
    pub(crate) async fn update(&self, update: EgressUpdate) -> Result<()> {
        if update.internet.enabled {
            eprintln!(
                "engine: {} asks for the internet; containers of the embedded engine reach \
                 intercepted hosts only",
                self.hostname
            );
        }
        let wanted: Vec<String> = update
            .dns
            .allow_hostnames
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .filter(|name| {
                let plain = is_host_name(name);
                if !plain {
                    eprintln!(
                        "engine: cannot intercept \"{name}\"; the embedded engine takes whole \
                         host names"
                    );
                }
                plain
            })
            .collect();
        if let Some(proxy) = &self.proxy {
            *proxy.routes.lock().unwrap_or_else(PoisonError::into_inner) = Routes {
                hosts: wanted.into_iter().collect(),
                port: update.port,
            };
            return Ok(());
        }
        self.port.store(update.port, Ordering::Release);
        let mut hosts = self.hosts.lock().await;
        hosts.retain(|name, _| wanted.contains(name));
        for name in wanted {
            if hosts.contains_key(&name) {
                continue;
            }
            let address = free_address(&hosts)?;
            let listener = self.network.listen(SocketAddr::from((address, 80))).await?;
            let task = tokio::spawn(accept(listener, name.clone(), Arc::clone(&self.port)));
            let listener = task.abort_handle();
            hosts.insert(name, Host { address, listener });
        }
        self.write_hosts(&hosts)
    }

    /// Rewrites the file in place: it is mounted into running containers.
    fn write_hosts(&self, hosts: &BTreeMap<String, Host>) -> Result<()> {
        let mut text = format!(
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n127.0.0.1\t{}\n",
            self.hostname
        );
        for (name, host) in hosts {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}\t{name}", host.address);
        }
        let file = std::fs::File::options()
            .write(true)
            .open(&self.hosts_file)?;
        file.write_all_at(text.as_bytes(), 0)?;
        file.set_len(u64::try_from(text.len()).unwrap_or(u64::MAX))
    }
}

/// A name that can stand in /etc/hosts, so no pattern.
fn is_host_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// The first of 127.1.0.1 … that no host has.
fn free_address(hosts: &BTreeMap<String, Host>) -> Result<Ipv4Addr> {
    (1..=MAX_HOSTS)
        .filter_map(|number| u8::try_from(number).ok())
        .map(|number| Ipv4Addr::new(127, 1, 0, number))
        .find(|address| hosts.values().all(|host| host.address != *address))
        .ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                format!("a container may have {MAX_HOSTS} hosts intercepted at most"),
            )
        })
}

async fn accept(listener: TcpListener, host: String, port: Arc<AtomicU16>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    let host = host.clone();
                    let port = port.load(Ordering::Acquire);
                    connections.spawn(async move {
                        let _ = (address, tunnel(stream, &host, port).await);
                    });
                }
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn tunnel(mut inside: TcpStream, host: &str, port: u16) -> Result<()> {
    inside.set_nodelay(true)?;
    let outside = match open(inside.local_addr()?, host, port).await {
        Ok(outside) => outside,
        Err(error) => {
            let text = format!("{host} is not answered: {error}\n");
            return refuse(&mut inside, "502 Bad Gateway", &text).await;
        }
    };
    let (mut outside, early) = outside;
    if !early.is_empty() {
        inside.write_all(&early).await?;
    }
    copy_bidirectional_with_sizes(&mut inside, &mut outside, TUNNEL_BUFFER, TUNNEL_BUFFER).await?;
    Ok(())
}

/// Ends a connection with an answer that says why.
pub(crate) async fn refuse(inside: &mut TcpStream, status: &str, text: &str) -> Result<()> {
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{text}",
        text.len()
    );
    inside.write_all(answer.as_bytes()).await
}

/// Asks workerd for a tunnel to the fetcher that answers `host`; what it has
/// said already comes along.
pub(crate) async fn open(
    address: SocketAddr,
    host: &str,
    port: u16,
) -> Result<(TcpStream, Vec<u8>)> {
    let mut outside = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    outside.set_nodelay(true)?;
    let connect = format!(
        "CONNECT {address} HTTP/1.1\r\nHost: {address}\r\nX-Hostname: {host}\r\nX-Proto: tcp\r\n\r\n"
    );
    outside.write_all(connect.as_bytes()).await?;
    match read_status(&mut outside).await? {
        // 202 is "let it pass", to a network that is not there.
        (status, early) if (200..300).contains(&status) && status != 202 => Ok((outside, early)),
        (status, _) => Err(Error::new(
            ErrorKind::ConnectionRefused,
            format!("no Worker answers this host (status {status})"),
        )),
    }
}
