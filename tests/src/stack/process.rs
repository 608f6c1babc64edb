//! The `xtask dev` process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::Ready;
use crate::environment::Environment;
use crate::git_host::API_TOKEN;

/// Two gateways with OpenClaw on a busy 2-core machine, after everything is built.
const START: Duration = Duration::from_secs(600);
/// Environment variable that marks everything a stack starts.
const MARK: &str = "TEDIX_E2E_STACK";

/// The process.
#[derive(Debug)]
pub struct DevProcess {
    child: Child,
    pid: Pid,
    log: PathBuf,
    port: u16,
    git_port: u16,
}

impl DevProcess {
    pub(super) async fn spawn(
        environment: &Environment,
        state: &Path,
        ready_file: &Path,
        log: PathBuf,
        broken: &Path,
    ) -> anyhow::Result<Self> {
        if let Some(folder) = log.parent() {
            tokio::fs::create_dir_all(folder).await?;
        }
        let output =
            File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let git_tokens = json!({format!("127.0.0.1:{}", environment.git_port()): API_TOKEN});
        let mut command = Command::new(&environment.xtask);
        command.arg("dev").arg("--previous-openclaw");
        if environment.engine == "embedded" {
            command.arg("--openclaw-version").arg(broken);
        }
        let child = command
            .arg("--state")
            .arg(state)
            .arg("--ready-file")
            .arg(ready_file)
            .args(["--port", &environment.port.to_string()])
            .args(["--engine", &environment.engine])
            .current_dir(&environment.checkout)
            .env(MARK, state)
            // A real provider's key on this machine is none of the tests' business.
            .env_remove("OPENAI_API_KEY")
            .env_remove("OPENAI_BASE_URL")
            .env_remove("ANTHROPIC_API_KEY")
            .env_remove("ANTHROPIC_BASE_URL")
            .env_remove("GIT_CREDENTIALS")
            .env("GIT_API_TOKENS", git_tokens.to_string())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} does not start", environment.xtask.display()))?;
        let pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw);
        let pid = pid.context("the stack ended at once")?;
        Ok(Self {
            child,
            pid,
            log,
            port: environment.port,
            git_port: environment.git_port(),
        })
    }

    /// Waits for the ready file, showing what the stack says meanwhile.
    pub(super) async fn ready(&mut self, file: &Path) -> anyhow::Result<Ready> {
        let begun = Instant::now();
        let mut shown = String::new();
        eprintln!("     starting the stack (log: {})", self.log.display());
        loop {
            if file.exists() {
                eprintln!(
                    "     the stack is ready after {} s",
                    begun.elapsed().as_secs()
                );
                return Ready::read(file, self.port);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "`xtask dev` ended with {status} before it was ready:\n{}",
                    self.log_tail()
                );
            }
            if begun.elapsed() > START {
                bail!(
                    "`xtask dev` is not ready after {} s:\n{}",
                    START.as_secs(),
                    self.log_tail()
                );
            }
            let line = self.last_line();
            if line != shown {
                eprintln!("     | {line}");
                shown = line;
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// The port of the Git host that its gateways have a token for.
    #[must_use]
    pub fn git_port(&self) -> u16 {
        self.git_port
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Sends what Ctrl-C sends.
    ///
    /// # Errors
    /// When it is gone.
    pub fn interrupt(&self) -> anyhow::Result<()> {
        Ok(kill_process(self.pid, Signal::INT)?)
    }

    /// Sends SIGKILL, to it alone.
    ///
    /// # Errors
    /// When it is gone.
    pub fn kill(&self) -> anyhow::Result<()> {
        Ok(kill_process(self.pid, Signal::KILL)?)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn ended(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let ended = timeout(patience, self.child.wait()).await;
        let Ok(status) = ended else {
            bail!(
                "`xtask dev` goes on after {} s:\n{}",
                patience.as_secs(),
                self.log_tail()
            );
        };
        Ok(status?)
    }

    /// The end of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let lines = self.lines();
        let from = lines.len().saturating_sub(30);
        lines.get(from..).unwrap_or_default().join("\n")
    }

    /// All it said.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    fn last_line(&self) -> String {
        self.lines()
            .into_iter()
            .rev()
            .find(|line| !line.is_empty())
            .unwrap_or_default()
    }

    fn lines(&self) -> Vec<String> {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        text.split(['\n', '\r'])
            .map(|line| line.trim_end().to_owned())
            .collect()
    }
}
