//! One step: a line on the screen, a log file, and the commands it runs.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::ProgressBar;

use super::failure::StepFailed;
use super::log;
use super::progress::Progress;

/// The longest that a finished command waits to be noticed.
const SLOWEST_POLL: Duration = Duration::from_millis(150);

/// A step that runs. End it with [`Step::done`]; dropped without, it shows as failed.
#[derive(Debug)]
pub struct Step {
    progress: Progress,
    label: String,
    log: PathBuf,
    started: Instant,
    bar: Option<ProgressBar>,
    ended: bool,
}

impl Step {
    pub(super) fn start(progress: Progress, id: &str, label: String) -> anyhow::Result<Self> {
        let log = progress.logs().join(format!("{id}.log"));
        std::fs::create_dir_all(progress.logs())
            .and_then(|()| File::create(&log))
            .with_context(|| format!("cannot write the log file {}", log.display()))?;
        let bar = progress.bar(&label);
        if bar.is_none() {
            progress.say(format!("  {label} ..."));
        }
        Ok(Self {
            progress,
            label,
            log,
            started: Instant::now(),
            bar,
            ended: false,
        })
    }

    /// The file that holds the full output of this step.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Shows a word about what the step is at; it also goes to the log.
    pub fn note(&self, note: &str) {
        self.append(&format!("# {note}\n"));
        if let Some(bar) = &self.bar {
            bar.set_message(note.to_owned());
        }
    }

    /// Adds text to the step's log.
    pub fn append(&self, text: &str) {
        // A log that cannot be written must not stop the work it is about.
        let file = File::options().append(true).open(&self.log);
        drop(file.and_then(|mut file| file.write_all(text.as_bytes())));
    }

    /// Runs a command to its end with its output in the log.
    ///
    /// # Errors
    /// [`StepFailed`] when it cannot start or does not succeed.
    pub fn run(&self, command: &mut Command) -> anyhow::Result<()> {
        let status = self.status(command)?;
        if status.success() {
            return Ok(());
        }
        Err(self
            .failed(&format!("{} ended with {status}", name_of(command)))
            .into())
    }

    /// Runs a command to its end with its output in the log, and says how it ended.
    ///
    /// # Errors
    /// [`StepFailed`] when it cannot start.
    pub fn status(&self, command: &mut Command) -> anyhow::Result<ExitStatus> {
        self.append(&format!("$ {}\n", shown(command)));
        let mut child = self
            .spawn(command)
            .map_err(|error| self.failed(&format!("cannot start {}: {error}", name_of(command))))?;
        self.wait(&mut child).map_err(|error| {
            self.failed(&format!("lost {}: {error}", name_of(command)))
                .into()
        })
    }

    /// Like [`Step::run`], and shows every line of standard output as it comes.
    ///
    /// # Errors
    /// [`StepFailed`] when it cannot start or does not succeed.
    pub fn run_shown(&self, command: &mut Command) -> anyhow::Result<()> {
        self.append(&format!("$ {}\n", shown(command)));
        let mut start = || -> io::Result<(Child, ChildStdout)> {
            let log = File::options().append(true).open(&self.log)?;
            let mut child = command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(log)
                .spawn()?;
            let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
            Ok((child, output))
        };
        let (mut child, output) =
            start().map_err(|error| self.failed(&format!("cannot start the command: {error}")))?;
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("cannot read what the command prints")?;
            let line = String::from_utf8_lossy(&line);
            self.append(&format!("{line}\n"));
            self.progress.say(format!("  {}", line.trim_end()));
        }
        let status = child.wait().context("lost the command")?;
        if status.success() {
            return Ok(());
        }
        Err(self
            .failed(&format!("{} ended with {status}", name_of(command)))
            .into())
    }

    /// An error that shows the end of this step's log.
    #[must_use]
    pub fn failed(&self, why: &str) -> StepFailed {
        StepFailed::new(&self.label, why, &self.log)
    }

    /// Ends the step well. `detail` follows the label: a size, a version.
    pub fn done(mut self, detail: &str) {
        self.finish("✓", detail);
    }

    fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let out = File::options().append(true).open(&self.log)?;
        let err = out.try_clone()?;
        command.stdin(Stdio::null()).stdout(out).stderr(err).spawn()
    }

    fn wait(&self, child: &mut Child) -> io::Result<ExitStatus> {
        let Some(bar) = &self.bar else {
            return child.wait();
        };
        let mut pause = Duration::from_millis(4);
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(SLOWEST_POLL);
            if let Some(line) = log::last_line(&self.log) {
                bar.set_message(line);
            }
        }
    }

    fn finish(&mut self, mark: &str, detail: &str) {
        self.ended = true;
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let separator = if detail.is_empty() { "" } else { ": " };
        let took = took(self.started.elapsed());
        self.progress
            .say(format!("{mark} {}{separator}{detail}{took}", self.label));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.ended {
            self.finish("✗", "");
        }
    }
}

/// The time a step took, when it is worth saying.
fn took(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0 => String::new(),
        seconds @ 1..120 => format!(" ({seconds} s)"),
        seconds => format!(" ({} min {} s)", seconds / 60, seconds % 60),
    }
}

fn name_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned()
}

/// The command as a developer would type it. Without the environment it adds:
/// that may hold a key, and a log is no place for one.
fn shown(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{Progress, took};
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn a_failing_command_is_reported_with_the_end_of_its_output() {
        let logs = std::env::temp_dir().join(format!("xtask-step-{}", std::process::id()));
        let progress = Progress::new(logs.clone());
        let step = progress.step("sample", "A sample").unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "for n in $(seq 1 40); do echo line $n; done; exit 3"]);
        let message = step.run(&mut command).unwrap_err().to_string();
        drop(step);
        std::fs::remove_dir_all(logs).unwrap();
        assert!(
            message.starts_with("A sample failed: sh ended with exit status: 3"),
            "{message}"
        );
        assert!(
            message.contains("line 40") && message.contains("line 11"),
            "{message}"
        );
        assert!(!message.contains("line 10\n"), "{message}");
        assert!(message.contains("sample.log"), "{message}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let logs = std::env::temp_dir().join(format!("xtask-step-none-{}", std::process::id()));
        let progress = Progress::new(logs.clone());
        let step = progress.step("none", "A sample").unwrap();
        let message = step
            .run(&mut Command::new("/no/such/program"))
            .unwrap_err()
            .to_string();
        drop(step);
        std::fs::remove_dir_all(logs).unwrap();
        assert!(message.contains("cannot start program"), "{message}");
    }

    #[test]
    fn short_steps_carry_no_time() {
        assert_eq!(took(Duration::from_millis(900)), "");
        assert_eq!(took(Duration::from_secs(12)), " (12 s)");
        assert_eq!(took(Duration::from_secs(150)), " (2 min 30 s)");
    }
}
