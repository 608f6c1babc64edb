//! What the tests need of the machine, found by `cargo xtask test`.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, ensure};

/// The `xtask` program, whose `dev` starts the stack.
pub const XTASK: &str = "TEDIX_XTASK";
/// Node 24, which runs the browser tests.
pub const NODE: &str = "TEDIX_NODE";
/// Chromium or Chrome.
pub const CHROMIUM: &str = "TEDIX_CHROMIUM";
/// What runs the containers: `embedded` or `docker`; `embedded` when absent.
pub const ENGINE: &str = "TEDIX_ENGINE";
/// First of the ports that the stacks may take; 9700 when absent. Each takes 100.
pub const PORT: &str = "TEDIX_E2E_PORT";

/// Where among them the Git host of the scenarios listens.
const GIT_OFFSET: u16 = 70;
/// From the ports of one stack to those of the next.
const STACK_PORTS: u16 = 100;

/// Programs and folders of this machine.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The `xtask` program.
    pub xtask: PathBuf,
    /// Node 24.
    pub node: PathBuf,
    /// Chromium or Chrome.
    pub chromium: PathBuf,
    /// Root of the checkout.
    pub checkout: PathBuf,
    /// First port of the stack.
    pub port: u16,
    /// Where logs go.
    pub logs: PathBuf,
    /// What runs the containers.
    pub engine: String,
}

impl Environment {
    /// Reads it.
    ///
    /// # Errors
    /// When something is not said or not there: a test is never skipped silently.
    pub fn read() -> anyhow::Result<Self> {
        let checkout = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let checkout = checkout
            .parent()
            .context("the tests lie outside a checkout")?
            .to_owned();
        let port = match std::env::var(PORT) {
            Ok(text) => text
                .parse()
                .with_context(|| format!("{PORT} is {text:?}, not a port"))?,
            Err(_) => 9700,
        };
        Ok(Self {
            xtask: program(XTASK, std::env::var_os(XTASK))?,
            node: program(NODE, std::env::var_os(NODE))?,
            chromium: program(CHROMIUM, std::env::var_os(CHROMIUM))?,
            logs: checkout.join("build/logs"),
            checkout,
            port,
            engine: std::env::var(ENGINE).unwrap_or_else(|_| "embedded".to_owned()),
        })
    }

    /// The port of the Git host of the scenarios.
    #[must_use]
    pub fn git_port(&self) -> u16 {
        self.port + GIT_OFFSET
    }

    /// Where screenshots go.
    #[must_use]
    pub fn screenshots(&self) -> PathBuf {
        self.checkout.join("build/screenshots")
    }

    /// The same machine for a second stack, with ports and logs of its own.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            port: self.port + STACK_PORTS,
            logs: self.logs.join("beside"),
            ..self.clone()
        }
    }
}

fn program(name: &str, value: Option<OsString>) -> anyhow::Result<PathBuf> {
    let value = value.with_context(|| {
        format!("{name} is not set: run `cargo xtask test`, which finds or installs the program and says where it is")
    })?;
    let path = PathBuf::from(value);
    ensure!(
        path.is_file(),
        "{name} names {}, which is not there",
        path.display()
    );
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::program;

    #[test]
    fn a_missing_program_is_said_and_not_skipped() {
        let error = program("TEDIX_CHROMIUM", None)
            .expect_err("not set")
            .to_string();
        assert!(
            error.contains("TEDIX_CHROMIUM") && error.contains("cargo xtask test"),
            "{error}"
        );
        let error = program("TEDIX_NODE", Some("/nowhere/node".into())).expect_err("not there");
        assert!(error.to_string().contains("/nowhere/node"), "{error}");
    }
}
