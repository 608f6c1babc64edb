//! One life of a Worker's process.

use std::fs::{self, File};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::{GIT_SECRETS, Launch};

/// How long a Worker may take to start: Miniflare needs about 2 s, more on a
/// machine that is busy.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How long it may take to stop.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A process in its own group, with the workerd that it starts.
#[derive(Debug)]
pub(super) struct Process {
    label: String,
    log: String,
    child: Child,
    stdin: Option<ChildStdin>,
    secrets: Vec<u8>,
    lines: Lines<BufReader<ChildStdout>>,
    group: u32,
}

/// What the process says on standard output.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Said {
    Ready {
        #[serde(rename = "ready")]
        _ready: bool,
    },
    Error {
        error: String,
    },
}

impl Process {
    /// Starts it and writes its id to `group`.
    pub(super) fn spawn(launch: &Launch, group: &Arc<AtomicU32>) -> anyhow::Result<Self> {
        let Launch {
            label,
            node,
            script,
            spec_file,
            log,
            spec,
            secrets,
        } = launch;
        fs::write(spec_file, serde_json::to_vec_pretty(spec)?)
            .with_context(|| format!("{} cannot be written", spec_file.display()))?;
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("{} cannot be written", log.display()))?;
        let mut command = Command::new(node);
        command
            .arg(script)
            .arg(spec_file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(output)
            .process_group(0)
            .kill_on_drop(true);
        let keys = ["ANTHROPIC_API_KEY", "OPENAI_API_KEY"];
        for name in keys.into_iter().chain(GIT_SECRETS) {
            command.env_remove(name);
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("{label}: {} cannot be started", node.display()))?;
        let id = child.id().context("a process without an id")?;
        group.store(id, Ordering::Relaxed);
        let mut secrets = serde_json::to_vec(secrets)?;
        secrets.push(b'\n');
        Ok(Self {
            label: label.clone(),
            log: log.display().to_string(),
            stdin: child.stdin.take(),
            lines: BufReader::new(child.stdout.take().context("no standard output")?).lines(),
            child,
            secrets,
            group: id,
        })
    }

    /// Hands over the secrets and waits until the Worker takes requests.
    pub(super) async fn ready(&mut self) -> anyhow::Result<()> {
        let stdin = self
            .stdin
            .as_mut()
            .context("the process has no standard input")?;
        let secrets = std::mem::take(&mut self.secrets);
        // When it is already gone, the reason is read below.
        drop(stdin.write_all(&secrets).await);
        let line = match timeout(READY_LIMIT, self.lines.next_line()).await {
            Ok(line) => line?,
            Err(_) => bail!(
                "the {} Worker did not start within {} s: its log is {}",
                self.label,
                READY_LIMIT.as_secs(),
                self.log
            ),
        };
        let why = match line.as_deref().map(serde_json::from_str::<Said>) {
            Some(Ok(Said::Ready { .. })) => return Ok(()),
            Some(Ok(Said::Error { error })) => error,
            _ => "it ended without a word".to_owned(),
        };
        bail!(
            "the {} Worker did not start: {why} (its log is {})",
            self.label,
            self.log
        )
    }

    /// Waits for its end, then makes sure that nothing it started is left.
    pub(super) async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait().await;
        kill_group(self.group);
        status
    }

    /// Ends it: closing its input asks it to, a kill follows.
    pub(super) async fn stop(&mut self) {
        self.stdin = None;
        if timeout(STOP_LIMIT, self.child.wait()).await.is_err() {
            kill_group(self.group);
            drop(self.child.wait().await);
        }
        kill_group(self.group);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        kill_group(self.group);
    }
}

/// Kills a process group. One that is gone is what was wanted.
pub(super) fn kill_group(group: u32) {
    let leader = i32::try_from(group)
        .ok()
        .filter(|id| *id > 1)
        .and_then(Pid::from_raw);
    if let Some(leader) = leader {
        let _gone = kill_process_group(leader, Signal::KILL);
    }
}
