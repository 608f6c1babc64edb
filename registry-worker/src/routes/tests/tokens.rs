use domain::access::ed25519::{verify, verify_with_groups};
use domain::access::{Expectation, Identity, Jwks, TokenError};
use serde_json::{Value as Json, json};

use crate::testing::Registry;

async fn keys(registry: &Registry) -> Jwks {
    let answer = registry
        .anybody("GET", "/.well-known/jwks.json", Json::Null)
        .await;
    serde_json::from_value(answer.body).expect("keys")
}

#[tokio::test]
async fn an_operator_s_token_is_for_that_gateway_for_five_minutes() {
    let registry = Registry::new();
    let (id, _) = registry.gateway("company").await;
    let answer = registry
        .ada("POST", &format!("/api/v1/gateways/{id}/token"), Json::Null)
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.body["expires_at"], "2026-11-22T12:05:00Z");
    assert_eq!(answer.body["url"], "https://company.example.com");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let token = answer.body["token"].as_str().expect("token");
    let keys = keys(&registry).await;
    let now = registry.now().timestamp();
    let expect = Expectation {
        issuer: "http://localhost:8700",
        audience: &id,
        now,
    };
    let ada = Identity::Person("ada@example.com".to_owned());
    let groups = vec!["gateway-admins".to_owned()];
    assert_eq!(
        verify_with_groups(token, &keys, &expect),
        Ok((ada, groups)),
        "with the groups that Access named, for the gateway's policy"
    );
    let other = Expectation {
        audience: "gw_other",
        ..expect
    };
    assert_eq!(verify(token, &keys, &other), Err(TokenError::Audience));
    let later = Expectation {
        now: now + 331,
        ..expect
    };
    assert_eq!(verify(token, &keys, &later), Err(TokenError::Expired));
}

#[tokio::test]
async fn a_caller_cannot_choose_what_it_says() {
    let registry = Registry::new();
    let (id, _) = registry.gateway("company").await;
    let wider = json!({"sub": "root@example.com", "aud": "gw_other", "exp": 99_999_999_999_u64});
    let path = format!("/api/v1/gateways/{id}/token?sub=root@example.com");
    let answer = registry.person("grace", "POST", &path, wider).await;
    let token = answer.body["token"].as_str().expect("token");
    let now = registry.now().timestamp();
    let expect = Expectation {
        issuer: "http://localhost:8700",
        audience: &id,
        now,
    };
    let who = verify(token, &keys(&registry).await, &expect);
    assert_eq!(who, Ok(Identity::Person("grace@example.com".to_owned())));
}

#[tokio::test]
async fn public_keys_may_be_kept_for_a_while_and_hold_nothing_private() {
    let registry = Registry::new();
    let answer = registry
        .anybody("GET", "/.well-known/jwks.json", Json::Null)
        .await;
    assert_eq!(answer.headers["cache-control"], "public, max-age=300");
    insta::assert_json_snapshot!(answer.body, @r#"
    {
      "keys": [
        {
          "alg": "EdDSA",
          "crv": "Ed25519",
          "kid": "1IG2tMH7J2wbJZnOf8LJzQitKf7LMvoAElsuDMVM54Y",
          "kty": "OKP",
          "use": "sig",
          "x": "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"
        }
      ]
    }
    "#);
}
