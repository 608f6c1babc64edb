//! What the engine asks of its helper processes, and what they answer.
//!
//! Messages travel as JSON over a `SOCK_SEQPACKET` pair ([`super::control`]);
//! file descriptors ride along with the message that names them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How far containers are kept from the machine and from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Own network, mount, process, IPC and host name namespaces, made by root.
    Namespaces,
    /// The same inside a user namespace, made by an ordinary user. Only one
    /// user id exists in it, so all processes of a container share it.
    UserNamespaces,
    /// Plain processes of this machine: no isolation at all.
    None,
}

/// The first message a helper process gets: what it is for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Task {
    /// Make a network namespace, keep it alive, hand out sockets made in it.
    HoldNetwork {
        /// Whether a user namespace is needed to be allowed to.
        user_namespace: bool,
    },
    /// Run a container. Descriptors: stdout, stderr, and with namespaces a
    /// pidfd of the network's holder.
    RunContainer(ContainerSpec),
    /// Run one more program in a container. Descriptors: stdin, stdout,
    /// stderr, and with namespaces a pidfd of the container's PID 1.
    RunExec(ExecSpec),
}

/// To the holder of a network namespace: hand over this many TCP sockets.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SocketRequest {
    /// At most [`super::control::MAX_DESCRIPTORS`].
    pub count: usize,
}

/// What a helper process tells the engine.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// The namespace is there, or the sockets that came along are.
    Ready,
    /// The program runs. Descriptor: its pidfd.
    Started {
        /// Process id as the engine sees it.
        pid: u32,
    },
    /// It could not be started.
    Failed {
        /// One sentence.
        reason: String,
        /// The exit code Docker would report: 127 not found, 126 not
        /// executable, 125 anything else.
        code: i32,
    },
    /// The program has ended.
    Exited {
        /// Its exit code, or 128 + the signal that ended it.
        code: i32,
    },
}

/// A host directory or file shown, read-only, inside a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// Where it is on this machine.
    pub source: PathBuf,
    /// Where the container sees it; absolute.
    pub target: PathBuf,
}

/// Everything the launcher needs to build a container and start its program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ContainerSpec {
    pub isolation: Isolation,
    pub hostname: String,
    /// An empty directory of this instance, over which the new root is built.
    pub staging: PathBuf,
    /// Becomes /etc/hosts; the engine goes on editing it in place.
    pub hosts_file: PathBuf,
    /// Becomes /data, writable.
    pub data: PathBuf,
    /// The image's own files.
    pub binds: Vec<Bind>,
    pub argv: Vec<String>,
    /// `NAME=value`; nothing else reaches the program.
    pub env: Vec<String>,
    pub workdir: PathBuf,
}

/// One more program in a running container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ExecSpec {
    pub isolation: Isolation,
    pub argv: Vec<String>,
    pub env: Vec<String>,
    pub workdir: PathBuf,
    pub uid: u32,
    pub gid: u32,
}

/// Users that exist in a container: `(name, uid, gid, home, shell)`.
pub(crate) const USERS: [(&str, u32, u32, &str, &str); 3] = [
    ("root", 0, 0, "/root", "/bin/bash"),
    ("openclaw", 1000, 1000, "/home/openclaw", "/bin/bash"),
    (
        "nobody",
        65_534,
        65_534,
        "/nonexistent",
        "/usr/sbin/nologin",
    ),
];

/// What Docker gives a process that asks for no PATH of its own.
pub(crate) const DEFAULT_PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
