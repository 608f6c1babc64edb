//! The two protocols that models are called in: where usage stands in an
//! answer, and what an error looks like.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{MAX_BELIEVABLE_TOKENS, Reported};

/// How the message of a budget refusal begins. OpenClaw shows such a message as
/// it is and does not try again, because it names a day.
pub const BUDGET_MESSAGE_PREFIX: &str = "Daily budget exhausted";

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// The provider failed or cannot be reached: 502.
    Upstream,
}

impl ErrorKind {
    /// HTTP status of the refusal.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Key => 401,
            Self::NotFound => 404,
            Self::TooLarge => 413,
            Self::Budget => 429,
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

    /// Path of the one operation that is let through, below the provider's origin.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Openai => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
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
                    ErrorKind::Budget => "rate_limit_error",
                    ErrorKind::Upstream => "api_error",
                };
                json!({"type": "error", "error": {"type": kind, "message": message}})
            }
        }
    }

    /// Takes what one event or document says about usage.
    pub(super) fn read(self, value: &Value, reported: &mut Reported) {
        match self {
            Self::Openai => read_openai(value, reported),
            Self::Anthropic => read_anthropic(value, reported),
        }
    }
}

fn read_openai(value: &Value, reported: &mut Reported) {
    for choice in value["choices"].as_array().into_iter().flatten() {
        let text = text_bytes(&choice["delta"]) + text_bytes(&choice["message"]);
        reported.text_bytes = reported.text_bytes.saturating_add(text);
    }
    let usage = &value["usage"];
    reported.raise_input(tokens(&usage["prompt_tokens"]));
    let output = tokens(&usage["completion_tokens"]);
    reported.raise_output(output);
    reported.complete |= output.is_some();
}

fn read_anthropic(value: &Value, reported: &mut Reported) {
    let kind = value["type"].as_str();
    let usage = match kind {
        Some("message_start") => value.pointer("/message/usage").unwrap_or(&Value::Null),
        Some("message_delta" | "message") => &value["usage"],
        _ => &Value::Null,
    };
    let last = kind != Some("message_start");
    let text = text_bytes(&value["delta"])
        + text_bytes(&value["content_block"])
        + text_bytes(&value["content"]);
    reported.text_bytes = reported.text_bytes.saturating_add(text);
    if let Some(fresh) = tokens(&usage["input_tokens"]) {
        let cached = ["cache_creation_input_tokens", "cache_read_input_tokens"]
            .into_iter()
            .filter_map(|field| tokens(&usage[field]))
            .fold(0u64, u64::saturating_add);
        reported.raise_input(Some(fresh.saturating_add(cached)));
    }
    let output = tokens(&usage["output_tokens"]);
    reported.raise_output(output);
    reported.complete |= last && output.is_some();
}

/// A count that can be believed: a whole number that is neither negative nor absurd.
fn tokens(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .filter(|&count| count <= MAX_BELIEVABLE_TOKENS)
}

/// Bytes in all the strings of a value, keys left out.
fn text_bytes(value: &Value) -> u64 {
    // INVARIANT: serde_json refuses documents nested deeper than 128, which bounds this recursion.
    match value {
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(text_bytes).sum(),
        Value::Object(fields) => fields.values().map(text_bytes).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
