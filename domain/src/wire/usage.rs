//! Usage and budgets: what the gateway's API takes and answers about them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::budget::{Extension, Unit};

/// `GET budgets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetsReport {
    /// Day that is counted, in the policy's time zone, `YYYY-MM-DD`.
    pub day: String,
    /// Time zone of the day.
    pub time_zone: String,
    /// When the counts start again.
    pub resets_at: DateTime<Utc>,
    /// The gateway's limits, then those of agents that have any or used something.
    pub accounts: Vec<AccountReport>,
    /// What is granted beyond the policy now.
    pub extensions: Vec<Extension>,
    /// Whether, and by whom, all model calls and browser sessions are stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stop>,
    /// Browser sessions; absent when the policy gives no browser and none was used today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<BrowserReport>,
}

/// Browser sessions of the day in [`BudgetsReport`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserReport {
    /// Most sessions at once; absent for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<u64>,
    /// Open now.
    pub open: u64,
    /// Most sessions that are opened in a day; absent for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_limit: Option<u64>,
    /// Opened today.
    pub sessions: u64,
    /// Most minutes a day over all sessions; absent for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes_limit: Option<u64>,
    /// Used today by all sessions, in seconds.
    pub seconds: u64,
}

/// One account of [`BudgetsReport`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountReport {
    /// Agent; the gateway as a whole when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Tokens.
    pub tokens: Gauge,
    /// Cost in millionths of a US dollar.
    pub cost_micro_usd: Gauge,
    /// Calls under way.
    pub calls_under_way: u64,
}

/// How far a limit is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gauge {
    /// The limit of the day, extensions included; absent for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Used.
    pub used: u64,
    /// Held by calls under way.
    pub reserved: u64,
}

/// All model calls are stopped: the answer of `POST models/stop`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// When.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub by: String,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Body of `POST models/stop`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopModels {
    /// Why, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Body of `POST budgets/extensions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantExtension {
    /// Whose limit is raised; the gateway's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Tokens more a day.
    #[serde(default)]
    pub tokens: u64,
    /// Millionths of a US dollar more a day.
    #[serde(default)]
    pub cost_micro_usd: u64,
    /// When it ends, at most a week away.
    pub until: DateTime<Utc>,
    /// Why, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One line of `GET usage?group_by=…`: the fields that were grouped by, and sums.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageGroup {
    /// Day in the time zone that the policy had, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// Hour in UTC, `YYYY-MM-DDTHH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<String>,
    /// Agent; empty for calls that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Session; empty for calls that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Model as `provider/id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The sums.
    #[serde(flatten)]
    pub totals: UsageTotals,
}

/// Sums over calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageTotals {
    /// Calls that reached the provider.
    pub calls: u64,
    /// Input tokens, cached ones included.
    pub input_tokens: u64,
    /// Of these, read from a cache.
    pub cached_input_tokens: u64,
    /// Of these, written to a cache.
    pub cache_write_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Of these, reasoning.
    pub reasoning_tokens: u64,
    /// Cost in millionths of a US dollar, of calls whose model has a price.
    pub cost_micro_usd: u64,
    /// Calls whose model has no price.
    pub unpriced_calls: u64,
}

impl UsageTotals {
    /// Names of the sums, in the order of [`Self::counts`].
    pub const COLUMNS: [&str; 8] = [
        "calls",
        "input_tokens",
        "cached_input_tokens",
        "cache_write_tokens",
        "output_tokens",
        "reasoning_tokens",
        "cost_micro_usd",
        "unpriced_calls",
    ];

    /// The sums, in the order of [`Self::COLUMNS`].
    #[must_use]
    pub fn counts(self) -> [u64; 8] {
        [
            self.calls,
            self.input_tokens,
            self.cached_input_tokens,
            self.cache_write_tokens,
            self.output_tokens,
            self.reasoning_tokens,
            self.cost_micro_usd,
            self.unpriced_calls,
        ]
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// The answer passed to its end.
    Finished,
    /// The client hung up, or the provider broke off.
    Cut,
    /// An operator stopped all calls while it was under way.
    Stopped,
    /// Nobody said how it ended; what it held counts in full.
    Lost,
}

/// One line of `GET usage/calls`, newest first. Neither prompt nor answer is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRow {
    /// Random id.
    pub id: String,
    /// When it started.
    pub at: DateTime<Utc>,
    /// Agent that OpenClaw named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Session that OpenClaw named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Model as `provider/id`.
    pub model: String,
    /// Tokens by kind.
    #[serde(flatten)]
    pub usage: crate::metering::Usage,
    /// Whether a count was estimated rather than reported.
    pub estimated: bool,
    /// Cost in millionths of a US dollar; absent without a price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micro_usd: Option<u64>,
    /// Milliseconds to the answer's first byte; absent when none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<u64>,
    /// Milliseconds to its end.
    pub total_ms: u64,
    /// How it ended.
    pub outcome: CallOutcome,
}

/// Why a call did not reach the provider, or was of no use there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// A day's budget is used up.
    Budget,
    /// The task has made its calls.
    CallsPerTask,
    /// Too many are under way.
    ConcurrentCalls,
    /// Too many have started within a minute.
    CallsPerMinute,
    /// An operator has stopped all calls.
    Stopped,
    /// The model has no price where cost is limited.
    NoPrice,
    /// The policy does not allow the model.
    ModelNotAllowed,
    /// The gateway offers no such model.
    UnknownModel,
    /// The key is not the running container's.
    WrongKey,
    /// The provider refused it, or could not be reached.
    Provider,
    /// The policy gives no browser.
    NoBrowser,
    /// Too many browser sessions are open.
    BrowserSessions,
    /// The day's browser sessions have been opened.
    BrowserSessionsPerDay,
    /// The day's browser minutes are used up.
    BrowserMinutes,
}

impl RefusalReason {
    const NAMES: [(Self, &'static str); 14] = [
        (Self::Budget, "budget"),
        (Self::CallsPerTask, "calls_per_task"),
        (Self::ConcurrentCalls, "concurrent_calls"),
        (Self::CallsPerMinute, "calls_per_minute"),
        (Self::Stopped, "stopped"),
        (Self::NoPrice, "no_price"),
        (Self::ModelNotAllowed, "model_not_allowed"),
        (Self::UnknownModel, "unknown_model"),
        (Self::WrongKey, "wrong_key"),
        (Self::Provider, "provider"),
        (Self::NoBrowser, "no_browser"),
        (Self::BrowserSessions, "browser_sessions"),
        (Self::BrowserSessionsPerDay, "browser_sessions_per_day"),
        (Self::BrowserMinutes, "browser_minutes"),
    ];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(reason, _)| *reason == self);
        named.map_or("", |(_, name)| name)
    }

    /// The one that is written so.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let named = Self::NAMES.iter().find(|(_, name)| *name == text);
        named.map(|(reason, _)| *reason)
    }
}

/// One line of `GET usage/refusals`, newest hour first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalRow {
    /// Hour in UTC, `YYYY-MM-DDTHH`.
    pub hour: String,
    /// Day in the time zone that the policy had, `YYYY-MM-DD`.
    pub day: String,
    /// Agent that OpenClaw named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Why.
    pub reason: RefusalReason,
    /// How many.
    pub calls: u64,
}

/// What an amount of a unit is called in audit entries.
#[must_use]
pub fn account_words(agent: Option<&str>, unit: Unit) -> String {
    let what = match unit {
        Unit::Tokens => "tokens a day",
        Unit::MicroUsd => "cost a day",
    };
    match agent {
        Some(agent) => format!("{what} of agent {agent}"),
        None => format!("{what} of the gateway"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_row_json_format_unchanged() {
        let row = RefusalRow {
            hour: "2026-11-22T10".to_owned(),
            day: "2026-11-22".to_owned(),
            agent: Some("main".to_owned()),
            reason: RefusalReason::CallsPerTask,
            calls: 2,
        };
        let json = r#"{"hour":"2026-11-22T10","day":"2026-11-22","agent":"main","reason":"calls_per_task","calls":2}"#;
        assert_eq!(serde_json::to_string(&row).expect("json"), json);
    }

    #[test]
    fn browser_report_json_format_unchanged() {
        let report = BrowserReport {
            at_once: Some(2),
            open: 1,
            sessions_limit: None,
            sessions: 3,
            minutes_limit: Some(60),
            seconds: 90,
        };
        let json = r#"{"at_once":2,"open":1,"sessions":3,"minutes_limit":60,"seconds":90}"#;
        assert_eq!(serde_json::to_string(&report).expect("json"), json);
    }

    #[test]
    fn every_reason_is_written_and_stored_alike() {
        for (reason, name) in RefusalReason::NAMES {
            assert_eq!(serde_json::json!(reason), name);
            assert_eq!(RefusalReason::named(reason.as_str()), Some(reason));
        }
    }
}
