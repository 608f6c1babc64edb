//! The model stand-in, over HTTP, read as strictly as a picky client would.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on says why"
)]

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use xtask::standins::Server;
use xtask::standins::model::{KEPT_REQUESTS, ModelServer, RequestRecord};

const KEY: &str = "the-key";

struct Local {
    model: ModelServer,
    origin: String,
    http: Client,
    _server: Server,
}

async fn local() -> Local {
    let model = ModelServer::new(KEY);
    let server = Server::start(0, model.clone().router())
        .await
        .expect("a server");
    let origin = format!("http://{}", server.address());
    let http = Client::builder().no_proxy().build().expect("a client");
    Local {
        model,
        origin,
        http,
        _server: server,
    }
}

impl Local {
    async fn openai(&self, body: &Value) -> (StatusCode, String) {
        let request = self
            .http
            .post(format!("{}/v1/chat/completions", self.origin));
        let response = request
            .bearer_auth(KEY)
            .json(body)
            .send()
            .await
            .expect("an answer");
        (response.status(), response.text().await.expect("text"))
    }

    async fn anthropic(&self, body: &Value) -> (StatusCode, String) {
        let request = self.http.post(format!("{}/v1/messages", self.origin));
        let request = request
            .header("x-api-key", KEY)
            .header("anthropic-version", "2023-06-01");
        let response = request.json(body).send().await.expect("an answer");
        (response.status(), response.text().await.expect("text"))
    }
}

/// A strict reader of `text/event-stream`: every event is an optional `event:`
/// line and one `data:` line, and the stream ends after an event.
fn events(stream: &str) -> Vec<(Option<String>, String)> {
    assert!(
        stream.is_empty() || stream.ends_with("\n\n"),
        "a stream ends after an event"
    );
    let blocks = stream.split_terminator("\n\n");
    blocks
        .map(|block| {
            let lines: Vec<&str> = block.split('\n').collect();
            let field = |line: &str, name: &str| {
                line.strip_prefix(name)
                    .and_then(|rest| rest.strip_prefix(": "))
                    .map(str::to_owned)
            };
            match lines[..] {
                [data] => (None, field(data, "data").expect("data")),
                [name, data] => (
                    Some(field(name, "event").expect("event")),
                    field(data, "data").expect("data"),
                ),
                _ => panic!("more lines than an event has: {block:?}"),
            }
        })
        .collect()
}

/// A tool call: id, name, arguments.
type Call = (String, String, String);

/// Puts an OpenAI stream together: text, calls as (id, name, arguments), finish reason, usage.
fn assemble(stream: &str) -> (String, Vec<Call>, String, Option<Value>) {
    let mut events = events(stream);
    assert_eq!(events.pop(), Some((None, "[DONE]".to_owned())));
    let (mut text, mut calls, mut finish, mut usage) = (String::new(), Vec::new(), None, None);
    let mut id: Option<Value> = None;
    for (name, data) in events {
        assert_eq!(name, None);
        let chunk: Value = serde_json::from_str(&data).expect("JSON");
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(
            *id.get_or_insert_with(|| chunk["id"].clone()),
            chunk["id"],
            "one id to a stream"
        );
        assert_eq!(usage, None, "nothing follows the usage");
        let Some(choice) = chunk["choices"].get(0) else {
            usage = Some(chunk["usage"].clone());
            continue;
        };
        assert_eq!(finish, None, "only the usage follows the finish");
        text += choice["delta"]["content"].as_str().unwrap_or_default();
        for call in choice["delta"]["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let index = call["index"].as_u64().expect("index") as usize;
            let more = call["function"]["arguments"].as_str().expect("arguments");
            if index == calls.len() {
                let field = |value: &Value| value.as_str().expect("text").to_owned();
                calls.push((
                    field(&call["id"]),
                    field(&call["function"]["name"]),
                    more.to_owned(),
                ));
            } else {
                calls[index].2 += more;
            }
        }
        finish = choice["finish_reason"].as_str().map(str::to_owned);
    }
    (text, calls, finish.expect("a finish reason"), usage)
}

fn said(text: &str) -> Value {
    json!({ "role": "user", "content": text })
}

fn streamed(messages: &Value) -> Value {
    json!({ "model": "m", "messages": messages, "stream": true, "stream_options": { "include_usage": true } })
}

#[tokio::test]
async fn a_plain_message_is_answered_by_the_stand_in_under_its_name() {
    let local = local().await;
    let (status, stream) = local.openai(&streamed(&json!([said("hello")]))).await;
    assert_eq!(status, StatusCode::OK);
    let (text, calls, finish, usage) = assemble(&stream);
    assert!(text.contains("stand-in model"), "{text}");
    assert_eq!((calls.len(), finish.as_str()), (0, "stop"));
    let usage = usage.expect("usage was asked for");
    let total = usage["prompt_tokens"].as_u64().expect("in")
        + usage["completion_tokens"].as_u64().expect("out");
    assert_eq!(usage["total_tokens"].as_u64(), Some(total));
    assert_eq!(
        usage["completion_tokens"].as_u64(),
        Some(text.len().div_ceil(4) as u64)
    );
    assert!(usage["prompt_tokens_details"]["cached_tokens"].is_u64());
}

#[tokio::test]
async fn usage_comes_only_when_asked_for() {
    let local = local().await;
    let body = json!({ "model": "m", "messages": [said("/say hi")], "stream": true });
    let (_, stream) = local.openai(&body).await;
    assert!(!stream.contains("usage"), "{stream}");
    assert_eq!(assemble(&stream).0, "hi");
}

#[tokio::test]
async fn a_tool_is_called_in_fragments_and_its_result_quoted() {
    let local = local().await;
    let asked =
        said("[Sun 2026-11-22 08:35 UTC] /tool exec {\"command\":\"echo hello from the tool\"}");
    let context = said("<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nActive exec sessions: none");
    let (_, stream) = local.openai(&streamed(&json!([asked, context]))).await;
    assert!(
        stream.matches("\"arguments\"").count() > 2,
        "more than one fragment: {stream}"
    );
    let (text, calls, finish, _) = assemble(&stream);
    assert_eq!((text.as_str(), finish.as_str()), ("", "tool_calls"));
    let [(id, name, arguments)] = &calls[..] else {
        panic!("one call: {calls:?}")
    };
    assert_eq!(name, "exec");
    let arguments: Value = serde_json::from_str(arguments).expect("JSON");
    assert_eq!(arguments, json!({ "command": "echo hello from the tool" }));

    let call = json!({ "role": "assistant", "content": null, "tool_calls": [{ "id": id, "type": "function",
        "function": { "name": "exec", "arguments": "{}" } }] });
    let result = json!({ "role": "tool", "tool_call_id": id, "content": "hello from the tool" });
    let (_, stream) = local
        .openai(&streamed(&json!([asked, context, call, result, context])))
        .await;
    let (text, calls, finish, _) = assemble(&stream);
    assert!(text.contains("hello from the tool"), "{text}");
    assert_eq!((calls.len(), finish.as_str()), (0, "stop"));

    let next = said("/say next");
    let (_, stream) = local
        .openai(&streamed(&json!([asked, call, result, next])))
        .await;
    assert_eq!(
        assemble(&stream).0,
        "next",
        "a newer message counts more than an old result"
    );
}

#[tokio::test]
async fn the_same_without_a_stream() {
    let local = local().await;
    let body = json!({ "model": "m", "messages": [said("/tool exec {\"command\":\"ls\"}")] });
    let (_, text) = local.openai(&body).await;
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    let call = &answer["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(
        call,
        &json!({ "name": "exec", "arguments": "{\"command\":\"ls\"}" })
    );
    assert!(answer["usage"]["total_tokens"].is_u64());
}

#[tokio::test]
async fn anthropic_streams_blocks_in_order() {
    let local = local().await;
    let message = said("/say done\n/tool exec {\"command\":\"ls\"}");
    let body = json!({ "model": "m", "max_tokens": 100, "messages": [message], "stream": true });
    let (status, stream) = local.anthropic(&body).await;
    assert_eq!(status, StatusCode::OK);
    let (mut open, mut kinds, mut json_text, mut text) =
        (None, Vec::new(), String::new(), String::new());
    for (name, data) in events(&stream) {
        let data: Value = serde_json::from_str(&data).expect("JSON");
        assert_eq!(data["type"].as_str(), name.as_deref());
        match name.as_deref().expect("a name") {
            "content_block_start" => {
                assert_eq!(
                    open.replace(data["index"].clone()),
                    None,
                    "one block at a time"
                );
            }
            "content_block_delta" => {
                assert_eq!(open.as_ref(), Some(&data["index"]));
                json_text += data["delta"]["partial_json"].as_str().unwrap_or_default();
                text += data["delta"]["text"].as_str().unwrap_or_default();
                continue;
            }
            "content_block_stop" => assert_eq!(open.take(), Some(data["index"].clone())),
            "message_start" => assert!(data["message"]["usage"]["input_tokens"].is_u64()),
            "message_delta" => {
                assert_eq!(data["delta"]["stop_reason"], "tool_use");
                assert!(data["usage"]["output_tokens"].is_u64());
            }
            _ => {}
        }
        kinds.push(name.expect("a name"));
    }
    let block = ["content_block_start", "content_block_stop"];
    let expected = [
        "message_start",
        block[0],
        block[1],
        block[0],
        block[1],
        "message_delta",
        "message_stop",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(
        (text.as_str(), json_text.as_str()),
        ("done", "{\"command\":\"ls\"}")
    );
}

#[tokio::test]
async fn anthropic_quotes_a_tool_result() {
    let local = local().await;
    let call = json!({ "role": "assistant", "content": [{ "type": "tool_use", "id": "t", "name": "exec", "input": {} }] });
    let result = json!({ "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t",
        "content": [{ "type": "text", "text": "the result" }] }] });
    let messages = json!([said("/tool exec {}"), call, result]);
    let (_, text) = local
        .anthropic(&json!({ "model": "m", "max_tokens": 50, "messages": messages }))
        .await;
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(answer["stop_reason"], "end_turn");
    assert!(
        answer["content"][0]["text"]
            .as_str()
            .expect("text")
            .contains("the result"),
        "{text}"
    );
}

#[tokio::test]
async fn failures_wear_the_providers_clothes() {
    let local = local().await;
    let (status, text) = local.openai(&streamed(&json!([said("/fail 503")]))).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let body: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(body["error"]["type"], "server_error");
    let (status, text) = local
        .anthropic(&json!({ "model": "m", "max_tokens": 5, "messages": [said("/fail 529")] }))
        .await;
    assert_eq!(status.as_u16(), 529);
    assert_eq!(
        serde_json::from_str::<Value>(&text).expect("JSON")["error"]["type"],
        "overloaded_error"
    );
}

#[tokio::test]
async fn a_stream_can_be_broken_off() {
    let local = local().await;
    let (_, stream) = local
        .openai(&streamed(&json!([said(
            "/cut /say a long enough answer to break off"
        )])))
        .await;
    let events = events(&stream);
    assert!(!events.is_empty());
    assert!(
        !stream.contains("[DONE]") && !stream.contains("prompt_tokens"),
        "{stream}"
    );
}

#[tokio::test]
async fn only_the_real_key_is_served_and_no_key_is_kept() {
    let local = local().await;
    let url = format!("{}/v1/chat/completions", local.origin);
    let body = streamed(&json!([said("hello")]));
    for wrong in ["", "the-key2", "THE-KEY"] {
        let response = local
            .http
            .post(&url)
            .bearer_auth(wrong)
            .json(&body)
            .send()
            .await;
        assert_eq!(
            response.expect("an answer").status(),
            StatusCode::UNAUTHORIZED,
            "{wrong}"
        );
    }
    let mut with_tools = body.clone();
    with_tools["tools"] = json!([{ "type": "function", "function": { "name": "exec" } }]);
    local.openai(&with_tools).await;
    let listed = local
        .http
        .get(format!("{}/__stand-in/requests", local.origin))
        .send()
        .await;
    let listed = listed.expect("an answer").text().await.expect("text");
    assert!(!listed.contains("the-key"), "{listed}");
    let records: Vec<RequestRecord> = serde_json::from_str(&listed).expect("records");
    let seen: Vec<_> = records
        .iter()
        .map(|record| (record.number, record.authorized, record.status))
        .collect();
    assert_eq!(
        seen,
        [
            (1, false, 401),
            (2, false, 401),
            (3, false, 401),
            (4, true, 200)
        ]
    );
    assert_eq!(records[3].tools, ["exec"]);
    assert_eq!(
        (records[3].model.as_deref(), records[3].stream),
        (Some("m"), true)
    );
}

#[tokio::test]
async fn malformed_requests_are_refused_and_the_record_is_bounded() {
    let local = local().await;
    for body in [
        json!({}),
        json!({ "model": "m" }),
        json!({ "model": "m", "messages": [] }),
        json!([]),
    ] {
        assert_eq!(
            local.openai(&body).await.0,
            StatusCode::BAD_REQUEST,
            "{body}"
        );
    }
    for _ in 0..KEPT_REQUESTS {
        local
            .openai(&json!({ "model": "m", "messages": [said("/say x")] }))
            .await;
    }
    let records = local.model.requests();
    assert_eq!((records.len(), records[0].number), (KEPT_REQUESTS, 5));
}
