//! OpenClaw's own answers, over loopback.

use std::time::Duration;

use domain::wire::init::ConfigIssue;
use domain::wire::openclaw::{
    ADMIN_RPC_PATH, ADMIN_SCOPE, CLIENT_HEADER, INIT_IDENTITY, SCOPES_HEADER, UNKNOWN_CLIENT,
    USER_HEADER,
};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;

use crate::governance::agent;
use crate::settings::Settings;

/// A probe or `config.get` takes 15 to 120 ms; more while OpenClaw is loading.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer that is read; a `config.get` is some 100 KB.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Asks OpenClaw how it is.
#[derive(Debug)]
pub(crate) struct Openclaw {
    agent: Agent,
    origin: String,
}

/// What `config.get` says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfigState {
    /// Whether the file is valid.
    #[serde(default)]
    pub valid: bool,
    /// What is wrong with it.
    #[serde(default)]
    pub issues: Vec<Issue>,
    /// Keyed hash of what the file says; none while it is invalid.
    #[serde(default)]
    pub config_revision_hash: Option<String>,
    /// Keyed hash of what OpenClaw runs with.
    #[serde(default)]
    pub applied_config_hash: Option<String>,
    /// What it runs with, secrets redacted by OpenClaw.
    #[serde(default)]
    pub runtime_config: Value,
}

/// One complaint, as OpenClaw writes it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Issue {
    #[serde(default)]
    path: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    payload: Value,
}

impl ConfigState {
    /// Whether OpenClaw runs with what the file says.
    pub(crate) fn is_applied(&self) -> bool {
        self.config_revision_hash.is_some() && self.config_revision_hash == self.applied_config_hash
    }
}

impl From<Issue> for ConfigIssue {
    fn from(issue: Issue) -> Self {
        Self {
            path: issue.path,
            message: issue.message,
        }
    }
}

impl Openclaw {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            agent: agent(TIMEOUT),
            origin: settings.openclaw_url.clone(),
        }
    }

    /// Whether it has started and takes requests.
    pub(crate) fn is_ready(&self) -> bool {
        ["/startupz", "/readyz"].iter().all(|path| {
            let answer = self.agent.get(&format!("{}{path}", self.origin)).call();
            answer.is_ok_and(|answer| answer.status() == 200)
        })
    }

    /// Its configuration; none when it does not answer.
    pub(crate) fn config(&self) -> Option<ConfigState> {
        serde_json::from_value(self.call("config.get")?).ok()
    }

    /// Its version; none when it does not answer.
    pub(crate) fn version(&self) -> Option<String> {
        self.call("status")?
            .get("runtimeVersion")?
            .as_str()
            .map(str::to_owned)
    }

    fn call(&self, method: &str) -> Option<Value> {
        let request = self
            .agent
            .post(&format!("{}{ADMIN_RPC_PATH}", self.origin))
            .header(USER_HEADER, INIT_IDENTITY)
            .header(CLIENT_HEADER, UNKNOWN_CLIENT)
            .header(SCOPES_HEADER, ADMIN_SCOPE);
        let mut answer = request
            .send_json(json!({ "method": method, "params": {} }))
            .ok()?;
        let body = answer
            .body_mut()
            .with_config()
            .limit(MAX_BYTES)
            .read_to_vec()
            .ok()?;
        let answer: Answer = serde_json::from_slice(&body).ok()?;
        answer.ok.then_some(answer.payload)
    }
}
