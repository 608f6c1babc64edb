//! OpenClaw as a process: started with only what it needs, watched, stopped.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::secret::Secret;
use domain::wire::init::{ConfigIssue, MODEL_KEY_ENV};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::Deserialize;

use crate::log;
use crate::openclaw::Issue;
use crate::privileges::Separation;
use crate::processes::{Processes, pid_of};
use crate::settings::Settings;
use crate::supervisor::Event;
use crate::versions::version_of;

/// Most of OpenClaw's last output that is reported, in bytes.
const TAIL_BYTES: usize = 4096;
/// Longest line that is passed on in one piece, in bytes.
const LINE_BYTES: u64 = 16 * 1024;
/// `config validate` takes 2 to 3 seconds on free cores.
const VALIDATE_TIMEOUT: Duration = Duration::from_secs(90);

/// Starts OpenClaw.
#[derive(Debug)]
pub(crate) struct Launcher {
    settings: Settings,
    separation: Separation,
    processes: Processes,
}

/// One run of OpenClaw.
#[derive(Debug)]
pub(crate) struct Run {
    /// Counts the runs, so that an exit can be told from an earlier one's.
    pub number: u64,
    /// Process id.
    pub pid: i32,
    /// When it began.
    pub since: Instant,
    handle: OwnedFd,
    tail: Arc<Mutex<Tail>>,
}

/// The last output of a run.
#[derive(Debug, Default)]
struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
}

#[derive(Deserialize)]
struct Verdict {
    valid: bool,
    #[serde(default)]
    issues: Vec<Issue>,
}

impl Launcher {
    /// Prepares OpenClaw's directories.
    pub(crate) fn new(settings: Settings, processes: Processes) -> io::Result<Self> {
        let launcher = Self {
            separation: Separation::available(settings.uid),
            settings,
            processes,
        };
        launcher.prepare()?;
        Ok(launcher)
    }

    /// Makes OpenClaw's directories, where they are not there.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        let settings = &self.settings;
        std::fs::create_dir_all(&settings.data)?;
        for directory in [
            settings.state_dir(),
            settings.home_dir(),
            settings.compile_cache.clone(),
        ] {
            // A cache that came with the image is there and not ours to give away.
            if !directory.exists() || directory != settings.compile_cache {
                std::fs::create_dir_all(&directory)?;
                self.separation.give(&directory)?;
            }
        }
        Ok(())
    }

    /// Whose files OpenClaw's are.
    pub(crate) fn separation(&self) -> Separation {
        self.separation
    }

    /// Version in OpenClaw's package; empty when there is none.
    pub(crate) fn package_version(&self) -> String {
        version_of(&self.settings.openclaw).unwrap_or_default()
    }

    /// Runs another version from now on.
    pub(crate) fn run_from(&mut self, openclaw: &Path) {
        self.settings.openclaw = openclaw.to_owned();
    }

    /// Removes the files from which OpenClaw adds to its environment. What agents leave
    /// there (`NODE_OPTIONS`, `LD_PRELOAD`) would run their code in its helpers, whatever
    /// the policy says by then.
    fn remove_settings_files(&self) {
        let (state, home) = (self.settings.state_dir(), self.settings.home_dir());
        for file in [
            state.join(".env"),
            home.join(".env"),
            home.join(".openclaw/.env"),
            home.join(".config/openclaw/gateway.env"),
        ] {
            if std::fs::remove_file(&file).is_ok() {
                log::line(&format!(
                    "removed {}: settings are the policy's",
                    file.display()
                ));
            }
        }
    }

    /// Starts the gateway; its exit arrives as an [`Event`].
    pub(crate) fn start(
        &self,
        number: u64,
        config: &Path,
        events: Sender<Event>,
    ) -> io::Result<Run> {
        self.remove_settings_files();
        let mut command = self.command(config);
        command
            .arg("gateway")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.processes.spawn(&mut command)?;
        let pid = pid_of(&child);
        let tail = Arc::new(Mutex::new(Tail::default()));
        if let Some(output) = child.stdout.take() {
            self.copy(output, Arc::clone(&tail));
        }
        if let Some(output) = child.stderr.take() {
            self.copy(output, Arc::clone(&tail));
        }
        let handle = Pid::from_raw(pid)
            .ok_or(rustix::io::Errno::SRCH)
            .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()))?;
        let processes = self.processes.clone();
        std::thread::spawn(move || {
            let code = child.wait().map_or(-1, code_of);
            processes.done(pid);
            // Nobody is left to tell when the supervisor is gone.
            let _ = events.send(Event::Exited { number, code });
        });
        Ok(Run {
            number,
            pid,
            since: Instant::now(),
            handle,
            tail,
        })
    }

    /// Lets OpenClaw judge a configuration file.
    pub(crate) fn validate(&self, config: &Path) -> Result<(), Vec<ConfigIssue>> {
        let failed = |why: String| {
            vec![ConfigIssue {
                path: String::new(),
                message: why,
            }]
        };
        let output = self
            .run(self.command(config).args(["config", "validate", "--json"]))
            .map_err(|error| failed(format!("OpenClaw could not be asked: {error}")))?;
        let start = output.find('{').unwrap_or_default();
        let verdict: Option<Verdict> =
            serde_json::Deserializer::from_str(output.get(start..).unwrap_or_default())
                .into_iter()
                .next()
                .and_then(Result::ok);
        match verdict {
            Some(Verdict { valid: true, .. }) => Ok(()),
            Some(Verdict { issues, .. }) if !issues.is_empty() => {
                Err(issues.into_iter().map(ConfigIssue::from).collect())
            }
            Some(_) => Err(failed("OpenClaw refuses it without saying why".to_owned())),
            None => Err(failed(
                "OpenClaw's answer to config validate cannot be read".to_owned(),
            )),
        }
    }

    /// Runs a command of OpenClaw's to its end; its standard output.
    fn run(&self, command: &mut Command) -> io::Result<String> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = self.processes.spawn(command)?;
        let output = child.stdout.take();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            output
                .map(|output| output.take(1024 * 1024).read_to_string(&mut text))
                .transpose()?;
            Ok::<String, io::Error>(text)
        });
        let ended = wait_for(&mut child, VALIDATE_TIMEOUT);
        self.processes.done(pid_of(&child));
        ended?;
        reader
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the reader failed")))
    }

    /// OpenClaw with a clean environment: our credential is not in it.
    fn command(&self, config: &Path) -> Command {
        let settings = &self.settings;
        let mut path = settings
            .node
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default()
            .into_os_string();
        path.push(":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        let mut command = Command::new(&settings.node);
        command
            .arg(&settings.openclaw)
            .current_dir(existing(settings.home_dir()))
            .process_group(0)
            .env_clear()
            .env("PATH", path)
            .env("HOME", settings.home_dir())
            .env("LANG", "C.UTF-8")
            .env("OPENCLAW_STATE_DIR", settings.state_dir())
            .env("OPENCLAW_CONFIG_PATH", config)
            .env("OPENCLAW_CONFIG_READONLY", "1")
            .env("OPENCLAW_DISABLE_BONJOUR", "1")
            .env("OPENCLAW_NO_AUTO_UPDATE", "1")
            .env("OPENCLAW_NO_RESPAWN", "1")
            .env("DO_NOT_TRACK", "1")
            .env("NODE_COMPILE_CACHE", &settings.compile_cache)
            // Or OpenClaw starts itself a second time to move its cache: a process
            // more, and exit codes and signals would go through it.
            .env("OPENCLAW_PACKAGED_COMPILE_CACHE_RESPAWNED", "1")
            .env(MODEL_KEY_ENV, settings.model_key.expose());
        self.separation.apply(&mut command);
        command
    }

    /// Copies output to the log and to the tail, line by line.
    fn copy(&self, output: impl Read + Send + 'static, tail: Arc<Mutex<Tail>>) {
        let key = self.settings.model_key.clone();
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while output
                .by_ref()
                .take(LINE_BYTES)
                .read_until(b'\n', &mut line)
                .is_ok_and(|n| n > 0)
            {
                let text = presentable(&line, &key);
                log::openclaw(&text);
                tail.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(text);
                line.clear();
            }
        });
    }
}

impl Run {
    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        // It may have ended by itself; its exit is on the way then.
        let _ = pidfd_send_signal(&self.handle, Signal::TERM);
    }

    /// Ends it.
    pub(crate) fn kill(&self) {
        let _ = pidfd_send_signal(&self.handle, Signal::KILL);
    }

    /// Its last output, at most 4 KiB.
    pub(crate) fn tail(&self) -> String {
        self.tail
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .text()
    }
}

impl Tail {
    fn push(&mut self, line: String) {
        self.bytes += line.len() + 1;
        self.lines.push_back(line);
        while self.bytes > TAIL_BYTES && self.lines.len() > 1 {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.len() + 1);
        }
    }

    fn text(&self) -> String {
        let mut text: String = self
            .lines
            .iter()
            .flat_map(|line| [line.as_str(), "\n"])
            .collect();
        let mut surplus = text.len().saturating_sub(TAIL_BYTES);
        while !text.is_char_boundary(surplus) {
            surplus += 1;
        }
        text.drain(..surplus);
        text
    }
}

/// A line of output without colours, line ends and the model key.
fn presentable(line: &[u8], key: &Secret) -> String {
    let text = String::from_utf8_lossy(line);
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.trim_end();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        // A control sequence ends with a byte from @ to ~ (ECMA-48 §5.4).
        let end = after
            .find(|c: char| ('@'..='~').contains(&c))
            .map_or(after.len(), |at| at + 1);
        rest = after.get(end..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain.replace(key.expose(), "[model key]")
}

/// Exit code, or 128 and the signal.
fn code_of(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}

fn wait_for(child: &mut Child, timeout: Duration) -> io::Result<ExitStatus> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it took too long"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The directory, or the root when it is gone: a program cannot start nowhere.
fn existing(directory: PathBuf) -> PathBuf {
    if directory.is_dir() {
        directory
    } else {
        PathBuf::from("/")
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, TAIL_BYTES, Tail, presentable};

    #[test]
    fn colours_and_the_model_key_do_not_reach_the_log() {
        let key = Secret::new("tmk_abc");
        assert_eq!(
            presentable(b"\x1b[90mhot\x1b[39m tmk_abc\r\n", &key),
            "hot [model key]"
        );
        assert_eq!(presentable(b"cut \x1b[", &key), "cut ");
    }

    #[test]
    fn the_tail_keeps_the_end_and_its_size() {
        let mut tail = Tail::default();
        for number in 0..2000 {
            tail.push(format!("line {number}"));
        }
        assert!(tail.text().ends_with("line 1999\n") && tail.text().len() <= TAIL_BYTES);
        tail.push("ä".repeat(TAIL_BYTES));
        assert!(tail.text().len() <= TAIL_BYTES && tail.text().ends_with("ä\n"));
    }
}
