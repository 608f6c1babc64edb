//! Who may use the registry, the same for every operation of operators.

use std::sync::atomic::Ordering;

use axum::body::Body;
use serde_json::{Value as Json, json};

use crate::testing::{Registry, request};

/// Every operation that an operator calls.
fn operations(id: &str) -> Vec<(&'static str, String, Json)> {
    vec![
        ("GET", "/api/v1/me".to_owned(), Json::Null),
        ("POST", "/api/v1/join-tokens".to_owned(), json!({})),
        ("GET", "/api/v1/gateways".to_owned(), Json::Null),
        ("GET", format!("/api/v1/gateways/{id}"), Json::Null),
        ("DELETE", format!("/api/v1/gateways/{id}"), Json::Null),
        ("POST", format!("/api/v1/gateways/{id}/token"), Json::Null),
        ("GET", "/api/v1/audit".to_owned(), Json::Null),
    ]
}

#[tokio::test]
async fn nobody_is_told_where_to_sign_in() {
    let registry = Registry::new();
    let (id, _) = registry.gateway("company").await;
    for (method, path, body) in operations(&id) {
        let answer = registry.anybody(method, &path, body).await;
        assert_eq!(answer.status, 401, "{method} {path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert!(answer.headers.contains_key("www-authenticate"));
        assert_eq!(
            answer.body["sign_in_url"],
            "http://localhost:8799/cdn-cgi/access/login/localhost%3A8700?kid=registry-aud&redirect_url=%2F"
        );
    }
}

#[tokio::test]
async fn tokens_that_do_not_verify_are_nobody() {
    let registry = Registry::new();
    let (id, credential) = registry.gateway("company").await;
    for (method, path, body) in operations(&id) {
        for token in ["expired", "forged", &credential] {
            let answer = registry.person(token, method, &path, body.clone()).await;
            assert_eq!(answer.status, 401, "{token} {method} {path}");
        }
    }
}

#[tokio::test]
async fn strangers_and_services_are_refused() {
    let registry = Registry::new();
    let (id, _) = registry.gateway("company").await;
    for (method, path, body) in operations(&id) {
        for who in ["eve", "service"] {
            let answer = registry.person(who, method, &path, body.clone()).await;
            assert_eq!(answer.status, 403, "{who} {method} {path}");
        }
    }
    assert_eq!(
        registry.count("SELECT count(*) FROM gateways WHERE deleted_at IS NULL"),
        1
    );
}

#[tokio::test]
async fn headers_that_name_somebody_are_not_believed() {
    let registry = Registry::new();
    for name in [
        "cf-access-authenticated-user-email",
        "x-forwarded-user",
        "x-user",
        "remote-user",
    ] {
        let forged = request(
            "GET",
            "/api/v1/me",
            &[(name, "ada@example.com")],
            Json::Null,
        );
        assert_eq!(registry.send(forged).await.status, 401, "{name}");
    }
}

#[tokio::test]
async fn a_header_that_came_twice_is_no_identity() {
    let registry = Registry::new();
    for name in ["cf-access-jwt-assertion", "authorization"] {
        let value = if name == "authorization" {
            "Bearer ada"
        } else {
            "ada"
        };
        let twice = request(
            "GET",
            "/api/v1/me",
            &[(name, value), (name, value)],
            Json::Null,
        );
        assert_eq!(registry.send(twice).await.status, 401, "{name}");
    }
}

#[tokio::test]
async fn while_keys_cannot_be_had_nobody_gets_in() {
    let registry = Registry::new();
    registry.outside.keys_are_away.store(true, Ordering::SeqCst);
    let answer = registry.ada("GET", "/api/v1/me", Json::Null).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.headers["retry-after"], "5");
}

#[tokio::test]
async fn with_a_cookie_only_our_own_page_changes_things() {
    let registry = Registry::new();
    let (id, _) = registry.gateway("company").await;
    let own = "http://localhost:8700";
    let cookie = ("cookie", "CF_Authorization=ada");
    let evidence: [&[(&str, &str)]; 7] = [
        &[],
        &[("origin", "null")],
        &[("origin", "http://localhost:8701")],
        &[("origin", "https://localhost:8700")],
        &[("origin", "http://localhost:8700.evil.example")],
        &[("origin", own), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-origin")],
    ];
    for (method, path, body) in operations(&id).into_iter().filter(|(m, _, _)| *m != "GET") {
        for headers in evidence {
            let headers: Vec<_> = headers.iter().copied().chain([cookie]).collect();
            let answer = registry
                .send(request(method, &path, &headers, body.clone()))
                .await;
            assert_eq!(answer.status, 403, "{method} {path} {headers:?}");
        }
    }
    let headers = [cookie, ("origin", own), ("sec-fetch-site", "same-origin")];
    let create = request("POST", "/api/v1/join-tokens", &headers, json!({}));
    assert_eq!(registry.send(create).await.status, 201);
    let read = request("GET", "/api/v1/me", &[cookie], Json::Null);
    assert_eq!(registry.send(read).await.status, 200);
}

#[tokio::test]
async fn me_says_who_is_signed_in() {
    let registry = Registry::new();
    let answer = registry.ada("GET", "/api/v1/me", Json::Null).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["email"], "ada@example.com");
    assert_eq!(
        answer.body["sign_out_url"],
        "http://localhost:8799/cdn-cgi/access/logout"
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let registry = Registry::new();
    for (method, path, status) in [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1", 404),
        ("GET", "/api/v1/", 404),
        ("PUT", "/api/v1/gateways", 405),
        ("GET", "/api/v1/enroll", 405),
        ("POST", "/healthz", 405),
        ("POST", "/index.html", 405),
    ] {
        let answer = registry.anybody(method, path, Json::Null).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(
            answer.headers["content-type"], "application/problem+json",
            "{method} {path}"
        );
    }
    let answer = registry
        .anybody("PUT", "/api/v1/gateways", Json::Null)
        .await;
    assert_eq!(answer.headers["allow"], "GET,HEAD");
}

#[tokio::test]
async fn an_id_that_cannot_be_is_not_found() {
    let registry = Registry::new();
    for id in [
        "1",
        "gw_",
        "gw_01m81j18g0040g2081040g2081",
        "..%2Faudit",
        "'%20OR%20'1'='1",
        "%00",
    ] {
        for (method, tail) in [("GET", ""), ("DELETE", ""), ("POST", "/token")] {
            let path = format!("/api/v1/gateways/{id}{tail}");
            let answer = registry.ada(method, &path, Json::Null).await;
            assert_eq!(answer.status, 404, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn healthz_is_public_and_touches_nothing() {
    let registry = Registry::new();
    let answer = registry.anybody("GET", "/healthz", Json::Null).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["status"]),
        (200, &json!("ok"))
    );
}

#[tokio::test]
async fn bodies_are_json_and_bounded() {
    let registry = Registry::new();
    let send = |kind: &'static str, body: String| {
        let mut request = request(
            "POST",
            "/api/v1/join-tokens",
            &[("cf-access-jwt-assertion", "ada"), ("content-type", kind)],
            Json::Null,
        );
        *request.body_mut() = Body::from(body);
        registry.send(request)
    };
    assert_eq!(send("application/json", "{}".to_owned()).await.status, 201);
    assert_eq!(
        send("Application/JSON; charset=utf-8", "{}".to_owned())
            .await
            .status,
        201
    );
    assert_eq!(send("text/plain", "{}".to_owned()).await.status, 415);
    assert_eq!(
        send("application/x-www-form-urlencoded", "a=b".to_owned())
            .await
            .status,
        415
    );
    assert_eq!(send("application/json", String::new()).await.status, 400);
    assert_eq!(
        send("application/json", "{} {}".to_owned()).await.status,
        400
    );
    assert_eq!(send("application/json", "{".to_owned()).await.status, 400);
    assert_eq!(send("application/json", "[]".to_owned()).await.status, 422);
    assert_eq!(
        send("application/json", " ".repeat(8 * 1024 + 1))
            .await
            .status,
        413
    );
    assert_eq!(
        send("application/json", "[".repeat(8 * 1024)).await.status,
        422
    );
    assert_eq!(registry.count("SELECT count(*) FROM join_tokens"), 2);
}
