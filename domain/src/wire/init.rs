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

use super::devices::{DeviceOrder, DeviceReport};
use super::gateway::StartStep;
use super::git::{GitOrder, GitState};
use crate::drift::files::{Approved, FileWatch};
use crate::drift::jobs::JobRules;
use crate::drift::{Held, Part};
use crate::proposal::Kind;

/// Host that answers tedix-init.
pub const GOVERNANCE_HOST: &str = "governance.internal";
/// Host that answers OpenClaw's model calls.
pub const MODELS_HOST: &str = "models.internal";
/// Host that answers snapshots.
pub const STATE_HOST: &str = "state.internal";
/// Host that answers what is brought from Git repositories.
pub const GIT_HOST: &str = "git.internal";
/// Host that answers with a browser, over the Chrome DevTools Protocol.
pub const BROWSER_HOST: &str = "browser.internal";
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
    /// What to look after besides the file.
    #[serde(default)]
    pub watch: Watch,
}

/// What tedix-init looks after besides OpenClaw's configuration file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Seconds that OpenClaw must stay healthy with a new configuration before it
    /// counts as good; none leaves it to tedix-init.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_window_seconds: Option<u64>,
    /// Whether OpenClaw's end, or its silence, in that time keeps the configuration
    /// in force: so it is for one that takes something away, which an agent could
    /// otherwise undo by ending OpenClaw.
    #[serde(default)]
    pub keep_when_unhealthy: bool,
    /// What `exec.approvals.set` is to set and to keep, OpenClaw's own `socket` left
    /// out; none leaves OpenClaw's exec approvals alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec_approvals: Option<Value>,
    /// What scheduled jobs there may be; none leaves them alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobRules>,
    /// Whether plugins that lie in OpenClaw's folders are taken away.
    #[serde(default)]
    pub no_plugins: bool,
    /// Skills and files of workspaces to hold to what was approved; none leaves them alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Box<FileWatch>>,
    /// Approved changes that are still to be made in the container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<Order>,
    /// What is still to be done about paired devices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceOrder>,
    /// What to bring from Git repositories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub git: Vec<GitOrder>,
}

/// An approved change of something that only the container holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The proposal that it comes from.
    pub id: String,
    /// What kind of thing.
    pub kind: Kind,
    /// Which.
    pub target: String,
    /// What it is to be; `null` takes it away.
    pub content: Value,
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
    /// Something that tedix-init keeps as it should be was found changed.
    Drift {
        /// What.
        part: Part,
        /// What was found, in a person's words.
        detail: String,
        /// Whether it is as it should be again.
        reverted: bool,
    },
    /// A change that nobody approved was undone.
    Undone {
        /// What kind of thing.
        change: Kind,
        /// Which.
        target: String,
        /// What it was, as a proposal would say it.
        content: Value,
        /// Why, in a person's words.
        why: String,
    },
    /// Which skills and files of workspaces count as approved from now on: what was there
    /// when the policy closed them, what OpenClaw made itself, and what orders wrote.
    Approved {
        /// All of them.
        approved: Approved,
    },
    /// An [`Order`] was carried out, or cannot be.
    OrderDone {
        /// Its id.
        id: String,
        /// Why it cannot be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// The job that it made, as [`crate::drift::jobs::thing`] names it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        job: Option<(String, String)>,
    },
    /// A [`DeviceOrder`] was carried out, or cannot be.
    DeviceDone {
        /// Its id.
        id: String,
        /// Why it cannot be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// How far what is brought from Git repositories has come: sent when it changes.
    Git {
        /// All of it.
        states: Vec<GitState>,
    },
    /// When the next scheduled job runs: sent when it changes.
    NextRun {
        /// When; none when none is to run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<chrono::DateTime<chrono::Utc>>,
    },
    /// What OpenClaw says about devices: sent when it is first seen and when it changes.
    Devices {
        /// What it says.
        report: DeviceReport,
    },
    /// What OpenClaw keeps outside its configuration: sent when it is first seen and
    /// when it changes.
    Held {
        /// What was found.
        held: Held,
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
    /// How many [`Order`]s and [`DeviceOrder`]s wait: fetch again when you know of fewer.
    #[serde(default)]
    pub orders: usize,
    /// Version of the policy that the newest configuration belongs to: fetch again when
    /// yours is of another. Absent from older gateway Workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<u64>,
}
