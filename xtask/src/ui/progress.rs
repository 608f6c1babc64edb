//! The place where steps appear.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::step::Step;

/// How often a spinner moves.
const TICK: Duration = Duration::from_millis(120);

/// Shows steps: with a spinner and the time it takes on a terminal, as plain
/// lines elsewhere and when `CI` is set. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Progress {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    logs: PathBuf,
    bars: Option<MultiProgress>,
}

impl Progress {
    /// Shows steps on standard error; their full output goes to `logs/<step>.log`.
    #[must_use]
    pub fn new(logs: PathBuf) -> Self {
        let interactive = std::io::stderr().is_terminal() && std::env::var_os("CI").is_none();
        let bars = interactive.then(MultiProgress::new);
        Self {
            inner: Arc::new(Inner { logs, bars }),
        }
    }

    /// Starts a step. `id` names its log file; `label` is what the developer reads.
    ///
    /// # Errors
    /// When the log file cannot be made.
    pub fn step(&self, id: &str, label: impl Into<String>) -> anyhow::Result<Step> {
        Step::start(self.clone(), id, label.into())
    }

    /// Prints a line above the steps that run.
    pub fn say(&self, line: impl AsRef<str>) {
        let line = line.as_ref();
        match &self.inner.bars {
            // A terminal that went away is no reason to stop working.
            Some(bars) => drop(bars.println(line)),
            None => drop(writeln!(std::io::stderr(), "{line}")),
        }
    }

    /// Where the log files are.
    #[must_use]
    pub fn logs(&self) -> &Path {
        &self.inner.logs
    }

    pub(super) fn bar(&self, label: &str) -> Option<ProgressBar> {
        let bars = self.inner.bars.as_ref()?;
        let bar = bars.add(ProgressBar::new_spinner());
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {prefix} {elapsed:.dim} {wide_msg:.dim}")
        {
            bar.set_style(style);
        }
        bar.set_prefix(label.to_owned());
        bar.enable_steady_tick(TICK);
        Some(bar)
    }
}
