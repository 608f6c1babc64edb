//! A connection: challenge, connect, calls and events.

use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::device::{Challenge, Device};

/// Longer than a turn of the stand-in model takes.
const PATIENCE: Duration = Duration::from_secs(90);

/// What kind of client connects; OpenClaw knows a closed list of both.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// `client.id`.
    pub id: &'static str,
    /// `client.mode`.
    pub mode: &'static str,
}

impl Client {
    /// A chat in a browser.
    pub const WEBCHAT: Self = Self {
        id: "webchat",
        mode: "webchat",
    };
    /// A program without a screen.
    pub const BACKEND: Self = Self {
        id: "gateway-client",
        mode: "backend",
    };

    pub(super) const PLATFORM: &'static str = "linux";
}

/// OpenClaw's answer to `connect`.
#[derive(Debug, Clone)]
pub struct Hello {
    /// The whole of it.
    pub payload: Value,
    /// Scopes it grants.
    pub scopes: Vec<String>,
}

/// An open connection.
#[derive(Debug)]
pub struct Session {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    last_id: u32,
}

impl Session {
    /// Opens the connection. When the server answers the upgrade with anything
    /// but 101, that status is the error's `Refused`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(origin: &str, headers: &[(&str, &str)]) -> Result<Self, OpenError> {
        let url = format!(
            "{}/",
            origin.replacen("http", "ws", 1).trim_end_matches('/')
        );
        let mut request = url
            .into_client_request()
            .map_err(|error| OpenError::other(&error))?;
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|error| OpenError::other(&error))?;
            let value = HeaderValue::from_str(value).map_err(|error| OpenError::other(&error))?;
            request.headers_mut().append(name, value);
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self { socket, last_id: 0 }),
            Err(Error::Http(response)) => Err(OpenError::Refused(response.status().as_u16())),
            Err(error) => Err(OpenError::other(&error)),
        }
    }

    /// Answers the challenge and connects.
    ///
    /// # Errors
    /// When OpenClaw refuses, in its words.
    pub async fn connect(
        &mut self,
        client: Client,
        device: Option<&Device>,
        scopes: &[&str],
    ) -> anyhow::Result<Hello> {
        let challenge = self.event(|event, _| event == "connect.challenge").await?;
        let challenge = Challenge {
            nonce: challenge
                .get("nonce")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            at: challenge
                .get("ts")
                .and_then(Value::as_u64)
                .unwrap_or_default(),
        };
        let mut params = json!({
            "minProtocol": 4, "maxProtocol": 4, "role": "operator", "scopes": scopes,
            "client": {
                "id": client.id, "version": "0.0.1",
                "platform": Client::PLATFORM, "mode": client.mode,
            },
            "caps": [], "commands": [], "permissions": {}, "auth": {},
        });
        if let (Some(device), Some(params)) = (device, params.as_object_mut()) {
            params.insert(
                "device".to_owned(),
                device.answer(&challenge, &client, scopes),
            );
        }
        let payload = self.call("connect", params).await?;
        let granted = payload.pointer("/auth/scopes").and_then(Value::as_array);
        let scopes = granted
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned);
        Ok(Hello {
            scopes: scopes.collect(),
            payload,
        })
    }

    /// Calls a method and waits for its answer; events meanwhile are dropped.
    ///
    /// # Errors
    /// When OpenClaw refuses, in its words.
    pub async fn call(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.last_id += 1;
        let id = format!("r{}", self.last_id);
        self.send(&json!({ "type": "req", "id": id, "method": method, "params": params }))
            .await?;
        loop {
            let frame = self.next(method).await?;
            if frame.get("type").and_then(Value::as_str) != Some("res")
                || frame.get("id").and_then(Value::as_str) != Some(&id)
            {
                continue;
            }
            if frame.get("ok") == Some(&Value::Bool(true)) {
                return Ok(frame.get("payload").cloned().unwrap_or_default());
            }
            bail!(
                "{method} was refused: {}",
                frame.get("error").cloned().unwrap_or_default()
            );
        }
    }

    /// One chat turn of agent `main`: what the assistant says in the end.
    ///
    /// # Errors
    /// When the turn is refused or fails.
    pub async fn turn(&mut self, session: &str, message: &str) -> anyhow::Result<String> {
        let told = self.turn_of("main", session, message).await?;
        if told.failed {
            bail!("the turn failed: {}", told.payload);
        }
        if told.text.is_empty() {
            bail!("a turn without a text: {}", told.payload);
        }
        Ok(told.text)
    }

    /// One chat turn of an agent: what the user is told in the end.
    ///
    /// # Errors
    /// When the turn is not taken on or never ends.
    pub async fn turn_of(
        &mut self,
        agent: &str,
        session: &str,
        message: &str,
    ) -> anyhow::Result<Told> {
        // OpenClaw remembers these over connections, and answers a known one as before.
        let now = chrono::Utc::now().timestamp_micros();
        let run = format!("e2e-{session}-{now}-{}", self.last_id);
        let params = json!({
            "sessionKey": format!("agent:{agent}:{session}"),
            "message": message,
            "idempotencyKey": run,
        });
        // The last event may overtake the answer, so both are looked for at once.
        self.last_id += 1;
        let id = format!("r{}", self.last_id);
        self.send(&json!({ "type": "req", "id": id, "method": "chat.send", "params": params }))
            .await?;
        loop {
            let frame = self.next("a chat turn").await?;
            if frame.get("id").and_then(Value::as_str) == Some(&id)
                && frame.get("ok") != Some(&Value::Bool(true))
            {
                bail!(
                    "chat.send was refused: {}",
                    frame.get("error").cloned().unwrap_or_default()
                );
            }
            let payload = frame.get("payload").cloned().unwrap_or_default();
            let of_run = payload.get("runId").and_then(Value::as_str) == Some(&run);
            if frame.get("event").and_then(Value::as_str) != Some("chat") || !of_run {
                continue;
            }
            match payload.get("state").and_then(Value::as_str) {
                Some("final") => return Ok(Told::new(payload, false)),
                Some("error" | "aborted") => return Ok(Told::new(payload, true)),
                _ => {}
            }
        }
    }

    /// Waits for an event and returns its payload.
    ///
    /// # Errors
    /// When the connection ends before.
    pub async fn event(&mut self, wanted: impl Fn(&str, &Value) -> bool) -> anyhow::Result<Value> {
        loop {
            let frame = self.next("an event").await?;
            let payload = frame.get("payload").cloned().unwrap_or_default();
            let name = frame.get("event").and_then(Value::as_str);
            if name.is_some_and(|name| wanted(name, &payload)) {
                return Ok(payload);
            }
        }
    }

    async fn send(&mut self, frame: &Value) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::text(frame.to_string())).await?)
    }

    async fn next(&mut self, what: &str) -> anyhow::Result<Value> {
        loop {
            let message = timeout(PATIENCE, self.socket.next())
                .await
                .with_context(|| format!("waited {} s for {what}", PATIENCE.as_secs()))?
                .with_context(|| format!("the connection ended before {what}"))?
                .with_context(|| format!("the connection broke before {what}"))?;
            match message {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(frame) => bail!("OpenClaw closed before {what}: {frame:?}"),
                _ => {}
            }
        }
    }
}

/// How a turn ended, as the client of a user hears of it.
#[derive(Debug, Clone)]
pub struct Told {
    /// What is shown: the answer, or why there is none.
    pub text: String,
    /// Whether the client is told of a failure rather than of an answer.
    pub failed: bool,
    /// The event as it came.
    pub payload: Value,
}

impl Told {
    fn new(payload: Value, failed: bool) -> Self {
        let parts = payload
            .pointer("/message/content")
            .and_then(Value::as_array);
        let texts = parts
            .into_iter()
            .flatten()
            .filter_map(|part| part.get("text")?.as_str());
        let error = payload.get("errorMessage").and_then(Value::as_str);
        let text = texts.chain(error).collect();
        Self {
            text,
            failed,
            payload,
        }
    }
}

/// Why a connection was not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenError {
    /// The server answered the upgrade with this status.
    Refused(u16),
    /// Something else.
    Other(String),
}

impl OpenError {
    fn other(error: &dyn std::error::Error) -> Self {
        Self::Other(error.to_string())
    }
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(status) => write!(f, "the upgrade was answered with {status}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for OpenError {}
