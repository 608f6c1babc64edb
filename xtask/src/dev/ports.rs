//! Whether the ports are free, and who holds them when they are not.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::Path;

use anyhow::{Context, bail};

use super::layout::Layout;

/// Makes sure that every port of the layout can be listened on.
///
/// # Errors
/// Names the first port that is taken, what wants it, and the process that
/// holds it, when that can be found.
pub(crate) fn check(layout: &Layout) -> anyhow::Result<()> {
    // A browser tries ::1 for localhost as well, so nobody else may sit there.
    let addresses = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    for (port, part) in layout.ports() {
        for address in addresses {
            match TcpListener::bind((address, port)) {
                Err(error) if error.kind() == ErrorKind::AddrInUse => {
                    let holder = holder(port).map_or_else(String::new, |who| format!(" by {who}"));
                    bail!(
                        "port {port}, which {part} needs, is in use{holder}: \
                         stop that program, or choose other ports with --port"
                    );
                }
                // Not every machine has IPv6.
                Err(error) if address.is_ipv4() => {
                    return Err(error)
                        .with_context(|| format!("port {port} cannot be listened on"));
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    Ok(())
}

/// The process that listens on a TCP port of this machine, as `name (process 123)`.
/// None when it belongs to somebody whose processes we may not see.
fn holder(port: u16) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| listener_inode(&table, port))?;
    let socket = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .bytes()
                .all(|b| b.is_ascii_digit())
        })
        .find(|entry| holds(&entry.path(), &socket))
        .map(|entry| {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            format!(
                "{} (process {})",
                name.trim(),
                entry.file_name().to_string_lossy()
            )
        })
}

/// Inode of the socket that listens on `port`, from a table such as
/// `/proc/net/tcp` (proc_pid_net(5)): column 2 is `address:port` in
/// hexadecimal, column 4 the state (`0A` is LISTEN), column 10 the inode.
fn listener_inode(table: &str, port: u16) -> Option<u64> {
    let suffix = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, state, _, _, _, _, _, inode, ..] = columns.as_slice() else {
            return None;
        };
        (local.ends_with(&suffix) && *state == "0A")
            .then(|| inode.parse().ok())
            .flatten()
    })
}

fn holds(process: &Path, socket: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|target| target.to_string_lossy() == socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_its_holder() {
        // A free port with room for a layout above it; a clash with another
        // program would only make the check find that one first.
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = taken.local_addr().expect("an address").port();
        assert_eq!(
            holder(port).map(|who| who.contains(&format!("(process {})", std::process::id()))),
            Some(true)
        );
        let Ok(layout) = Layout::new(port.min(u16::MAX - 99), 1) else {
            return;
        };
        let message = check(&layout).expect_err("taken").to_string();
        assert!(message.contains("is in use"), "{message}");
        assert!(message.contains("--port"), "{message}");
    }

    #[test]
    fn only_listening_sockets_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:21FC 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 111 1\n\
            1: 0100007F:21FC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1\n";
        assert_eq!(listener_inode(table, 0x21FC), Some(222));
        assert_eq!(listener_inode(table, 0x21FD), None);
    }
}
