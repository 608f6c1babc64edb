//! The router for tests: the same migrations and SQL on SQLite in memory, the same rules
//! of the Pulse, and a clock that only moves when it is told to.

mod outside;
mod sqlite;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use tower_service::Service;

use self::outside::Outside;
use self::sqlite::Sqlite;
use crate::adapters::sql::SqlStore;
use crate::app::{App, Settings, Shared};
use crate::ports::Clock;
use crate::routes::router;

/// The whole registry.
pub(crate) struct Registry {
    pub(crate) app: Shared,
    database: Sqlite,
    pub(crate) outside: Arc<Outside>,
}

/// An answer, read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Json,
    pub(crate) text: String,
}

impl Registry {
    pub(crate) fn new() -> Self {
        let database = Sqlite::migrated();
        let store = SqlStore(database.clone());
        let outside = Arc::new(Outside::new(store.clone()));
        let settings = Settings::read(|name| {
            let value = match name {
                "PUBLIC_URL" => "http://localhost:8700",
                "ACCESS_ISSUER" => "http://localhost:8799",
                "ACCESS_AUDIENCE" => "registry-aud",
                "REGISTRY_OPERATORS" => "ada@example.com,grace@example.com",
                "GATEWAY_ORIGINS" => "http://localhost:8701",
                "REGISTRY_SIGNING_KEY" => "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
                _ => return None,
            };
            Some(value.to_owned())
        });
        let app = App {
            settings: settings.expect("settings"),
            gateways: Arc::new(store.clone()),
            join_tokens: Arc::new(store.clone()),
            audit: Arc::new(store.clone()),
            usage: Arc::new(store),
            pulse: outside.clone(),
            verifier: outside.clone(),
            clock: outside.clone(),
            random: outside.clone(),
            assets: outside.clone(),
        };
        Self {
            app: Arc::new(app),
            database,
            outside,
        }
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, seconds: i64) {
        self.outside.wait(seconds);
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.outside.now()
    }

    /// The Pulse starts anew and finds nothing that it kept.
    pub(crate) fn restart_pulse(&self) {
        self.outside.restart_pulse();
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = router(self.app.clone())
            .call(request)
            .await
            .expect("answer");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("body");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Json::Null);
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
            text,
        }
    }

    /// A request without identity. `body` is sent as JSON unless it is null.
    pub(crate) async fn anybody(&self, method: &str, path: &str, body: Json) -> Answer {
        self.send(request(method, path, &[], body)).await
    }

    /// A request with Access's header of that token: `ada`, `grace`, `eve`, `service` …
    pub(crate) async fn person(&self, who: &str, method: &str, path: &str, body: Json) -> Answer {
        self.send(request(
            method,
            path,
            &[("cf-access-jwt-assertion", who)],
            body,
        ))
        .await
    }

    /// A request of the operator Ada.
    pub(crate) async fn ada(&self, method: &str, path: &str, body: Json) -> Answer {
        self.person("ada", method, path, body).await
    }

    pub(crate) async fn bearer(&self, token: &str, method: &str, path: &str, body: Json) -> Answer {
        let authorization = format!("Bearer {token}");
        self.send(request(
            method,
            path,
            &[("authorization", &authorization)],
            body,
        ))
        .await
    }

    /// A join token, bound to a name or not.
    pub(crate) async fn join_token(&self, name: Option<&str>) -> String {
        let answer = self
            .ada("POST", "/api/v1/join-tokens", json!({"name": name}))
            .await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.body["token"].as_str().expect("token").to_owned()
    }

    pub(crate) async fn enroll(&self, token: &str, name: &str) -> Answer {
        let body = json!({
            "join_token": token,
            "name": name,
            "url": format!("https://{name}.example.com"),
            "tedix_version": "0.1.0",
        });
        self.anybody("POST", "/api/v1/enroll", body).await
    }

    /// A new gateway: its id and credential.
    pub(crate) async fn gateway(&self, name: &str) -> (String, String) {
        let token = self.join_token(None).await;
        let answer = self.enroll(&token, name).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let text = |key: &str| answer.body[key].as_str().expect("text").to_owned();
        (text("gateway_id"), text("credential"))
    }

    pub(crate) async fn beat(&self, id: &str, credential: &str, body: Json) -> Answer {
        self.bearer(
            credential,
            "POST",
            &format!("/api/v1/gateways/{id}/heartbeat"),
            body,
        )
        .await
    }

    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.database.count(sql)
    }

    /// Everything in the database, as text.
    pub(crate) fn dump(&self) -> String {
        self.database.dump()
    }
}

/// A request; `body` is sent as JSON unless it is null.
#[expect(
    clippy::needless_pass_by_value,
    reason = "tests write the body in place"
)]
pub(crate) fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Json,
) -> Request<Body> {
    let mut builder = Request::builder()
        .method(method)
        .uri(format!("http://localhost:8700{path}"));
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let body = if body.is_null() {
        Body::empty()
    } else {
        builder = builder.header(header::CONTENT_TYPE, "application/json");
        Body::from(body.to_string())
    };
    builder.body(body).expect("request")
}

/// A healthy gateway's heartbeat.
pub(crate) fn heartbeat(boot: &str, sequence: u64) -> Json {
    json!({
        "boot_id": boot,
        "sequence": sequence,
        "sent_at": "2026-11-22T12:00:00Z",
        "tedix_version": "0.1.0",
        "openclaw_version": "2026.9.6",
        "sandbox": {"phase": "ready", "since": "2026-11-22T12:00:00Z", "restarts": 0},
        "policy": {
            "version": 1, "desired_hash": "aa", "acknowledged_hash": "aa",
            "effective_hash": "aa", "effective_version": 1, "state": "applied",
        },
        "budget": {"tokens_per_day": 1000, "tokens_used": 10, "resets_at": "2026-11-23T00:00:00Z"},
        "models": [{"provider": "openai", "id": "stand-in", "stand_in": true}],
    })
}
