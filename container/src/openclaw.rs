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

/// What OpenClaw shows in place of a secret, references to one included.
const REDACTED: &str = "__OPENCLAW_REDACTED__";

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
    /// What the file said when OpenClaw last read it, secrets redacted.
    #[serde(default)]
    pub parsed: Value,
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
    #[serde(default)]
    error: Refusal,
}

/// Why OpenClaw refused, in its words.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
}

impl ConfigState {
    /// Whether this is about the given configuration at all: for a moment after
    /// the file changed OpenClaw still answers from what it read before.
    pub(crate) fn is_about(&self, config: &Value) -> bool {
        same_but_redacted(&self.parsed, config)
    }

    /// Whether OpenClaw runs with the given configuration.
    pub(crate) fn is_in_force(&self, config: &Value) -> bool {
        let applied = self.config_revision_hash.is_some()
            && self.config_revision_hash == self.applied_config_hash;
        self.valid && applied && self.is_about(config)
    }
}

/// Whether two values are the same where OpenClaw shows them.
fn same_but_redacted(shown: &Value, config: &Value) -> bool {
    match (shown, config) {
        (Value::String(text), _) if text == REDACTED => true,
        (Value::Object(shown), Value::Object(config)) => {
            shown.len() == config.len()
                && shown.iter().all(|(key, shown)| {
                    config
                        .get(key)
                        .is_some_and(|config| same_but_redacted(shown, config))
                })
        }
        (Value::Array(shown), Value::Array(config)) => {
            shown.len() == config.len()
                && shown
                    .iter()
                    .zip(config)
                    .all(|(shown, config)| same_but_redacted(shown, config))
        }
        _ => shown == config,
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
        serde_json::from_value(self.call("config.get", &json!({}))?).ok()
    }

    /// Its version; none when it does not answer.
    pub(crate) fn version(&self) -> Option<String> {
        self.call("status", &json!({}))?
            .get("runtimeVersion")?
            .as_str()
            .map(str::to_owned)
    }

    /// Calls one of its methods with an administrator's scope; none when it refuses
    /// or does not answer.
    pub(crate) fn call(&self, method: &str, parameters: &Value) -> Option<Value> {
        self.try_call(method, parameters).ok()
    }

    /// The same, with the reason in OpenClaw's words.
    pub(crate) fn try_call(&self, method: &str, parameters: &Value) -> Result<Value, String> {
        let silent = || "OpenClaw does not answer".to_owned();
        let request = self
            .agent
            .post(&format!("{}{ADMIN_RPC_PATH}", self.origin))
            .header(USER_HEADER, INIT_IDENTITY)
            .header(CLIENT_HEADER, UNKNOWN_CLIENT)
            .header(SCOPES_HEADER, ADMIN_SCOPE);
        let mut answer = request
            .send_json(json!({ "method": method, "params": parameters }))
            .map_err(|_| silent())?;
        let body = answer
            .body_mut()
            .with_config()
            .limit(MAX_BYTES)
            .read_to_vec()
            .map_err(|_| silent())?;
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| silent())?;
        if answer.ok {
            Ok(answer.payload)
        } else {
            Err(format!("OpenClaw says: {}", answer.error.message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ConfigState;
    use serde_json::{Value, json};

    fn state(revision: &Value, parsed: &Value) -> ConfigState {
        serde_json::from_value(json!({
            "valid": true, "configRevisionHash": revision, "appliedConfigHash": "h", "parsed": parsed,
        }))
        .unwrap()
    }

    #[test]
    fn only_the_very_configuration_counts_as_in_force() {
        let config = json!({ "tools": { "deny": ["exec"] }, "key": { "id": "NAME" } });
        let shown = |id: &str| json!({ "tools": { "deny": ["exec"] }, "key": { "id": id } });
        assert!(state(&json!("h"), &shown("__OPENCLAW_REDACTED__")).is_in_force(&config));
        assert!(
            !state(&json!("h"), &shown("OTHER")).is_in_force(&config),
            "another file"
        );
        assert!(
            !state(&json!("i"), &shown("NAME")).is_in_force(&config),
            "not applied"
        );
        assert!(
            !state(&Value::Null, &shown("NAME")).is_in_force(&config),
            "no revision"
        );
        for stale in [
            json!({}),
            json!({ "tools": { "deny": [] }, "key": { "id": "NAME" } }),
        ] {
            assert!(!state(&json!("h"), &stale).is_in_force(&config), "{stale}");
        }
    }
}
