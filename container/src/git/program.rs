//! The `git` program, with nothing but what it needs: no configuration of anybody's, one
//! protocol, no hooks, no questions.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use domain::secret::Secret;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::processes::{Processes, pid_of};
use crate::settings::Settings;

/// How long one command may take; a host that sends nothing is given up long before.
const TIMEOUT: Duration = Duration::from_secs(300);
/// Most of an answer that is read, in bytes: a listing of 10,000 files.
const MAX_OUTPUT: u64 = 8 * 1024 * 1024;
/// Most of what it complains that is read, in bytes.
const MAX_WORDS: u64 = 4 * 1024;

/// The program.
#[derive(Debug)]
pub(super) struct Git {
    processes: Processes,
    origin: String,
    credential: Secret,
    /// An empty home directory.
    home: PathBuf,
}

/// Where a command's input comes from, and its output goes.
#[derive(Debug, Default)]
pub(super) struct Ends {
    pub(super) input: Option<File>,
    pub(super) output: Option<File>,
}

impl Git {
    pub(super) fn new(settings: &Settings, processes: Processes, own: &Path) -> Self {
        Self {
            processes,
            origin: settings.git_url.clone(),
            credential: settings.credential.clone(),
            home: own.join("home"),
        }
    }

    /// Address of a repository at the gateway Worker.
    pub(super) fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.origin)
    }

    /// A command, in a repository if one is named.
    pub(super) fn command(&self, repository: Option<&Path>) -> Command {
        let authorization = format!("Authorization: Bearer {}", self.credential.expose());
        let header = format!("http.{}/.extraHeader", self.origin);
        // In the environment, which nobody but root can read of root's processes; an
        // argument could be read by everybody.
        let settings = [
            (header.as_str(), authorization.as_str()),
            ("http.followRedirects", "false"),
            ("http.lowSpeedLimit", "1"),
            ("http.lowSpeedTime", "30"),
            ("protocol.version", "2"),
            ("transfer.fsckObjects", "true"),
            ("core.hooksPath", "/dev/null"),
            ("core.symlinks", "false"),
            ("core.autocrlf", "false"),
            ("core.protectHFS", "true"),
            ("core.protectNTFS", "true"),
            ("core.fsmonitor", "false"),
            ("gc.auto", "0"),
            ("maintenance.auto", "false"),
        ];
        let mut command = Command::new("git");
        command
            .process_group(0)
            .current_dir("/")
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", &self.home)
            .env("LANG", "C.UTF-8")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", "http")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (number, (key, value)) in settings.iter().enumerate() {
            command
                .env(format!("GIT_CONFIG_KEY_{number}"), key)
                .env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        if let Some(repository) = repository {
            command.env("GIT_DIR", repository);
        }
        command
    }

    /// Runs a command to its end; its output, when it went well.
    pub(super) fn run(&self, command: &mut Command, ends: Ends) -> Result<Vec<u8>, String> {
        let piped = ends.output.is_none();
        command
            .stdin(ends.input.map_or_else(Stdio::null, Stdio::from))
            .stdout(ends.output.map_or_else(Stdio::piped, Stdio::from))
            .stderr(Stdio::piped());
        let child = self.processes.spawn(command);
        let mut child = child.map_err(|error| format!("git cannot be run: {error}"))?;
        let output = child.stdout.take().filter(|_| piped);
        let output = output.map(|output| reader(output, MAX_OUTPUT));
        let words = child.stderr.take().map(|words| reader(words, MAX_WORDS));
        let ended = wait(&mut child);
        self.processes.done(pid_of(&child));
        let read = |reader: Option<std::thread::JoinHandle<Vec<u8>>>| {
            reader
                .and_then(|reader| reader.join().ok())
                .unwrap_or_default()
        };
        let (output, words) = (read(output), read(words));
        match ended {
            Ok(true) => Ok(output),
            Ok(false) => Err(String::from_utf8_lossy(&words).trim().to_owned()),
            Err(why) => Err(why),
        }
    }
}

/// Reads to the end, so that the program never waits for us, and keeps the beginning.
fn reader(mut from: impl Read + Send + 'static, most: u64) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        // What cannot be read is not there.
        let _ = from.by_ref().take(most).read_to_end(&mut kept);
        let _ = std::io::copy(&mut from, &mut std::io::sink());
        kept
    })
}

/// Whether it ended well; its helpers end with it when it takes too long.
fn wait(child: &mut Child) -> Result<bool, String> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(None) => {
                if let Some(group) = Pid::from_raw(pid_of(child)) {
                    // It may have ended by itself.
                    let _ = kill_process_group(group, Signal::KILL);
                }
                let _ = child.wait();
                return Err("git took too long".to_owned());
            }
            Err(error) => return Err(format!("git: {error}")),
        }
    }
}
