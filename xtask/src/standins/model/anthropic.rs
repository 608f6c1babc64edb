//! Anthropic Messages (docs.anthropic.com/en/api/messages).

use serde_json::{Value, json};

use super::openai::{internal, text};
use super::reply::{Conversation, End, Reply};
use super::sse::{Event, pieces};

/// Bytes of text, and of a call's arguments, to a piece of the stream.
const PIECE: usize = 12;

/// Reads what the answer depends on.
pub(super) fn read(body: &Value) -> Result<Conversation, &'static str> {
    let messages = body.get("messages").and_then(Value::as_array);
    let messages = messages
        .filter(|list| !list.is_empty())
        .ok_or("messages must be an array")?;
    let limit = body
        .get("max_tokens")
        .and_then(Value::as_u64)
        .ok_or("max_tokens is required")?;
    let after_assistant = messages
        .iter()
        .rposition(|message| message.get("role").and_then(Value::as_str) == Some("assistant"))
        .map_or(0, |at| at + 1);
    let newest = messages.get(after_assistant..).unwrap_or_default();
    let said = |message: &&Value| {
        let words = text(message.get("content"));
        message.get("role").and_then(Value::as_str) == Some("user")
            && !words.is_empty()
            && !internal(&words)
    };
    // What somebody wrote after the results counts more than the results.
    let answered = |message: &Value| {
        let mut parts = message
            .get("content")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        parts.any(|part| part.get("type").and_then(Value::as_str) == Some("tool_result"))
    };
    let overtaken =
        newest.iter().rposition(|message| said(&message)) > newest.iter().rposition(answered);
    let tool_results = newest
        .iter()
        .filter_map(|message| message.get("content").and_then(Value::as_array))
        .flatten()
        .filter(|part| part.get("type").and_then(Value::as_str) == Some("tool_result"))
        .filter(|_| !overtaken)
        .map(|part| text(part.get("content")))
        .collect();
    let user = messages
        .iter()
        .rfind(said)
        .map(|message| text(message.get("content")));
    let system = text(body.get("system")).len();
    let tools = body.get("tools").map_or(0, |tools| tools.to_string().len());
    let talk: usize = messages.iter().map(|m| text(m.get("content")).len()).sum();
    Ok(Conversation {
        user: user.unwrap_or_default(),
        tool_results,
        prompt_bytes: talk + system + tools,
        prefix_bytes: system + tools,
        max_output_tokens: Some(limit),
    })
}

/// Names of the tools offered.
pub(super) fn tool_names(body: &Value) -> Vec<String> {
    let tools = body
        .get("tools")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    tools
        .filter_map(|tool| tool.get("name")?.as_str().map(str::to_owned))
        .collect()
}

/// The whole answer at once.
pub(super) fn whole(number: u64, model: &str, reply: &Reply) -> Value {
    let mut content = Vec::new();
    if !reply.text.is_empty() {
        content.push(json!({ "type": "text", "text": reply.text }));
    }
    content.extend(reply.tools.iter().enumerate().map(|(index, tool)| {
        let id = call_id(number, index);
        json!({ "type": "tool_use", "id": id, "name": tool.name, "input": tool.arguments })
    }));
    let mut message = opening(number, model, reply);
    if let Some(fields) = message.as_object_mut() {
        fields.insert("content".to_owned(), content.into());
        fields.insert("stop_reason".to_owned(), json!(stop_reason(reply.end)));
        if let Some(usage) = fields.get_mut("usage").and_then(Value::as_object_mut) {
            usage.insert("output_tokens".to_owned(), json!(reply.usage.output));
        }
    }
    message
}

/// The answer as a stream.
pub(super) fn stream(number: u64, model: &str, reply: &Reply) -> Vec<Event> {
    let mut events = vec![event(
        "message_start",
        &json!({ "type": "message_start", "message": opening(number, model, reply) }),
    )];
    let mut index = 0usize;
    if !reply.text.is_empty() {
        let empty = json!({ "type": "text", "text": "" });
        let deltas = pieces(&reply.text, PIECE);
        let deltas = deltas
            .into_iter()
            .map(|text| json!({ "type": "text_delta", "text": text }));
        block(&mut events, index, &empty, deltas);
        index += 1;
    }
    for (call, tool) in reply.tools.iter().enumerate() {
        let id = call_id(number, call);
        let empty = json!({ "type": "tool_use", "id": id, "name": tool.name, "input": {} });
        let arguments = tool.arguments.to_string();
        let deltas = pieces(&arguments, PIECE);
        let deltas = deltas
            .into_iter()
            .map(|piece| json!({ "type": "input_json_delta", "partial_json": piece }));
        block(&mut events, index, &empty, deltas);
        index += 1;
    }
    let delta = json!({ "stop_reason": stop_reason(reply.end), "stop_sequence": null });
    let usage = json!({ "output_tokens": reply.usage.output });
    events.push(event(
        "message_delta",
        &json!({ "type": "message_delta", "delta": delta, "usage": usage }),
    ));
    events.push(event("message_stop", &json!({ "type": "message_stop" })));
    events
}

/// The error object of Anthropic.
pub(super) fn error(status: u16, message: &str) -> Value {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    };
    json!({ "type": "error", "error": { "type": kind, "message": message } })
}

fn block(
    events: &mut Vec<Event>,
    index: usize,
    empty: &Value,
    deltas: impl Iterator<Item = Value>,
) {
    let start = json!({ "type": "content_block_start", "index": index, "content_block": empty });
    events.push(event("content_block_start", &start));
    for delta in deltas {
        let data = json!({ "type": "content_block_delta", "index": index, "delta": delta });
        events.push(event("content_block_delta", &data));
    }
    let stop = json!({ "type": "content_block_stop", "index": index });
    events.push(event("content_block_stop", &stop));
}

fn opening(number: u64, model: &str, reply: &Reply) -> Value {
    json!({
        "id": format!("msg_{number}"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": {
            "input_tokens": reply.usage.input - reply.usage.cached - reply.usage.written,
            "cache_creation_input_tokens": reply.usage.written,
            "cache_read_input_tokens": reply.usage.cached,
            "output_tokens": 1,
        },
    })
}

fn event(name: &'static str, data: &Value) -> Event {
    Event {
        name: Some(name),
        data: data.to_string(),
    }
}

fn stop_reason(end: End) -> &'static str {
    match end {
        End::Stop => "end_turn",
        End::Length => "max_tokens",
        End::Tools => "tool_use",
    }
}

fn call_id(number: u64, index: usize) -> String {
    format!("toolu_{number}_{index}")
}
