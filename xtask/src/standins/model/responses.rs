//! OpenAI Responses (platform.openai.com/docs/api-reference/responses).

use serde_json::{Value, json};

use super::openai::{internal, text};
use super::reply::{Conversation, End, Reply};
use super::script::Usage;
use super::sse::{Event, pieces};

/// Bytes of text, and of a call's arguments, to a piece of the stream.
const PIECE: usize = 12;

/// Reads what the answer depends on.
pub(super) fn read(body: &Value) -> Result<Conversation, &'static str> {
    let spoken;
    let items = match body.get("input") {
        Some(Value::String(said)) => {
            spoken = vec![json!({ "role": "user", "content": said })];
            &spoken
        }
        Some(Value::Array(items)) if !items.is_empty() => items,
        _ => return Err("input must be a text or an array"),
    };
    let kind = |item: &Value| {
        let kind = item.get("type").and_then(Value::as_str);
        kind.unwrap_or("message").to_owned()
    };
    let role = |item: &Value| {
        let role = item.get("role").and_then(Value::as_str);
        role.unwrap_or_default().to_owned()
    };
    let made = |item: &Value| {
        role(item) == "assistant" || matches!(kind(item).as_str(), "function_call" | "reasoning")
    };
    let after = items.iter().rposition(made).map_or(0, |at| at + 1);
    let newest = items.get(after..).unwrap_or_default();
    let said = |item: &&Value| role(item) == "user" && !internal(&text(item.get("content")));
    let answered = |item: &Value| kind(item) == "function_call_output";
    // What somebody wrote after the results counts more than the results.
    let overtaken = newest.iter().rposition(|item| said(&item)) > newest.iter().rposition(answered);
    let tool_results = newest
        .iter()
        .filter(|item| answered(item) && !overtaken)
        .map(|item| text(item.get("output")))
        .collect();
    let user = items
        .iter()
        .rfind(said)
        .map(|item| text(item.get("content")));
    let instructions = text(body.get("instructions")).len();
    let system = items
        .iter()
        .filter(|item| matches!(role(item).as_str(), "system" | "developer"))
        .map(|item| text(item.get("content")).len())
        .sum::<usize>();
    let tools = body.get("tools").map_or(0, |tools| tools.to_string().len());
    let talk: usize = items
        .iter()
        .map(|item| text(item.get("content")).len() + text(item.get("output")).len())
        .sum();
    Ok(Conversation {
        user: user.unwrap_or_default(),
        tool_results,
        prompt_bytes: talk + instructions + tools,
        prefix_bytes: system + instructions + tools,
        max_output_tokens: body.get("max_output_tokens").and_then(Value::as_u64),
    })
}

/// Names of the tools offered.
pub(super) fn tool_names(body: &Value) -> Vec<String> {
    let tools = body.get("tools").and_then(Value::as_array);
    let names = tools.into_iter().flatten();
    names
        .filter_map(|tool| tool.get("name")?.as_str().map(str::to_owned))
        .collect()
}

/// The whole answer at once.
pub(super) fn whole(number: u64, created: i64, model: &str, reply: &Reply) -> Value {
    response(number, created, model, reply, &output(number, reply))
}

/// The answer as a stream.
pub(super) fn stream(number: u64, created: i64, model: &str, reply: &Reply) -> Vec<Event> {
    let mut events = Stream::default();
    let mut opening = whole(number, created, model, reply);
    if let Some(fields) = opening.as_object_mut() {
        fields.insert("status".to_owned(), json!("in_progress"));
        fields.insert("output".to_owned(), json!([]));
        fields.insert("usage".to_owned(), Value::Null);
    }
    events.push("response.created", json!({ "response": opening }));
    let items = output(number, reply);
    for (index, item) in items.iter().enumerate() {
        let is_message = item.get("type").and_then(Value::as_str) == Some("message");
        if is_message {
            message(&mut events, index, item, &reply.text);
        } else {
            call(&mut events, index, item);
        }
    }
    let end = match reply.end {
        End::Length => "response.incomplete",
        End::Stop | End::Tools => "response.completed",
    };
    let whole = response(number, created, model, reply, &items);
    events.push(end, json!({ "response": whole }));
    events.0
}

/// Events, each with its number in the stream.
#[derive(Default)]
struct Stream(Vec<Event>);

impl Stream {
    fn push(&mut self, name: &'static str, mut data: Value) {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("type".to_owned(), json!(name));
            fields.insert("sequence_number".to_owned(), json!(self.0.len()));
        }
        self.0.push(Event {
            name: Some(name),
            data: data.to_string(),
        });
    }
}

fn with(item: &Value, fields: Value) -> Value {
    let mut item = item.clone();
    if let (Some(item), Value::Object(fields)) = (item.as_object_mut(), fields) {
        item.extend(fields);
    }
    item
}

fn message(events: &mut Stream, index: usize, item: &Value, words: &str) {
    let id = item.get("id").cloned().unwrap_or_default();
    let empty = with(item, json!({ "status": "in_progress", "content": [] }));
    events.push(
        "response.output_item.added",
        json!({ "output_index": index, "item": empty }),
    );
    let place = json!({ "item_id": id, "output_index": index, "content_index": 0 });
    let part = |words: &str| json!({ "type": "output_text", "text": words, "annotations": [] });
    events.push(
        "response.content_part.added",
        with(&place, json!({ "part": part("") })),
    );
    for piece in pieces(words, PIECE) {
        let delta = json!({ "delta": piece, "logprobs": [] });
        events.push("response.output_text.delta", with(&place, delta));
    }
    let done = json!({ "text": words, "logprobs": [] });
    events.push("response.output_text.done", with(&place, done));
    events.push(
        "response.content_part.done",
        with(&place, json!({ "part": part(words) })),
    );
    events.push(
        "response.output_item.done",
        json!({ "output_index": index, "item": item }),
    );
}

fn call(events: &mut Stream, index: usize, item: &Value) {
    let id = item.get("id").cloned().unwrap_or_default();
    let arguments = text(item.get("arguments"));
    let empty = with(item, json!({ "status": "in_progress", "arguments": "" }));
    events.push(
        "response.output_item.added",
        json!({ "output_index": index, "item": empty }),
    );
    let place = json!({ "item_id": id, "output_index": index });
    for piece in pieces(&arguments, PIECE) {
        let delta = json!({ "delta": piece });
        events.push(
            "response.function_call_arguments.delta",
            with(&place, delta),
        );
    }
    let done = json!({ "arguments": arguments });
    events.push("response.function_call_arguments.done", with(&place, done));
    events.push(
        "response.output_item.done",
        json!({ "output_index": index, "item": item }),
    );
}

/// The items of an answer: a message when there is text, then the calls.
fn output(number: u64, reply: &Reply) -> Vec<Value> {
    let mut items = Vec::new();
    if !reply.text.is_empty() || reply.tools.is_empty() {
        let part = json!({ "type": "output_text", "text": reply.text, "annotations": [] });
        items.push(json!({
            "id": format!("msg_{number}"), "type": "message", "role": "assistant",
            "status": "completed", "content": [part],
        }));
    }
    items.extend(reply.tools.iter().enumerate().map(|(index, tool)| {
        json!({
            "id": format!("fc_{number}_{index}"), "call_id": format!("call_{number}_{index}"),
            "type": "function_call", "status": "completed",
            "name": tool.name, "arguments": tool.arguments.to_string(),
        })
    }));
    items
}

fn response(number: u64, created: i64, model: &str, reply: &Reply, output: &[Value]) -> Value {
    let (status, incomplete) = match reply.end {
        End::Length => ("incomplete", json!({ "reason": "max_output_tokens" })),
        End::Stop | End::Tools => ("completed", Value::Null),
    };
    json!({
        "id": format!("resp_{number}"),
        "object": "response",
        "created_at": created,
        "status": status,
        "incomplete_details": incomplete,
        "error": null,
        "model": model,
        "output": output,
        "parallel_tool_calls": true,
        "tools": [],
        "usage": usage(reply.usage),
    })
}

fn usage(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": { "cached_tokens": usage.cached },
        "output_tokens": usage.output,
        "output_tokens_details": { "reasoning_tokens": usage.reasoning },
        "total_tokens": usage.input + usage.output,
    })
}
