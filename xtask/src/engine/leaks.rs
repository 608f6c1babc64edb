//! What an engine has left behind, for tests and for a last check at the end.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::internal::HELPER;

/// Something that should not be there once an engine has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leak {
    /// A launcher, or the holder of a network namespace.
    Helper {
        /// Its process id.
        pid: u32,
    },
    /// A process inside a container.
    Contained {
        /// Its process id on this machine.
        pid: u32,
    },
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Helper { pid } => write!(f, "process {pid} of the engine still runs"),
            Self::Contained { pid } => write!(f, "process {pid} of a container still runs"),
        }
    }
}

/// Processes that belong to the engine on this state directory, whether it
/// still runs or not. A namespace lives as long as a process in it, so none of
/// these means none of those.
pub fn leaks(state_dir: &Path) -> Vec<Leak> {
    let Ok(state_dir) = state_dir.canonicalize() else {
        return Vec::new();
    };
    // Containers are known by their /data, whatever they call themselves.
    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
    let data: HashSet<_> = entries(&state_dir.join("data"))
        .filter_map(|entry| entry.metadata().ok().map(identity))
        .collect();
    let mut leaks = Vec::new();
    for entry in entries(Path::new("/proc")) {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let process = entry.path();
        if is_helper(&process, &state_dir) {
            leaks.push(Leak::Helper { pid });
        } else if fs::metadata(process.join("root/data"))
            .is_ok_and(|metadata| data.contains(&identity(metadata)))
        {
            leaks.push(Leak::Contained { pid });
        }
    }
    leaks
}

fn is_helper(process: &Path, state_dir: &Path) -> bool {
    let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
    let arguments: Vec<_> = arguments.split(|byte| *byte == 0).collect();
    arguments.contains(&HELPER.as_bytes()) && arguments.contains(&state_dir.as_os_str().as_bytes())
}

fn entries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}
