//! OpenAI Chat Completions (platform.openai.com/docs/api-reference/chat).

use serde_json::{Value, json};

use super::reply::{Conversation, End, Reply};
use super::script::Usage;
use super::sse::{Event, pieces};

/// Bytes of text, and of a call's arguments, to a piece of the stream.
const PIECE: usize = 12;

/// Reads what the answer depends on.
pub(super) fn read(body: &Value) -> Result<Conversation, &'static str> {
    let messages = body.get("messages").and_then(Value::as_array);
    let messages = messages
        .filter(|list| !list.is_empty())
        .ok_or("messages must be an array")?;
    let role = |message: &Value| {
        message
            .get("role")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let after_assistant = messages
        .iter()
        .rposition(|message| role(message).as_deref() == Some("assistant"))
        .map_or(0, |at| at + 1);
    let newest = messages.get(after_assistant..).unwrap_or_default();
    let said = |message: &&Value| {
        role(message).as_deref() == Some("user") && !internal(&text(message.get("content")))
    };
    let answered = |message: &Value| role(message).as_deref() == Some("tool");
    // What somebody wrote after the results counts more than the results.
    let overtaken =
        newest.iter().rposition(|message| said(&message)) > newest.iter().rposition(answered);
    let tool_results: Vec<String> = newest
        .iter()
        .filter(|message| answered(message) && !overtaken)
        .map(|message| text(message.get("content")))
        .collect();
    let user = messages
        .iter()
        .rfind(said)
        .map(|message| text(message.get("content")));
    let system = messages
        .iter()
        .filter(|message| matches!(role(message).as_deref(), Some("system" | "developer")));
    let prefix: usize = system
        .map(|message| text(message.get("content")).len())
        .sum();
    let tools = body.get("tools").map_or(0, |tools| tools.to_string().len());
    let limit = ["max_completion_tokens", "max_tokens"]
        .iter()
        .find_map(|name| body.get(*name));
    Ok(Conversation {
        user: user.unwrap_or_default(),
        tool_results,
        prompt_bytes: messages
            .iter()
            .map(|m| text(m.get("content")).len())
            .sum::<usize>()
            + tools,
        prefix_bytes: prefix + tools,
        max_output_tokens: limit.and_then(Value::as_u64),
    })
}

/// Vectors for texts: each of eight numbers that follow from its bytes.
pub(super) fn embed(body: &Value) -> Result<Value, &'static str> {
    let texts: Vec<String> = match body.get("input") {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(texts)) => texts.iter().map(|one| text(Some(one))).collect(),
        _ => return Err("input must be a text or an array of texts"),
    };
    let vector = |text: &str| {
        let mut sums = [1u64; 8];
        for (at, byte) in text.bytes().enumerate() {
            if let Some(sum) = sums.get_mut(at % 8) {
                *sum = (*sum * 31 + u64::from(byte)) % 1_009;
            }
        }
        sums.map(|sum| f64::from(u32::try_from(sum).unwrap_or(0)) / 1_009.0)
    };
    let data = texts.iter().enumerate().map(
        |(index, text)| json!({ "object": "embedding", "index": index, "embedding": vector(text) }),
    );
    let data: Vec<Value> = data.collect();
    let tokens = texts.iter().map(String::len).sum::<usize>().div_ceil(4);
    Ok(json!({
        "object": "list", "data": data, "model": body.get("model"),
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    }))
}

/// A context block that OpenClaw adds by itself, not what somebody wrote.
pub(super) fn internal(text: &str) -> bool {
    text.trim_start()
        .starts_with("<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>")
}

/// The text of a message's content: a string, or the text parts of a list.
pub(super) fn text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts
                .iter()
                .filter_map(|part| part.get("text").and_then(Value::as_str));
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// Names of the tools offered.
pub(super) fn tool_names(body: &Value) -> Vec<String> {
    let tools = body
        .get("tools")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    tools
        .filter_map(|tool| tool.pointer("/function/name").and_then(Value::as_str))
        .map(str::to_owned)
        .collect()
}

/// The whole answer at once.
pub(super) fn whole(number: u64, created: i64, model: &str, reply: &Reply) -> Value {
    let mut message = json!({
        "role": "assistant",
        "content": if reply.text.is_empty() { Value::Null } else { json!(reply.text) },
        "refusal": null,
    });
    if let (false, Some(fields)) = (reply.tools.is_empty(), message.as_object_mut()) {
        let calls = reply.tools.iter().enumerate().map(|(index, tool)| {
            json!({
                "id": call_id(number, index),
                "type": "function",
                "function": { "name": tool.name, "arguments": tool.arguments.to_string() },
            })
        });
        fields.insert("tool_calls".to_owned(), calls.collect());
    }
    json!({
        "id": format!("chatcmpl-{number}"),
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{
            "index": 0, "message": message, "logprobs": null, "finish_reason": finish(reply.end),
        }],
        "usage": usage(reply.usage),
    })
}

/// The answer as a stream. With `with_usage`, every chunk carries a `usage`
/// field and the last one before `[DONE]` has it filled in and no choices.
pub(super) fn stream(
    number: u64,
    created: i64,
    model: &str,
    reply: &Reply,
    with_usage: bool,
) -> Vec<Event> {
    let chunk = |choices: Value, counted: Option<Usage>| {
        let mut chunk = json!({
            "id": format!("chatcmpl-{number}"),
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
            "choices": choices,
        });
        if let (true, Some(fields)) = (with_usage, chunk.as_object_mut()) {
            fields.insert("usage".to_owned(), counted.map_or(Value::Null, usage));
        }
        Event::data(chunk.to_string())
    };
    let delta = |delta: Value, finish: Option<&str>| {
        let choice = json!({
            "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish,
        });
        chunk(json!([choice]), None)
    };
    let mut events = vec![delta(json!({ "role": "assistant", "content": "" }), None)];
    for piece in pieces(&reply.text, PIECE) {
        events.push(delta(json!({ "content": piece }), None));
    }
    for (index, tool) in reply.tools.iter().enumerate() {
        let opening = json!({ "tool_calls": [{
            "index": index,
            "id": call_id(number, index),
            "type": "function",
            "function": { "name": tool.name, "arguments": "" },
        }] });
        events.push(delta(opening, None));
        for piece in pieces(&tool.arguments.to_string(), PIECE) {
            let more = json!({ "tool_calls": [{
                "index": index, "function": { "arguments": piece },
            }] });
            events.push(delta(more, None));
        }
    }
    events.push(delta(json!({}), Some(finish(reply.end))));
    if with_usage {
        events.push(chunk(json!([]), Some(reply.usage)));
    }
    events.push(Event::data("[DONE]"));
    events
}

/// The error object of OpenAI.
pub(super) fn error(status: u16, message: &str) -> Value {
    let kind = match status {
        401 => "authentication_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    };
    json!({ "error": { "message": message, "type": kind, "param": null, "code": null } })
}

fn usage(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": { "cached_tokens": usage.cached, "audio_tokens": 0 },
        "completion_tokens_details": { "reasoning_tokens": usage.reasoning, "audio_tokens": 0 },
    })
}

fn finish(end: End) -> &'static str {
    match end {
        End::Stop => "stop",
        End::Length => "length",
        End::Tools => "tool_calls",
    }
}

fn call_id(number: u64, index: usize) -> String {
    format!("call_{number}_{index}")
}
