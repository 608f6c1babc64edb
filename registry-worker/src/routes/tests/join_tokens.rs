use serde_json::json;

use crate::testing::Registry;

const PATH: &str = "/api/v1/join-tokens";

#[tokio::test]
async fn a_token_is_shown_once_and_kept_as_a_hash() {
    let registry = Registry::new();
    let answer = registry.ada("POST", PATH, json!({"name": "company"})).await;
    assert_eq!(answer.status, 201);
    let token = answer.body["token"].as_str().expect("token");
    assert!(token.starts_with("tjt_") && token.len() == 47, "{token}");
    assert_eq!(answer.body["expires_at"], "2026-11-22T12:05:00Z");
    assert!(!registry.dump().contains(&token[4..]), "in clear");
    assert_eq!(registry.count("SELECT length(hash) FROM join_tokens"), 64);
}

#[tokio::test]
async fn no_two_tokens_are_the_same() {
    let registry = Registry::new();
    assert_ne!(
        registry.join_token(None).await,
        registry.join_token(None).await
    );
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let registry = Registry::new();
    for (body, pointer) in [
        (json!({"ttl_seconds": 29}), "/ttl_seconds"),
        (json!({"ttl_seconds": 3601}), "/ttl_seconds"),
        (json!({"ttl_seconds": -1}), "/ttl_seconds"),
        (json!({"ttl_seconds": "300"}), "/ttl_seconds"),
        (json!({"name": "Company"}), "/name"),
        (json!({"name": "a'; DROP TABLE gateways; --"}), "/name"),
        (json!({"nam": "company"}), "/nam"),
    ] {
        let answer = registry.ada("POST", PATH, body.clone()).await;
        assert_eq!(answer.status, 422, "{body}");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{body}");
    }
    assert_eq!(registry.count("SELECT count(*) FROM join_tokens"), 0);
}

#[tokio::test]
async fn tokens_that_expired_long_ago_are_dropped() {
    let registry = Registry::new();
    registry.join_token(None).await;
    registry.wait(2 * 86_400);
    registry.join_token(None).await;
    assert_eq!(registry.count("SELECT count(*) FROM join_tokens"), 1);
}
