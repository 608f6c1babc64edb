//! What a program costs, as the kernel counts it.

use std::fs;
use std::time::Duration;

use anyhow::Context;

/// Kernel ticks in a second: `USER_HZ`, which every Linux that we run on has at 100.
const TICKS: u32 = 100;

/// A program that runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process(u32);

impl Process {
    /// workerd, the child of the process that runs the Workers.
    ///
    /// # Errors
    /// When it has none.
    pub(super) fn workerd(host: u32) -> anyhow::Result<Self> {
        let children = fs::read_to_string(format!("/proc/{host}/task/{host}/children"))?;
        let first = children.split_whitespace().next();
        Ok(Self(first.context("no workerd runs")?.parse()?))
    }

    /// The tedix-init that runs for this program.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn tedix_init() -> anyhow::Result<Self> {
        let processes = fs::read_dir("/proc")?.flatten();
        let mut all = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        all.find(|pid| Self(*pid).is_named("tedix-init") && Self(*pid).is_ours())
            .map(Self)
            .context("no tedix-init runs")
    }

    /// What it has in memory, in bytes.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn memory(self) -> anyhow::Result<u64> {
        self.kib("VmRSS:")
    }

    /// The most that it had in memory, in bytes.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn peak_memory(self) -> anyhow::Result<u64> {
        self.kib("VmHWM:")
    }

    /// CPU time that it has used; none once it has ended.
    pub(super) fn cpu(self) -> Duration {
        Duration::from_secs(1) * self.ticks().unwrap_or(0) / TICKS
    }

    fn ticks(self) -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        // The name, in brackets, may hold anything; user and system time are the 12th
        // and 13th field after it.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        let [user, system] = [fields.next()?, fields.next()?].map(str::parse::<u32>);
        Some(user.ok()? + system.ok()?)
    }

    fn kib(self, name: &str) -> anyhow::Result<u64> {
        let size = self.number(name);
        let size = size.with_context(|| format!("process {} has no {name}", self.0))?;
        Ok(size * 1_024)
    }

    /// A number of `/proc/PID/status` (proc_pid_status(5)).
    fn number(self, name: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    }

    fn is_named(self, wanted: &str) -> bool {
        let name = fs::read_to_string(format!("/proc/{}/comm", self.0));
        name.is_ok_and(|name| name.trim() == wanted)
    }

    /// Whether it came from this program.
    fn is_ours(self) -> bool {
        let mut process = self;
        while process.0 > 1 {
            if process.0 == std::process::id() {
                return true;
            }
            let parent = process.number("PPid:").unwrap_or(0);
            process = Self(u32::try_from(parent).unwrap_or(0));
        }
        false
    }
}
