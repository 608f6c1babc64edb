use axum::body::Body;
use serde_json::{Value as Json, json};

use crate::testing::{Registry, heartbeat, request};

async fn shown(registry: &Registry, id: &str) -> Json {
    let answer = registry
        .ada("GET", &format!("/api/v1/gateways/{id}"), Json::Null)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

#[tokio::test]
async fn a_heartbeat_makes_a_gateway_online() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    assert_eq!(shown(&registry, &id).await["status"], "never");
    let answer = registry.beat(&id, &credential, heartbeat("a", 1)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        answer.body,
        json!({"interval_seconds": 10, "usage_hours": 48})
    );
    let gateway = shown(&registry, &id).await;
    assert_eq!(gateway["status"], "online");
    assert_eq!(gateway["last_seen_at"], "2026-11-22T12:00:00Z");
    assert_eq!(gateway["heartbeat"]["openclaw_version"], "2026.9.6");
}

#[tokio::test]
async fn only_the_gateway_s_own_credential_counts() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    let (_, other) = registry.gateway("personal").await;
    let join_token = registry.join_token(None).await;
    assert_eq!(
        registry.beat(&id, &other, heartbeat("a", 1)).await.status,
        403
    );
    let body = &credential[4..];
    for bad in [
        "tgc_".to_owned(),
        credential[..46].to_owned(),
        format!("{credential}a"),
        format!("tjt_{body}"),
        join_token,
        "ada".to_owned(),
        format!("tgc_{}", "_".repeat(43)),
        format!("tgc_{}", "' OR '1'='1".repeat(4).split_at(43).0),
    ] {
        assert_eq!(
            registry.beat(&id, &bad, heartbeat("a", 1)).await.status,
            401,
            "{bad}"
        );
    }
    let path = format!("/api/v1/gateways/{id}/heartbeat");
    let nobody = registry.anybody("POST", &path, heartbeat("a", 1)).await;
    assert_eq!(nobody.status, 401);
    assert_eq!(
        nobody.body["sign_in_url"],
        Json::Null,
        "a machine signs in nowhere"
    );
    let operator = registry.ada("POST", &path, heartbeat("a", 1)).await;
    assert_eq!(
        operator.status, 401,
        "not even an operator speaks for a gateway"
    );
    let bearer = format!("Bearer {credential}");
    let twice = [
        ("authorization", bearer.as_str()),
        ("authorization", bearer.as_str()),
    ];
    let twice = registry
        .send(request("POST", &path, &twice, heartbeat("a", 1)))
        .await;
    assert_eq!(twice.status, 401);
    assert_eq!(shown(&registry, &id).await["status"], "never");
}

#[tokio::test]
async fn a_credential_opens_nothing_else() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    for (method, path) in [
        ("GET", "/api/v1/me".to_owned()),
        ("GET", "/api/v1/gateways".to_owned()),
        ("GET", format!("/api/v1/gateways/{id}")),
        ("POST", format!("/api/v1/gateways/{id}/token")),
        ("DELETE", format!("/api/v1/gateways/{id}")),
    ] {
        let answer = registry
            .bearer(&credential, method, &path, Json::Null)
            .await;
        assert_eq!(answer.status, 401, "{method} {path}");
    }
}

#[tokio::test]
async fn replays_and_reorders_change_nothing() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    registry.beat(&id, &credential, heartbeat("a", 5)).await;
    registry.wait(100);
    for sequence in [5, 4, 0] {
        let mut old = heartbeat("a", sequence);
        old["sandbox"]["phase"] = json!("failed");
        assert_eq!(registry.beat(&id, &credential, old).await.status, 200);
    }
    let gateway = shown(&registry, &id).await;
    assert_eq!(gateway["last_seen_at"], "2026-11-22T12:00:00Z");
    assert_eq!(gateway["heartbeat"]["sandbox"]["phase"], "ready");
    assert_eq!(
        gateway["status"], "offline",
        "a replay does not keep a gateway alive"
    );
}

#[tokio::test]
async fn a_clock_in_the_future_does_no_harm() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    let mut ahead = heartbeat("a", 1);
    ahead["sent_at"] = json!("2099-01-01T00:00:00Z");
    assert_eq!(registry.beat(&id, &credential, ahead).await.status, 200);
    registry.wait(10);
    assert_eq!(
        registry
            .beat(&id, &credential, heartbeat("a", 2))
            .await
            .status,
        200
    );
    assert_eq!(
        shown(&registry, &id).await["last_seen_at"],
        "2026-11-22T12:00:10Z"
    );
}

#[tokio::test]
async fn nonsense_is_refused_with_its_place() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    for (pointer, value) in [
        ("/sequence", json!(-1)),
        ("/sequence", json!(1.5)),
        ("/sequence", json!(u64::MAX)),
        ("/sequence", json!("1")),
        ("/budget/tokens_used", json!(-5)),
        ("/budget/tokens_per_day", json!(1e300)),
        ("/sandbox/phase", json!("dancing")),
        ("/sandbox/restarts", json!(4_294_967_296_u64)),
        ("/policy/state", json!("")),
        ("/sent_at", json!("yesterday")),
        ("/boot_id", json!("")),
        ("/boot_id", json!("a\u{0}")),
        ("/tedix_version", json!("9".repeat(65))),
        ("/openclaw_version", json!("<b>\n</b>")),
        ("/models/0/id", json!("x".repeat(129))),
    ] {
        let mut bad = heartbeat("a", 1);
        *bad.pointer_mut(pointer).expect("field") = value.clone();
        let answer = registry.beat(&id, &credential, bad).await;
        assert_eq!(answer.status, 422, "{pointer} {value}");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{value}");
    }
    let mut unknown = heartbeat("a", 1);
    unknown["operators"] = json!(["eve@example.com"]);
    assert_eq!(registry.beat(&id, &credential, unknown).await.status, 422);
    assert_eq!(shown(&registry, &id).await["status"], "never");
}

#[tokio::test]
async fn what_is_not_json_or_too_large_is_refused() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    let path = format!("/api/v1/gateways/{id}/heartbeat");
    let bearer = format!("Bearer {credential}");
    let send = |body: String| {
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let mut request = request("POST", &path, &headers, Json::Null);
        *request.body_mut() = Body::from(body);
        registry.send(request)
    };
    let nan = heartbeat("a", 1)
        .to_string()
        .replace("\"tokens_used\":10", "\"tokens_used\":NaN");
    assert_eq!(send(nan).await.status, 400);
    let twice = heartbeat("a", 1)
        .to_string()
        .replacen('{', "{\"sequence\":9,", 1);
    assert_eq!(send(twice).await.status, 422);
    let mut large = heartbeat("a", 1);
    large["policy"]["detail"] = json!("x".repeat(64 * 1024));
    assert_eq!(send(large.to_string()).await.status, 413);
    assert_eq!(send(format!("{}\n", heartbeat("a", 1))).await.status, 200);
}

#[tokio::test]
async fn two_instances_with_one_id_are_noticed() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    for n in 1..=3 {
        for boot in ["a", "b"] {
            registry.wait(5);
            registry.beat(&id, &credential, heartbeat(boot, n)).await;
        }
    }
    let gateway = shown(&registry, &id).await;
    assert_eq!(gateway["status"], "degraded");
    assert!(
        gateway["reason"]
            .as_str()
            .is_some_and(|reason| reason.starts_with("two instances"))
    );
}

#[tokio::test]
async fn a_quiet_hour_costs_few_rows() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    let before = registry.count("SELECT total_changes()");
    for n in 1..=360 {
        registry.wait(10);
        registry.beat(&id, &credential, heartbeat("a", n)).await;
    }
    assert_eq!(registry.count("SELECT total_changes()") - before, 4);
}

#[tokio::test]
async fn forgotten_gateways_are_not_heard() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    registry.beat(&id, &credential, heartbeat("a", 1)).await;
    let path = format!("/api/v1/gateways/{id}");
    assert_eq!(registry.ada("DELETE", &path, Json::Null).await.status, 204);
    assert_eq!(registry.ada("DELETE", &path, Json::Null).await.status, 404);
    assert_eq!(registry.ada("GET", &path, Json::Null).await.status, 404);
    assert_eq!(
        registry
            .ada("POST", &format!("{path}/token"), Json::Null)
            .await
            .status,
        404
    );
    assert_eq!(
        registry
            .beat(&id, &credential, heartbeat("a", 2))
            .await
            .status,
        401
    );
    let list = registry.ada("GET", "/api/v1/gateways", Json::Null).await;
    assert_eq!(list.body["items"], json!([]));

    let bound = registry.join_token(Some("company")).await;
    let back = registry.enroll(&bound, "company").await;
    assert_eq!(back.body["gateway_id"], id.as_str(), "enrolling undoes it");
    let free = registry.join_token(None).await;
    assert_eq!(registry.enroll(&free, "company").await.status, 409);
}

#[tokio::test]
async fn an_audit_that_moves_back_is_told_until_the_gateway_is_enrolled_anew() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    let beat = |sequence, seq: u64, hash: &str| {
        let mut beat = heartbeat("a", sequence);
        beat["audit_head"] = json!({"seq": seq, "hash": hash.repeat(64)});
        beat
    };
    for said in [beat(1, 5, "a"), beat(2, 6, "b")] {
        assert_eq!(registry.beat(&id, &credential, said).await.status, 200);
    }
    assert_eq!(shown(&registry, &id).await["audit_alarm"], Json::Null);
    // Longer after the last write than the least time between two.
    registry.wait(10);
    for said in [beat(3, 2, "c"), beat(4, 9, "d"), beat(5, 3, "e")] {
        assert_eq!(registry.beat(&id, &credential, said).await.status, 200);
        registry.wait(10);
    }
    let gateway = shown(&registry, &id).await;
    assert_eq!(gateway["status"], "degraded");
    assert_eq!(gateway["audit_alarm"]["known"]["seq"], 6);
    assert_eq!(gateway["audit_alarm"]["said"]["seq"], 2);
    assert!(
        gateway["reason"].as_str().unwrap().contains("entry 6"),
        "{gateway}"
    );
    let audit = registry.ada("GET", "/api/v1/audit", Json::Null).await.body;
    let items = audit["items"].as_array().unwrap().clone();
    let alarms = items
        .iter()
        .filter(|entry| entry["action"] == "gateway.audit_moved_back");
    assert_eq!(alarms.count(), 1, "{audit}");
}
