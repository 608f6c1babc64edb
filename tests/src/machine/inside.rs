//! Programs that run inside a container as the agents' commands do: in its
//! namespaces, as OpenClaw's user, with OpenClaw's environment.

use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::process::Command;

use super::Container;

/// Node in the container.
const NODE: &str = "/opt/node/bin/node";
const ASK: &str = include_str!("inside.mjs");

/// A request from inside.
#[derive(Debug, Clone, Serialize)]
pub struct Inquiry {
    /// Where to.
    pub url: String,
    /// Method.
    pub method: &'static str,
    /// Headers.
    pub headers: Value,
    /// Body, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// What was answered to one.
#[derive(Debug, Clone, Deserialize)]
pub struct Reply {
    /// HTTP status; 0 when nothing answered.
    pub status: u16,
    /// The beginning of the body, or why nothing answered.
    pub body: String,
}

impl Inquiry {
    /// A GET.
    #[must_use]
    pub fn get(url: impl Into<String>, headers: Value) -> Self {
        Self {
            url: url.into(),
            method: "GET",
            headers,
            body: None,
        }
    }

    /// A POST of JSON.
    #[must_use]
    pub fn post(url: impl Into<String>, headers: Value, body: Value) -> Self {
        Self {
            url: url.into(),
            method: "POST",
            headers,
            body: Some(body),
        }
    }
}

impl Container {
    /// Sends requests from inside, one after the other or all together.
    ///
    /// # Errors
    /// When nothing can be run in there.
    pub async fn ask(&self, requests: &[Inquiry], together: bool) -> anyhow::Result<Vec<Reply>> {
        let asked = serde_json::json!({ "together": together, "requests": requests });
        let printed = self
            .run(&[
                NODE,
                "--input-type=module",
                "--eval",
                ASK,
                &asked.to_string(),
            ])
            .await?;
        let found = printed
            .split_once("ASKED:")
            .and_then(|(_, rest)| rest.rsplit_once(":DEKSA"));
        let (answers, _) = found.with_context(|| format!("no answers in {printed:?}"))?;
        let answers: Vec<Reply> = serde_json::from_str(answers)?;
        ensure!(
            answers.len() == requests.len(),
            "{} answers to {} requests",
            answers.len(),
            requests.len()
        );
        Ok(answers)
    }

    /// Runs a program inside and returns what it prints, errors included.
    ///
    /// # Errors
    /// When it cannot be started. How it ends is its own business.
    pub async fn run(&self, program: &[&str]) -> anyhow::Result<String> {
        let openclaw = self.openclaw()?;
        let own = super::Process::read(std::process::id()).context("no such process as this")?;
        let mut command = Command::new("nsenter");
        command.args(["--target", &openclaw.pid.to_string()]);
        command.args(["--mount", "--net", "--pid", "--ipc", "--uts"]);
        if openclaw.namespace("user") == own.namespace("user") {
            let user = openclaw.user().context("OpenClaw runs as nobody")?;
            command.args(["--setuid", &user.to_string(), "--setgid", &user.to_string()]);
        } else {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg("--wdns=/data/openclaw").args(program);
        command.env_clear();
        let environment = openclaw.environment()?;
        for pair in environment.split(|byte| *byte == 0) {
            if let Some(at) = pair.iter().position(|byte| *byte == b'=') {
                let (name, value) = pair.split_at(at);
                let value = value.get(1..).unwrap_or_default();
                command.env(
                    std::ffi::OsStr::from_bytes(name),
                    std::ffi::OsStr::from_bytes(value),
                );
            }
        }
        let output = command
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("nsenter (of util-linux) cannot be started")?;
        let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
        printed.push_str(&String::from_utf8_lossy(&output.stderr));
        Ok(printed)
    }
}
