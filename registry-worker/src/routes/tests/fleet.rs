use std::sync::atomic::Ordering;

use serde_json::{Value as Json, json};

use crate::testing::{Registry, heartbeat};

async fn list(registry: &Registry, query: &str) -> (Vec<String>, Json) {
    let answer = registry
        .ada("GET", &format!("/api/v1/gateways{query}"), Json::Null)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let items = answer.body["items"].as_array().expect("items");
    let names = items
        .iter()
        .map(|item| item["name"].as_str().expect("name").to_owned());
    (names.collect(), answer.body["next"].clone())
}

async fn status(registry: &Registry, id: &str) -> Json {
    let answer = registry
        .ada("GET", &format!("/api/v1/gateways/{id}"), Json::Null)
        .await;
    answer.body["status"].clone()
}

#[tokio::test]
async fn the_fleet_is_listed_by_name_in_pages() {
    let registry = Registry::new();
    for name in ["c", "a", "d", "b", "e"] {
        registry.gateway(name).await;
    }
    assert_eq!(
        list(&registry, "").await,
        (
            ["a", "b", "c", "d", "e"].map(String::from).into(),
            Json::Null
        )
    );
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let (names, next) = list(&registry, &query).await;
        assert!(names.len() <= 2);
        seen.extend(names);
        let Some(cursor) = next.as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn the_fleet_is_filtered_by_name_and_status() {
    let registry = Registry::new();
    for name in ["team-a", "team-b", "other"] {
        let (id, credential) = registry.gateway(name).await;
        if name != "team-b" {
            registry.beat(&id, &credential, heartbeat("a", 1)).await;
        }
    }
    assert_eq!(list(&registry, "?name=team").await.0, ["team-a", "team-b"]);
    assert_eq!(
        list(&registry, "?status=online").await.0,
        ["other", "team-a"]
    );
    assert_eq!(
        list(&registry, "?status=never&name=team").await.0,
        ["team-b"]
    );
    let (names, next) = list(&registry, "?status=online&limit=1").await;
    assert_eq!((names, next), (vec!["other".to_owned()], json!("other")));
    let (names, next) = list(&registry, "?status=online&limit=1&cursor=other").await;
    assert_eq!((names, next), (vec!["team-a".to_owned()], Json::Null));
}

#[tokio::test]
async fn wrong_parameters_are_refused() {
    let registry = Registry::new();
    for (query, status) in [
        ("?limit=0", 422),
        ("?limit=101", 422),
        ("?limit=x", 422),
        ("?status=happy", 422),
        ("?cursor=A%20B", 422),
        ("?cursor='%20OR%201=1", 422),
        (&format!("?name={}", "a".repeat(64)), 422),
        ("?order=name", 400),
        ("?limit=1&limit=2", 400),
    ] {
        let answer = registry
            .ada("GET", &format!("/api/v1/gateways{query}"), Json::Null)
            .await;
        assert_eq!(answer.status, status, "{query}");
    }
    let injection = "?name=a'%20OR%20'1'='1";
    assert_eq!(list(&registry, injection).await.0, Vec::<String>::new());
}

#[tokio::test]
async fn silence_becomes_offline_by_itself() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    registry.wait(1_000);
    registry.beat(&id, &credential, heartbeat("a", 1)).await;
    registry.wait(40);
    assert_eq!(status(&registry, &id).await, "online");
    registry.wait(1);
    assert_eq!(status(&registry, &id).await, "offline");
    registry.beat(&id, &credential, heartbeat("a", 2)).await;
    assert_eq!(status(&registry, &id).await, "online");
}

#[tokio::test]
async fn nobody_is_offline_right_after_the_pulse_started() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    registry.beat(&id, &credential, heartbeat("a", 1)).await;
    registry.wait(3_600);
    registry.restart_pulse();
    assert_eq!(status(&registry, &id).await, "unknown");
    registry.wait(2_000);
    assert_eq!(status(&registry, &id).await, "offline");
}

#[tokio::test]
async fn while_the_pulse_is_down_the_database_answers() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    registry.beat(&id, &credential, heartbeat("a", 1)).await;
    registry.outside.pulse_is_down.store(true, Ordering::SeqCst);
    registry.wait(600);
    assert_eq!(
        status(&registry, &id).await,
        "online",
        "it may have been heard since"
    );
    registry.wait(1_000);
    assert_eq!(status(&registry, &id).await, "unknown");
    assert_eq!(list(&registry, "").await.0, ["company"]);
    assert_eq!(
        registry
            .beat(&id, &credential, heartbeat("a", 2))
            .await
            .status,
        500
    );
    let path = format!("/api/v1/gateways/{id}");
    assert_eq!(registry.ada("DELETE", &path, Json::Null).await.status, 204);
}

#[tokio::test]
async fn what_failed_inside_stays_inside() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    registry.outside.pulse_is_down.store(true, Ordering::SeqCst);
    let answer = registry.beat(&id, &credential, heartbeat("a", 1)).await;
    assert_eq!(answer.status, 500);
    assert!(!answer.text.contains("Pulse"), "{}", answer.text);
}

#[tokio::test]
async fn gateway_summary_json_format_unchanged() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    let mut stopped = heartbeat("a", 1);
    stopped["sandbox"]["phase"] = json!("stopped");
    registry.beat(&id, &credential, stopped).await;
    let answer = registry
        .ada("GET", &format!("/api/v1/gateways/{id}"), Json::Null)
        .await;
    insta::assert_json_snapshot!(answer.body, @r#"
    {
      "enrolled_at": "2026-11-22T12:00:00Z",
      "heartbeat": {
        "boot_id": "a",
        "budget": {
          "resets_at": "2026-11-23T00:00:00Z",
          "tokens_per_day": 1000,
          "tokens_used": 10
        },
        "models": [
          {
            "id": "stand-in",
            "provider": "openai",
            "stand_in": true
          }
        ],
        "openclaw_version": "2026.9.6",
        "pointers": {},
        "policy": {
          "acknowledged_hash": "aa",
          "desired_hash": "aa",
          "effective_hash": "aa",
          "effective_version": 1,
          "state": "applied",
          "version": 1
        },
        "sandbox": {
          "phase": "stopped",
          "restarts": 0,
          "since": "2026-11-22T12:00:00Z"
        },
        "sent_at": "2026-11-22T12:00:00Z",
        "sequence": 1,
        "tedix_version": "0.1.0"
      },
      "id": "gw_01m81j18g00w3g000000000003",
      "last_seen_at": "2026-11-22T12:00:00Z",
      "name": "company",
      "reason": "the container is stopped",
      "status": "stopped",
      "url": "https://company.example.com"
    }
    "#);
}
