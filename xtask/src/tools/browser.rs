//! The browser for the end-to-end tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use super::{Tools, apt, disk, search_path};
use crate::ui::{Progress, Step};

/// Names a browser to use instead of looking for one.
const CHOICE: &str = "TEDIX_CHROMIUM";
/// What an installed Chromium or Chrome may be called.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
/// What a browser takes at most, in bytes.
const ROOM: u64 = 1_000_000_000;

/// A Chromium or Chrome that starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Browser {
    /// Its program.
    pub program: PathBuf,
}

/// Finds a browser, else installs one: Debian's when this is root on Debian,
/// else Playwright's own download.
///
/// # Errors
/// Says what to install when there is no way to get one.
pub fn ensure_browser(tools: &Tools, progress: &Progress) -> anyhow::Result<Browser> {
    if let Some(chosen) = std::env::var_os(CHOICE) {
        let program = PathBuf::from(chosen);
        ensure!(
            starts(&program),
            "{CHOICE} is {}, which does not start",
            program.display()
        );
        return Ok(Browser { program });
    }
    if let Some(program) = installed() {
        return Ok(Browser { program });
    }
    let downloads = downloads(tools)?;
    if let Some(program) = playwrights(tools, &downloads) {
        return Ok(Browser { program });
    }
    disk::require(tools.cache.root(), ROOM, "a browser")?;
    if apt::available() && apt::is_root() {
        let step = progress.step("chromium", "Installing Debian's Chromium")?;
        match debian(&step) {
            Ok(()) => step.done(""),
            Err(error) => {
                step.append(&format!("{error:#}\n"));
                step.done("not possible here");
            }
        }
        if let Some(program) = installed() {
            return Ok(Browser { program });
        }
    }
    let step = progress.step("chromium-download", "Downloading Playwright's Chromium")?;
    let downloaded =
        step.status(playwright(tools, &downloads).args(["install", "chromium", "--no-shell"]))?;
    let Some(program) = playwrights(tools, &downloads).filter(|_| downloaded.success()) else {
        bail!(
            "no browser for the end-to-end tests: none of {} is on PATH, and none could be installed ({}); \
             install Chromium or Chrome, or set {CHOICE} to its program",
            NAMES.join(", "),
            step.log_path().display(),
        );
    };
    step.done("");
    Ok(Browser { program })
}

fn debian(step: &Step) -> anyhow::Result<()> {
    apt::require_known(step, "chromium")?;
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args([
        "install",
        "--quiet",
        "--yes",
        "--no-install-recommends",
        "chromium",
    ]);
    if step.status(&mut command)?.success() {
        return Ok(());
    }
    // Lists that are too old name packages that are gone.
    step.run(Command::new("apt-get").args(["update", "--quiet"]))?;
    step.run(&mut command)
}

/// One that is installed, and starts.
#[must_use]
pub fn installed() -> Option<PathBuf> {
    NAMES
        .iter()
        .filter_map(|name| search_path::find(name))
        .find(|program| starts(program))
}

/// Where Playwright's browser goes: one folder per version of Playwright.
fn downloads(tools: &Tools) -> anyhow::Result<PathBuf> {
    let manifest = tools.node.modules.join("playwright-core/package.json");
    let text = std::fs::read_to_string(&manifest)
        .with_context(|| format!("cannot read {}", manifest.display()))?;
    let manifest: serde_json::Value = serde_json::from_str(&text)?;
    let version = manifest
        .get("version")
        .and_then(serde_json::Value::as_str)
        .unwrap_or("unknown");
    Ok(tools.cache.root().join(format!("playwright-{version}")))
}

/// The browser that Playwright downloaded, if it did.
fn playwrights(tools: &Tools, downloads: &Path) -> Option<PathBuf> {
    let output = Command::new(&tools.node.node)
        .current_dir(tools.checkout.root())
        .env("PLAYWRIGHT_BROWSERS_PATH", downloads)
        .args(["-p", "require('playwright-core').chromium.executablePath()"])
        .output()
        .ok()?;
    let program = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    starts(&program).then_some(program)
}

fn playwright(tools: &Tools, downloads: &Path) -> Command {
    let mut command = Command::new(&tools.node.node);
    command
        .env("PLAYWRIGHT_BROWSERS_PATH", downloads)
        .arg(tools.node.modules.join("playwright-core/cli.js"));
    command
}

/// Distributions put programs under these names that only tell how to get the real one.
fn starts(program: &Path) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
