//! The gateway Worker, at `http://governance.internal`.

use std::time::Duration;

use domain::secret::Secret;
use domain::wire::init::{ConfigBundle, Report, ReportAck};
use ureq::Agent;

use crate::settings::Settings;

/// The Worker answers from memory or SQLite; it may be starting.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer that is read: OpenClaw's own limit for a configuration is far below.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Asks for the configuration and sends reports.
#[derive(Debug)]
pub(crate) struct Governance {
    agent: Agent,
    origin: String,
    credential: Secret,
}

impl Governance {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            agent: agent(TIMEOUT),
            origin: settings.governance_url.clone(),
            credential: settings.credential.clone(),
        }
    }

    /// The configuration that OpenClaw is to run with.
    pub(crate) fn config(&self) -> Result<ConfigBundle, String> {
        let url = format!("{}/v1/config", self.origin);
        let answer = self
            .agent
            .get(&url)
            .header("Authorization", &self.authorization())
            .call();
        read(answer, "the configuration")
    }

    /// Says something; the answer names the newest configuration.
    pub(crate) fn report(&self, report: &Report) -> Result<ReportAck, String> {
        let url = format!("{}/v1/reports", self.origin);
        let request = self
            .agent
            .post(&url)
            .header("Authorization", &self.authorization());
        read(request.send_json(report), "a report")
    }

    fn authorization(&self) -> String {
        format!("Bearer {}", self.credential.expose())
    }
}

/// An agent that talks to exactly the host it is told to.
pub(crate) fn agent(timeout: Duration) -> Agent {
    Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build()
        .into()
}

fn read<T: serde::de::DeserializeOwned>(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    what: &str,
) -> Result<T, String> {
    let mut answer = answer.map_err(|error| format!("{what}: {error}"))?;
    let status = answer.status();
    if !status.is_success() {
        return Err(format!("{what}: the gateway Worker answered {status}"));
    }
    let body = answer
        .body_mut()
        .with_config()
        .limit(MAX_BYTES)
        .read_to_vec();
    let body = body.map_err(|error| format!("{what}: {error}"))?;
    serde_json::from_slice(&body).map_err(|error| format!("{what}: not what was expected: {error}"))
}
