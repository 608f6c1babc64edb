//! What workerd costs, as the kernel counts it.

use std::path::Path;
use std::time::Duration;

/// Kernel ticks in a second: `USER_HZ`, which every Linux that we run on has at 100.
const TICKS: u32 = 100;

/// workerd, the child of the process that runs the Workers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Workerd {
    /// Id of that process.
    pub(super) host: u32,
}

impl Workerd {
    /// What it has in memory, in MiB.
    pub(super) fn memory_mib(self) -> u64 {
        let resident = |pid: String| {
            let status = std::fs::read_to_string(Path::new("/proc").join(pid).join("status"));
            let status = status.ok()?;
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("VmRSS:"))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        self.children().filter_map(resident).sum::<u64>() / 1_024
    }

    /// CPU time that it has used.
    pub(super) fn cpu(self) -> Duration {
        let used = |pid: String| {
            let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).ok()?;
            // The name, in brackets, may hold anything; user and system time are the 12th
            // and 13th field after it.
            let (_, fields) = stat.rsplit_once(')')?;
            let mut fields = fields.split_whitespace().skip(11);
            let [user, system] = [fields.next()?, fields.next()?].map(str::parse::<u32>);
            Some(user.ok()? + system.ok()?)
        };
        Duration::from_secs(1) * self.children().filter_map(used).sum::<u32>() / TICKS
    }

    fn children(self) -> impl Iterator<Item = String> {
        let host = self.host;
        let children = std::fs::read_to_string(format!("/proc/{host}/task/{host}/children"));
        let children = children.unwrap_or_default();
        let ids: Vec<String> = children.split_whitespace().map(str::to_owned).collect();
        ids.into_iter()
    }
}
