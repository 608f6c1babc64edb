use serde_json::{Value as Json, json};

use crate::enrolment::Enrolment;
use crate::ports::AuditNote;
use crate::testing::{Registry, heartbeat};

#[tokio::test]
async fn a_gateway_gets_what_it_needs() {
    let registry = Registry::new();
    let token = registry.join_token(None).await;
    let answer = registry.enroll(&token, "company").await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let body = &answer.body;
    assert!(
        body["gateway_id"]
            .as_str()
            .is_some_and(|id| id.starts_with("gw_"))
    );
    assert!(
        body["credential"]
            .as_str()
            .is_some_and(|c| c.starts_with("tgc_") && c.len() == 47)
    );
    assert_eq!(body["heartbeat_interval_seconds"], 10);
    assert_eq!(body["issuer"], "http://localhost:8700");
    let keys = registry
        .anybody("GET", "/.well-known/jwks.json", Json::Null)
        .await;
    assert_eq!(body["jwks"], keys.body);
    let credential = body["credential"].as_str().expect("credential");
    assert!(!registry.dump().contains(&credential[4..]), "in clear");
}

#[tokio::test]
async fn a_token_works_once() {
    let registry = Registry::new();
    let token = registry.join_token(None).await;
    assert_eq!(registry.enroll(&token, "company").await.status, 201);
    let again = registry.enroll(&token, "personal").await;
    assert_eq!(again.status, 410);
    assert_eq!(again.body["type"], "urn:tedix:problem:gone");
    assert_eq!(registry.count("SELECT count(*) FROM gateways"), 1);
}

#[tokio::test]
async fn a_token_expires() {
    let registry = Registry::new();
    let token = registry.join_token(None).await;
    registry.wait(300);
    assert_eq!(registry.enroll(&token, "company").await.status, 410);
    assert_eq!(registry.count("SELECT count(*) FROM gateways"), 0);
}

#[tokio::test]
async fn what_is_no_token_is_unknown() {
    let registry = Registry::new();
    let token = registry.join_token(None).await;
    let body = &token[4..];
    for bad in [
        String::new(),
        "tjt_".to_owned(),
        token[..20].to_owned(),
        token[..46].to_owned(),
        format!("{token}a"),
        format!(" {token}"),
        format!("tgc_{body}"),
        body.to_owned(),
        token.to_uppercase(),
        format!("tjt_{}", "' OR '1'='1".repeat(4).split_at(43).0),
        format!("tjt_{}", "%".repeat(43)),
        format!("tjt_{}", "_".repeat(43)),
    ] {
        assert_eq!(registry.enroll(&bad, "company").await.status, 401, "{bad}");
    }
    assert_eq!(registry.enroll(&token, "company").await.status, 201);
}

#[tokio::test]
async fn a_bound_token_is_for_its_name() {
    let registry = Registry::new();
    let token = registry.join_token(Some("company")).await;
    assert_eq!(registry.enroll(&token, "personal").await.status, 403);
    assert_eq!(
        registry.enroll(&token, "company").await.status,
        201,
        "not used up by the refusal"
    );
}

#[tokio::test]
async fn a_name_is_only_taken_over_with_a_token_bound_to_it() {
    let registry = Registry::new();
    let (id, old) = registry.gateway("company").await;
    assert_eq!(
        registry.beat(&id, &old, heartbeat("a", 1)).await.status,
        200
    );
    let free = registry.join_token(None).await;
    assert_eq!(registry.enroll(&free, "company").await.status, 409);
    assert_eq!(
        registry.beat(&id, &old, heartbeat("a", 2)).await.status,
        200
    );

    registry.wait(1);
    let bound = registry.join_token(Some("company")).await;
    let again = registry.enroll(&bound, "company").await;
    assert_eq!(again.body["gateway_id"], id.as_str());
    assert_eq!(
        registry.beat(&id, &old, heartbeat("a", 3)).await.status,
        401,
        "old credential"
    );
    let shown = registry
        .ada("GET", &format!("/api/v1/gateways/{id}"), Json::Null)
        .await;
    assert_eq!(
        shown.body["status"], "never",
        "the instance from before is not this one"
    );
    let new = again.body["credential"].as_str().expect("credential");
    assert_eq!(registry.beat(&id, new, heartbeat("b", 1)).await.status, 200);
    assert_eq!(
        registry.enroll(&free, "personal").await.status,
        201,
        "409 did not use it up"
    );
}

#[tokio::test]
async fn of_many_who_race_with_one_token_one_wins() {
    let registry = Registry::new();
    let token = registry.join_token(None).await;
    let names: Vec<String> = (0..20).map(|n| format!("gateway-{n}")).collect();
    let mut statuses = Vec::new();
    for name in &names {
        statuses.push(registry.enroll(&token, name).await.status.as_u16());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1);
    assert!(
        statuses.iter().all(|status| matches!(status, 201 | 410)),
        "{statuses:?}"
    );
    assert_eq!(registry.count("SELECT count(*) FROM gateways"), 1);
}

/// Two requests that both found the token unused: the database decides, and the loser
/// leaves nothing behind.
#[tokio::test]
async fn the_database_decides_the_race() {
    let registry = Registry::new();
    let token = registry.join_token(None).await;
    let store = &registry.app.gateways;
    let attempt = |nonce: &str, name: &str, n: u8| {
        let id = domain::id::GatewayId::from_parts(1, [n; 10]);
        let note = AuditNote {
            at: registry.now(),
            actor: "gateway".to_owned(),
            action: "gateway.enrolled",
            gateway_id: Some(id.clone()),
            detail: name.to_owned(),
        };
        let enrolment = Enrolment {
            nonce: nonce.to_owned(),
            token_hash: domain::access::hash_credential(&token),
            id,
            replaces: false,
            name: name.parse().expect("name"),
            url: "https://a.example".to_owned(),
            credential_hash: format!("hash {n}"),
            enrolled_by: "ada@example.com".to_owned(),
            at: registry.now(),
        };
        (enrolment, note)
    };
    let (first, first_note) = attempt("one", "company", 1);
    let (second, second_note) = attempt("two", "personal", 2);
    assert_eq!(store.enrol(&first, &first_note).await, Ok(true));
    assert_eq!(store.enrol(&second, &second_note).await, Ok(false));
    assert_eq!(registry.count("SELECT count(*) FROM gateways"), 1);
    let notes = "SELECT count(*) FROM audit WHERE action = 'gateway.enrolled'";
    assert_eq!(registry.count(notes), 1);
}

/// Two tokens, one name: the second is told, and its token is still good.
#[tokio::test]
async fn a_name_that_was_taken_meanwhile_uses_no_token_up() {
    let registry = Registry::new();
    registry.gateway("company").await;
    let token = registry.join_token(None).await;
    let hash = domain::access::hash_credential(&token);
    let id = domain::id::GatewayId::from_parts(1, [9; 10]);
    let enrolment = Enrolment {
        nonce: "n".to_owned(),
        token_hash: hash.clone(),
        id: id.clone(),
        replaces: false,
        name: "company".parse().expect("name"),
        url: "https://a.example".to_owned(),
        credential_hash: "h".to_owned(),
        enrolled_by: "ada@example.com".to_owned(),
        at: registry.now(),
    };
    let note = AuditNote {
        at: registry.now(),
        actor: "gateway".to_owned(),
        action: "gateway.enrolled",
        gateway_id: Some(id),
        detail: String::new(),
    };
    let outcome = registry.app.gateways.enrol(&enrolment, &note).await;
    assert_eq!(outcome, Err(crate::ports::PortError::Conflict));
    let kept = registry
        .app
        .join_tokens
        .find(&hash)
        .await
        .expect("store")
        .expect("token");
    assert!(!kept.used);
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let registry = Registry::new();
    let token = registry.join_token(None).await;
    let good = json!({
        "join_token": token, "name": "company", "url": "https://company.example.com",
        "tedix_version": "0.1.0",
    });
    for (field, value) in [
        ("name", json!("Company")),
        ("name", json!("")),
        ("url", json!("javascript:alert(1)")),
        ("url", json!("https://company.example.com/path")),
        ("url", json!("http://169.254.169.254")),
        ("tedix_version", json!("1\n2")),
        ("admin", json!(true)),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        let answer = registry
            .anybody("POST", "/api/v1/enroll", bad.clone())
            .await;
        assert_eq!(answer.status, 422, "{bad}");
        assert_eq!(
            answer.body["errors"][0]["pointer"],
            format!("/{field}"),
            "{bad}"
        );
    }
    assert_eq!(
        registry
            .anybody("POST", "/api/v1/enroll", good)
            .await
            .status,
        201
    );
}
