use serde_json::Value as Json;

use crate::testing::Registry;

async fn page(registry: &Registry, query: &str) -> (Vec<Json>, Json) {
    let answer = registry
        .ada("GET", &format!("/api/v1/audit{query}"), Json::Null)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    (
        answer.body["items"].as_array().expect("items").clone(),
        answer.body["next"].clone(),
    )
}

#[tokio::test]
async fn it_tells_who_did_what() {
    let registry = Registry::new();
    let (id, _) = registry.gateway("company").await;
    registry
        .person(
            "grace",
            "DELETE",
            &format!("/api/v1/gateways/{id}"),
            Json::Null,
        )
        .await;
    let (items, next) = page(&registry, "").await;
    assert_eq!(next, Json::Null);
    let lines: Vec<String> = items
        .iter()
        .map(|item| {
            format!(
                "{} {} {}: {}",
                item["seq"], item["actor"], item["action"], item["detail"]
            )
        })
        .map(|line| line.replace(&id, "ID").replace('"', ""))
        .collect();
    assert_eq!(
        lines,
        [
            "3 grace@example.com gateway.forgotten: company (ID) at https://company.example.com",
            "2 gateway gateway.enrolled: company (ID) enrolled at https://company.example.com, with a token of ada@example.com",
            "1 ada@example.com join_token.created: for any name, valid for 300 s",
        ]
    );
}

#[tokio::test]
async fn what_was_refused_leaves_no_trace_of_success() {
    let registry = Registry::new();
    let token = registry.join_token(None).await;
    registry.enroll(&token, "company").await;
    registry.enroll(&token, "personal").await;
    let enrolled = "SELECT count(*) FROM audit WHERE action LIKE 'gateway.%'";
    assert_eq!(registry.count(enrolled), 1);
}

#[tokio::test]
async fn it_is_read_in_pages() {
    let registry = Registry::new();
    for _ in 0..5 {
        registry.join_token(None).await;
    }
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let (items, next) = page(&registry, &query).await;
        seen.extend(items.iter().filter_map(|item| item["seq"].as_u64()));
        let Some(cursor) = next.as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn wrong_parameters_are_refused() {
    let registry = Registry::new();
    for (query, status) in [
        ("?cursor=-1", 422),
        ("?cursor=1%20OR%201=1", 422),
        ("?cursor=x", 422),
        ("?limit=1000", 422),
        ("?actor=ada", 400),
    ] {
        let answer = registry
            .ada("GET", &format!("/api/v1/audit{query}"), Json::Null)
            .await;
        assert_eq!(answer.status, status, "{query}");
    }
    let far = page(&registry, "?cursor=18446744073709551615").await;
    assert_eq!(far.0.len(), 0);
}
