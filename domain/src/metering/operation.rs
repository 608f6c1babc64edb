//! The operations that are let through: their paths, and where usage stands in
//! an answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Dialect, MAX_BELIEVABLE_TOKENS, Reported};

/// Something that a model is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// OpenAI chat completions.
    ChatCompletions,
    /// OpenAI responses.
    Responses,
    /// OpenAI embeddings.
    Embeddings,
    /// Anthropic messages.
    Messages,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 4] = [
        Self::ChatCompletions,
        Self::Responses,
        Self::Embeddings,
        Self::Messages,
    ];

    /// The protocol that it belongs to.
    #[must_use]
    pub fn dialect(self) -> Dialect {
        match self {
            Self::ChatCompletions | Self::Responses | Self::Embeddings => Dialect::Openai,
            Self::Messages => Dialect::Anthropic,
        }
    }

    /// Its path below the provider's origin.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Embeddings => "/v1/embeddings",
            Self::Messages => "/v1/messages",
        }
    }

    /// The operation of a protocol at a path.
    #[must_use]
    pub fn find(dialect: Dialect, path: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|it| it.dialect() == dialect && it.path() == path)
    }

    /// Takes what one event or document says about usage.
    pub(super) fn read(self, value: &Value, reported: &mut Reported) {
        match self {
            Self::ChatCompletions | Self::Embeddings => read_openai(value, reported),
            Self::Responses => read_responses(value, reported),
            Self::Messages => read_anthropic(value, reported),
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
    reported.raise_kinds(
        tokens(nested(usage, "prompt_tokens_details", "cached_tokens")),
        None,
        tokens(nested(
            usage,
            "completion_tokens_details",
            "reasoning_tokens",
        )),
    );
    let output = tokens(&usage["completion_tokens"]);
    reported.raise_output(output);
    reported.complete |= output.is_some();
}

/// Events of a response carry it whole once it is over; before that, text comes
/// in pieces.
fn read_responses(value: &Value, reported: &mut Reported) {
    let text = text_bytes(&value["delta"]) + text_bytes(&value["output"]);
    reported.text_bytes = reported.text_bytes.saturating_add(text);
    let usage = match &value["response"] {
        Value::Null => &value["usage"],
        response => &response["usage"],
    };
    reported.raise_input(tokens(&usage["input_tokens"]));
    reported.raise_kinds(
        tokens(nested(usage, "input_tokens_details", "cached_tokens")),
        None,
        tokens(nested(usage, "output_tokens_details", "reasoning_tokens")),
    );
    let output = tokens(&usage["output_tokens"]);
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
        let written = tokens(&usage["cache_creation_input_tokens"]);
        let cached = tokens(&usage["cache_read_input_tokens"]);
        let all = [Some(fresh), written, cached].into_iter().flatten();
        reported.raise_input(Some(all.fold(0, u64::saturating_add)));
        reported.raise_kinds(cached, written, None);
    }
    let output = tokens(&usage["output_tokens"]);
    reported.raise_output(output);
    reported.complete |= last && output.is_some();
}

fn nested<'a>(usage: &'a Value, details: &str, kind: &str) -> &'a Value {
    usage
        .get(details)
        .and_then(|details| details.get(kind))
        .unwrap_or(&Value::Null)
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
