//! Runs a script of `browser/` in Node with Playwright.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::environment::Environment;

/// Runs `browser/NAME.mjs` with `input` on its standard input, and fails with all it said
/// when it fails.
///
/// # Errors
/// When the script fails.
pub async fn run(environment: &Environment, name: &str, input: &Value) -> anyhow::Result<()> {
    let script: PathBuf = environment
        .checkout
        .join("tests/browser")
        .join(format!("{name}.mjs"));
    let screenshots = environment.screenshots();
    tokio::fs::create_dir_all(&screenshots).await?;
    let mut child = Command::new(&environment.node)
        .arg(&script)
        .env("TEDIX_CHROMIUM", &environment.chromium)
        .env("TEDIX_SCREENSHOTS", &screenshots)
        .current_dir(&environment.checkout)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} does not start", environment.node.display()))?;
    let mut stdin = child
        .stdin
        .take()
        .context("the browser script takes no input")?;
    tokio::io::AsyncWriteExt::write_all(&mut stdin, input.to_string().as_bytes()).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{name} ended with {}; screenshots are in {}\n{said}{complained}",
        output.status,
        screenshots.display()
    );
    for line in said.lines() {
        eprintln!("     {line}");
    }
    Ok(())
}
