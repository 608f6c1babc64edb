//! What tedix-init and the gateway Worker say to each other, at
//! `http://governance.internal`, with the credential that only PID 1 holds.
//!
//! - `GET /v1/config` → [`ConfigBundle`]
//! - `POST /v1/reports` with a [`Report`] → [`ReportAck`]
//!
//! When the policy changes the Worker sends SIGHUP to PID 1, which then fetches
//! again; the hash in every [`ReportAck`] covers a signal that got lost.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::gateway::StartStep;

/// Host that answers tedix-init.
pub const GOVERNANCE_HOST: &str = "governance.internal";
/// Host that answers OpenClaw's model calls.
pub const MODELS_HOST: &str = "models.internal";
/// Host that answers snapshots.
pub const STATE_HOST: &str = "state.internal";
/// Environment variable with tedix-init's own credential; it never passes it on.
pub const INIT_CREDENTIAL_ENV: &str = "TEDIX_INIT_CREDENTIAL";
/// Environment variable with the revocable key that OpenClaw shows to `models.internal`.
pub const MODEL_KEY_ENV: &str = "TEDIX_MODEL_KEY";
/// Port that OpenClaw listens on in the container.
pub const OPENCLAW_PORT: u16 = 18789;

/// The configuration that OpenClaw is to run with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigBundle {
    /// Policy version it was compiled from.
    pub policy_version: u64,
    /// SHA-256 of `config` in canonical form, in lower-case hex.
    pub config_hash: String,
    /// OpenClaw's configuration; secrets are references to environment variables.
    pub config: Value,
}

/// Something tedix-init has to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Report {
    /// A start has come this far.
    Step {
        /// How far.
        step: StartStep,
    },
    /// OpenClaw answered `config.get`: sent after each apply and then regularly.
    Observed {
        /// Policy version of the configuration file in place.
        policy_version: u64,
        /// Its hash, as in [`ConfigBundle`].
        config_hash: String,
        /// OpenClaw's `config.get.valid`.
        valid: bool,
        /// Whether `appliedConfigHash == configRevisionHash`.
        applied: bool,
        /// Version that OpenClaw reports.
        openclaw_version: String,
        /// The governed part of its runtime configuration, secrets redacted.
        config: Value,
    },
    /// OpenClaw's own validation refused a configuration; the one before stays.
    Rejected {
        /// Policy version refused.
        policy_version: u64,
        /// Its hash.
        config_hash: String,
        /// OpenClaw's words.
        issues: Vec<ConfigIssue>,
    },
    /// OpenClaw ended; tedix-init starts it again.
    OpenclawExited {
        /// Exit code, 128 + signal for a signal.
        code: i32,
        /// Last lines of its output, at most 4 KiB.
        log_tail: String,
        /// Milliseconds until it is started again.
        restart_in_ms: u64,
    },
}

/// One complaint of `openclaw config validate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigIssue {
    /// Path in OpenClaw's configuration.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// Answer to a [`Report`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportAck {
    /// Hash of the newest configuration: fetch again when it differs from yours.
    pub desired_hash: String,
}
