//! The two protocols that models are called in, and what an error looks like in
//! each. How OpenClaw 2026.9.6 takes an error decides its status and its words:
//! some make it try again in a loop, sleep for an hour or lock the key.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How the message of a budget refusal begins. OpenClaw shows such a message as
/// it is and does not try again, because it names a day.
pub const BUDGET_MESSAGE_PREFIX: &str = "Daily budget exhausted";

/// How the message of any other limit begins that trying again does not help
/// against. OpenClaw knows the words "usage limit" and shows the message as it is.
pub const LIMIT_MESSAGE_PREFIX: &str = "Usage limit reached";

/// A protocol that models are called in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI chat completions.
    Openai,
    /// Anthropic messages.
    Anthropic,
}

/// Kinds of error that the gateway itself answers a model call with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request cannot be read or is not allowed: 400.
    Invalid,
    /// The key is wrong: 401.
    Key,
    /// The model or path does not exist here: 404.
    NotFound,
    /// The body is too large: 413.
    TooLarge,
    /// The daily budget is used up: 429.
    Budget,
    /// Another limit that trying again does not help against: 429.
    Limit,
    /// Too many calls at once or in a minute: 429; OpenClaw tries again soon.
    Busy,
    /// The provider failed or cannot be reached: 502.
    Upstream,
}

impl ErrorKind {
    /// Whether the refusal may say when to try again (`Retry-After`). OpenClaw appends
    /// that to the error, and of one in Anthropic's shape then no longer finds the message;
    /// what trying again does not help against says in its words when it resets.
    #[must_use]
    pub fn says_when_to_retry(self) -> bool {
        self == Self::Busy
    }

    /// HTTP status of the refusal.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Key => 401,
            Self::NotFound => 404,
            Self::TooLarge => 413,
            Self::Budget | Self::Limit | Self::Busy => 429,
            Self::Upstream => 502,
        }
    }
}

impl Dialect {
    /// The dialect of a provider as OpenClaw's configuration names it.
    #[must_use]
    pub fn from_provider(provider: &str) -> Option<Self> {
        match provider {
            "openai" => Some(Self::Openai),
            "anthropic" => Some(Self::Anthropic),
            _ => None,
        }
    }

    /// The provider's name in OpenClaw's configuration.
    #[must_use]
    pub fn provider(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
        }
    }

    /// An error in the provider's own shape.
    #[must_use]
    pub fn error(self, kind: ErrorKind, message: &str) -> Value {
        match self {
            Self::Openai => {
                let (kind, code) = match kind {
                    ErrorKind::Invalid => ("invalid_request_error", Value::Null),
                    ErrorKind::Key => ("invalid_request_error", json!("invalid_api_key")),
                    ErrorKind::NotFound => ("invalid_request_error", json!("model_not_found")),
                    ErrorKind::TooLarge => ("invalid_request_error", json!("request_too_large")),
                    ErrorKind::Budget => ("rate_limit_error", json!("daily_budget_exhausted")),
                    ErrorKind::Limit => ("rate_limit_error", json!("usage_limit_reached")),
                    ErrorKind::Busy => ("rate_limit_error", json!("rate_limit_exceeded")),
                    ErrorKind::Upstream => ("server_error", Value::Null),
                };
                json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
            }
            Self::Anthropic => {
                let kind = match kind {
                    ErrorKind::Invalid => "invalid_request_error",
                    ErrorKind::Key => "authentication_error",
                    ErrorKind::NotFound => "not_found_error",
                    ErrorKind::TooLarge => "request_too_large",
                    ErrorKind::Budget | ErrorKind::Limit | ErrorKind::Busy => "rate_limit_error",
                    ErrorKind::Upstream => "api_error",
                };
                json!({"type": "error", "error": {"type": kind, "message": message}})
            }
        }
    }
}
