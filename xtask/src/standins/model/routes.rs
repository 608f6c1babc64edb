//! What the model server answers.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::Utc;
use serde_json::{Value, json};

use super::record::{KEPT_ANSWER, RequestRecord, keepable};
use super::script::Script;
use super::sse::{self, Event};
use super::{
    MESSAGES_MODEL_ID, MODEL_ID, ModelServer, PRICED_MODEL_ID, RESPONSES_MODEL_ID, anthropic,
    openai, reply, responses,
};

/// Largest request: 32 MiB, the limit of Anthropic's API.
const MAX_BODY: usize = 32 * 1024 * 1024;

pub(super) fn router(server: ModelServer) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat_completions))
        .route("/v1/responses", post(create_response))
        .route("/v1/embeddings", post(embeddings))
        .route("/v1/messages", post(messages))
        .route("/v1/models", get(models))
        .route("/__stand-in/requests", get(requests))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(server)
}

/// Whose words a request is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    OpenAi,
    Responses,
    Anthropic,
}

impl Dialect {
    fn error(self, status: StatusCode, message: &str) -> Response {
        let body = match self {
            Self::OpenAi | Self::Responses => openai::error(status.as_u16(), message),
            Self::Anthropic => anthropic::error(status.as_u16(), message),
        };
        (status, Json(body)).into_response()
    }

    fn key(self, headers: &HeaderMap) -> Option<&str> {
        match self {
            Self::OpenAi | Self::Responses => headers
                .get(header::AUTHORIZATION)?
                .to_str()
                .ok()?
                .strip_prefix("Bearer "),
            Self::Anthropic => headers.get("x-api-key")?.to_str().ok(),
        }
    }
}

async fn chat_completions(
    State(server): State<ModelServer>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(Dialect::OpenAi, &server, &uri, &headers, &body)
}

async fn create_response(
    State(server): State<ModelServer>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(Dialect::Responses, &server, &uri, &headers, &body)
}

/// Vectors that mean nothing, but are the same for the same text.
async fn embeddings(
    State(server): State<ModelServer>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if Dialect::OpenAi.key(&headers) != Some(&*server.key) {
        return Dialect::OpenAi.error(StatusCode::UNAUTHORIZED, WRONG_KEY);
    }
    match openai::embed(&body) {
        Ok(answer) => Json(answer).into_response(),
        Err(why) => Dialect::OpenAi.error(StatusCode::BAD_REQUEST, why),
    }
}

async fn messages(
    State(server): State<ModelServer>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(Dialect::Anthropic, &server, &uri, &headers, &body)
}

async fn models(State(server): State<ModelServer>, headers: HeaderMap) -> Response {
    let keys = [
        Dialect::OpenAi.key(&headers),
        Dialect::Anthropic.key(&headers),
    ];
    if !keys.contains(&Some(&*server.key)) {
        return Dialect::OpenAi.error(StatusCode::UNAUTHORIZED, WRONG_KEY);
    }
    let ids = [
        MODEL_ID,
        PRICED_MODEL_ID,
        RESPONSES_MODEL_ID,
        MESSAGES_MODEL_ID,
    ];
    let models =
        ids.map(|id| json!({ "id": id, "object": "model", "created": 0, "owned_by": "stand-in" }));
    Json(json!({ "object": "list", "data": models })).into_response()
}

async fn requests(State(server): State<ModelServer>) -> Response {
    Json(server.requests()).into_response()
}

/// What OpenClaw asks for when it tries a task again.
const AGAIN: &str = "Continue the current task";
const WRONG_KEY: &str = "the stand-in takes only the key that was made for it";

fn answer(
    dialect: Dialect,
    server: &ModelServer,
    uri: &Uri,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Response {
    let parsed: Result<Value, _> = serde_json::from_slice(bytes);
    let authorized = dialect.key(headers) == Some(&*server.key);
    let body = parsed.as_ref().unwrap_or(&Value::Null);
    let mut record = RequestRecord {
        number: 0,
        at: Utc::now(),
        path: uri.path().to_owned(),
        headers: keepable(headers),
        authorized,
        body_bytes: bytes.len(),
        model: body.get("model").and_then(Value::as_str).map(str::to_owned),
        stream: body
            .get("stream")
            .and_then(Value::as_bool)
            .unwrap_or_default(),
        tools: match dialect {
            Dialect::OpenAi => openai::tool_names(body),
            Dialect::Responses => responses::tool_names(body),
            Dialect::Anthropic => anthropic::tool_names(body),
        },
        answer: String::new(),
        status: 0,
    };
    let response = if !authorized {
        dialect.error(StatusCode::UNAUTHORIZED, WRONG_KEY)
    } else if parsed.is_err() {
        dialect.error(StatusCode::BAD_REQUEST, "the body is not JSON")
    } else {
        compose(dialect, server, body, &mut record)
    };
    record.status = response.status().as_u16();
    if let Ok(mut records) = server.records.lock() {
        records.push(record);
    }
    response
}

fn compose(
    dialect: Dialect,
    server: &ModelServer,
    body: &Value,
    record: &mut RequestRecord,
) -> Response {
    let Some(model) = record.model.clone() else {
        return dialect.error(StatusCode::BAD_REQUEST, "model is required");
    };
    let read = match dialect {
        Dialect::OpenAi => openai::read(body),
        Dialect::Responses => responses::read(body),
        Dialect::Anthropic => anthropic::read(body),
    };
    let conversation = match read {
        Ok(conversation) => conversation,
        Err(why) => return dialect.error(StatusCode::BAD_REQUEST, why),
    };
    let script = Script::read(&conversation.user);
    // What tries again sends the same once more, or says that it goes on.
    let over = script.fail_once
        && (conversation.user.contains(AGAIN) || !server.fails_first(&conversation.user));
    if let Some(status) = script
        .fail
        .filter(|_| !over)
        .and_then(|status| StatusCode::from_u16(status).ok())
    {
        return dialect.error(status, "the stand-in was told to fail");
    }
    let reply = reply::decide(&conversation, &script);
    record.answer = reply.text.chars().take(KEPT_ANSWER).collect();
    let created = record.at.timestamp();
    // Unique within a conversation, so that a call's id never comes twice.
    let number = record.at.timestamp_micros().unsigned_abs();
    if !record.stream {
        return match dialect {
            Dialect::OpenAi => Json(openai::whole(number, created, &model, &reply)),
            Dialect::Responses => Json(responses::whole(number, created, &model, &reply)),
            Dialect::Anthropic => Json(anthropic::whole(number, &model, &reply)),
        }
        .into_response();
    }
    let mut events: Vec<Event> = match dialect {
        Dialect::OpenAi => {
            let counted = body
                .pointer("/stream_options/include_usage")
                .and_then(Value::as_bool);
            openai::stream(number, created, &model, &reply, counted.unwrap_or_default())
        }
        Dialect::Responses => responses::stream(number, created, &model, &reply),
        Dialect::Anthropic => anthropic::stream(number, &model, &reply),
    };
    if script.cut {
        events.truncate(events.len() / 2);
    }
    sse::response(events, Duration::from_millis(script.slow_ms))
}
