//! A gateway's container, seen from the machine that runs it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use domain::wire::init::{INIT_CREDENTIAL_ENV, MODEL_KEY_ENV};
use rustix::process::{Pid, Signal, kill_process};

use super::process::{Process, all, descendants};

/// Where OpenClaw's configuration lies in it.
const CONFIG: &str = "etc/openclaw/openclaw.json";
/// Folders of it that hold nothing but the image's programs, or no files at all.
const NOT_STATE: [&str; 7] = ["proc", "sys", "dev", "opt", "usr", "lib", "lib64"];
/// Larger files are no place for a key: OpenClaw's caches of pages and fonts.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// A running container.
#[derive(Debug, Clone)]
pub struct Container {
    /// tedix-init: process 1 in it.
    pub init: Process,
}

impl Container {
    /// The container of the gateway at `url`, among what process `stack` runs.
    ///
    /// # Errors
    /// When there is not exactly one.
    pub fn of(stack: u32, url: &str) -> anyhow::Result<Self> {
        let mut found = Self::all_of(stack, url);
        ensure!(
            found.len() == 1,
            "{url} has {} containers where it should have one",
            found.len()
        );
        found.pop().context("no container")
    }

    /// Every container of the gateway at `url`.
    #[must_use]
    pub fn all_of(stack: u32, url: &str) -> Vec<Self> {
        let own = Process::read(std::process::id()).and_then(|me| me.namespace("pid"));
        let is_init = |process: &Process| {
            process.inner_pid() == Some(1)
                && process.namespace("pid") != own
                && process.state != 'Z'
        };
        // OpenClaw's configuration names the gateway's address.
        let is_of = |process: &Process| {
            let config = fs::read_to_string(process.root().join(CONFIG)).unwrap_or_default();
            config.contains(&format!("\"{url}\""))
        };
        let processes = descendants(stack).into_iter();
        processes
            .filter(|process| is_init(process) && is_of(process))
            .map(|init| Self { init })
            .collect()
    }

    /// Everything that runs in it.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        let namespace = self.init.namespace("pid");
        all()
            .into_iter()
            .filter(|one| namespace.is_some() && one.namespace("pid") == namespace)
            .collect()
    }

    /// OpenClaw: the process that tedix-init started as the unprivileged user.
    ///
    /// # Errors
    /// When it does not run.
    pub fn openclaw(&self) -> anyhow::Result<Process> {
        let found = self.processes().into_iter().find(|one| {
            one.parent == self.init.pid && one.state != 'Z' && one.command.contains("openclaw")
        });
        found.context("no OpenClaw runs in the container")
    }

    /// The process outside that started the container.
    #[must_use]
    pub fn launcher(&self) -> Option<Process> {
        Process::read(self.init.parent)
    }

    /// The key that OpenClaw shows to `models.internal`.
    ///
    /// # Errors
    /// When OpenClaw has none.
    pub fn model_key(&self) -> anyhow::Result<String> {
        variable(&self.openclaw()?, MODEL_KEY_ENV)
    }

    /// tedix-init's own credential.
    ///
    /// # Errors
    /// When it has none.
    pub fn init_credential(&self) -> anyhow::Result<String> {
        variable(&self.init, INIT_CREDENTIAL_ENV)
    }

    /// Where in the container a text is found: environments, arguments and files.
    ///
    /// # Errors
    /// When an environment cannot be read.
    pub fn places_with(&self, text: &str) -> anyhow::Result<Vec<String>> {
        let mut places = Vec::new();
        for process in self.processes() {
            // A process that ended meanwhile has nothing to show.
            let environment = process.environment().unwrap_or_default();
            if contains(&environment, text) {
                places.push(format!(
                    "environment of process {} {}",
                    process.pid, process.command
                ));
            }
            if process.command.contains(text) {
                places.push(format!(
                    "arguments of process {} {}",
                    process.pid, process.command
                ));
            }
        }
        let root = self.init.root();
        for entry in
            fs::read_dir(&root).with_context(|| format!("{} cannot be read", root.display()))?
        {
            let entry = entry?;
            if !NOT_STATE
                .iter()
                .any(|skipped| entry.file_name() == *skipped)
            {
                places.extend(
                    files_with(&entry.path(), text)
                        .into_iter()
                        .map(|path| path.display().to_string()),
                );
            }
        }
        Ok(places)
    }
}

/// Files in a folder and below that hold a text.
#[must_use]
pub fn files_with(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        if metadata.is_dir() {
            open.extend(
                fs::read_dir(&path)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .map(|entry| entry.path()),
            );
        } else if metadata.is_file()
            && metadata.len() <= MAX_FILE
            && fs::read(&path).is_ok_and(|bytes| contains(&bytes, text))
        {
            found.push(path);
        }
    }
    found
}

/// Sends a signal to a process of this machine.
///
/// # Errors
/// When it is gone.
pub fn signal(process: &Process, signal: Signal) -> anyhow::Result<()> {
    ensure!(
        process.is_alive(),
        "process {} has ended already",
        process.pid
    );
    let pid = i32::try_from(process.pid)
        .ok()
        .and_then(Pid::from_raw)
        .context("no process id")?;
    kill_process(pid, signal)
        .with_context(|| format!("process {} {}", process.pid, process.command))
}

fn variable(process: &Process, name: &str) -> anyhow::Result<String> {
    let environment = process.environment()?;
    let prefix = format!("{name}=");
    let found = environment
        .split(|byte| *byte == 0)
        .find_map(|pair| pair.strip_prefix(prefix.as_bytes()))
        .map(|value| String::from_utf8_lossy(value).into_owned());
    found.with_context(|| format!("process {} {} has no {name}", process.pid, process.command))
}

fn contains(bytes: &[u8], text: &str) -> bool {
    !text.is_empty()
        && bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
}
