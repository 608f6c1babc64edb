use serde_json::{Value as Json, json};

use crate::testing::{Registry, heartbeat, request};

fn hour(hour: &str, calls: u64, input: u64) -> Json {
    json!({"hour": hour, "totals": {
        "calls": calls, "input_tokens": input, "cached_input_tokens": 1, "cache_write_tokens": 0,
        "output_tokens": 2, "reasoning_tokens": 0, "cost_micro_usd": 30, "unpriced_calls": 0,
    }})
}

fn beat(sequence: u64, usage: Vec<Json>) -> Json {
    let mut beat = heartbeat("a", sequence);
    beat["usage"] = usage.into();
    beat
}

async fn report(registry: &Registry, query: &str) -> Vec<Json> {
    let path = format!("/api/v1/usage{query}");
    let answer = registry.ada("GET", &path, Json::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["items"].as_array().expect("items").clone()
}

/// Two gateways with two days each.
async fn with_usage() -> (Registry, String, String) {
    let registry = Registry::new();
    let (company, credential) = registry.gateway("company").await;
    let hours = vec![
        hour("2026-11-21T23", 1, 10),
        hour("2026-11-22T00", 2, 20),
        hour("2026-11-22T09", 3, 30),
    ];
    let answer = registry.beat(&company, &credential, beat(1, hours)).await;
    assert_eq!(answer.body["usage_through"], "2026-11-22T09");
    let (personal, other) = registry.gateway("personal").await;
    registry
        .beat(
            &personal,
            &other,
            beat(1, vec![hour("2026-11-22T10", 7, 70)]),
        )
        .await;
    (registry, company, credential)
}

#[tokio::test]
async fn hours_become_days_by_gateway() {
    let (registry, company, _) = with_usage().await;
    let both = report(&registry, "").await;
    let lines: Vec<_> = both
        .iter()
        .map(|row| {
            (
                &row["day"],
                &row["gateway"],
                &row["calls"],
                &row["input_tokens"],
            )
        })
        .collect();
    assert_eq!(
        format!("{lines:?}")
            .replace("String(", "")
            .replace("Number(", "")
            .replace(')', ""),
        r#"[("2026-11-21", "company", 1, 10, ("2026-11-22", "company", 5, 50, ("2026-11-22", "personal", 7, 70]"#
    );
    let days = report(&registry, "?group_by=day&from=2026-11-22&to=2026-11-22").await;
    assert_eq!((days.len(), &days[0]["calls"]), (1, &json!(12)));
    assert_eq!(days[0].get("gateway"), None);
    let gateways = report(&registry, "?group_by=gateway").await;
    assert_eq!(
        (&gateways[0]["calls"], &gateways[1]["calls"]),
        (&json!(6), &json!(7))
    );
    for one in ["company", &company] {
        let one = report(&registry, &format!("?gateway={one}&group_by=gateway")).await;
        assert_eq!((one.len(), &one[0]["cost_micro_usd"]), (1, &json!(90)));
    }
}

#[tokio::test]
async fn hours_that_come_again_count_once() {
    let (registry, id, credential) = with_usage().await;
    let again = vec![hour("2026-11-22T09", 3, 30), hour("2026-11-22T10", 4, 40)];
    for sequence in [2, 2, 1, 3] {
        let answer = registry
            .beat(&id, &credential, beat(sequence, again.clone()))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let rows = report(&registry, "?gateway=company&from=2026-11-22").await;
    assert_eq!((rows.len(), &rows[0]["calls"]), (1, &json!(9)));
}

#[tokio::test]
async fn hours_to_come_are_kept_back_and_a_heartbeat_without_usage_still_reads() {
    let (registry, id, credential) = with_usage().await;
    // It is 12:00.
    let early = vec![hour("2026-11-22T11", 1, 1), hour("2026-11-22T13", 1, 1)];
    let answer = registry.beat(&id, &credential, beat(2, early)).await;
    assert_eq!(answer.body["usage_through"], "2026-11-22T11");
    let answer = registry
        .beat(&id, &credential, beat(3, vec![hour("2026-11-22T13", 1, 1)]))
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["usage_through"]),
        (200, &Json::Null)
    );
    let answer = registry.beat(&id, &credential, heartbeat("a", 4)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let gateway = registry
        .ada("GET", &format!("/api/v1/gateways/{id}"), Json::Null)
        .await;
    assert_eq!(
        gateway.body["heartbeat"].get("usage"),
        None,
        "not kept twice"
    );
}

#[tokio::test]
async fn nonsense_is_refused_and_nothing_of_it_kept() {
    let (registry, id, credential) = with_usage().await;
    let long: Vec<Json> = (0..49)
        .map(|n| hour(&format!("2026-10-{:02}T{:02}", 1 + n / 24, n % 24), 1, 1))
        .collect();
    for (pointer, hours) in [
        ("/usage", long),
        ("/usage/0/hour", vec![hour("2026-11-22T24", 1, 1)]),
        ("/usage/0/hour", vec![hour("2026-11-22T9", 1, 1)]),
        (
            "/usage/0/hour",
            vec![hour("'; DROP TABLE usage_days; --", 1, 1)],
        ),
        (
            "/usage/1/hour",
            vec![hour("2026-11-22T11", 1, 1), hour("2026-11-22T11", 1, 1)],
        ),
        (
            "/usage/1/hour",
            vec![hour("2026-11-22T11", 1, 1), hour("2026-11-22T10", 1, 1)],
        ),
        ("/usage/0/totals", vec![hour("2026-11-22T11", u64::MAX, 1)]),
    ] {
        let answer = registry.beat(&id, &credential, beat(2, hours)).await;
        assert_eq!(answer.status, 422, "{pointer}");
        assert_eq!(
            answer.body["errors"][0]["pointer"], pointer,
            "{}",
            answer.text
        );
    }
    let mut negative = beat(2, vec![hour("2026-11-22T11", 1, 1)]);
    negative["usage"][0]["totals"]["calls"] = json!(-1);
    assert_eq!(registry.beat(&id, &credential, negative).await.status, 422);
    let rows = report(&registry, "?gateway=company&from=2026-11-22").await;
    assert_eq!(rows[0]["calls"], 5);
}

#[tokio::test]
async fn it_is_for_operators_alone() {
    let (registry, _, credential) = with_usage().await;
    let path = "/api/v1/usage";
    assert_eq!(registry.anybody("GET", path, Json::Null).await.status, 401);
    for (who, status) in [("eve", 403), ("service", 403), ("expired", 401), ("x", 401)] {
        let answer = registry.person(who, "GET", path, Json::Null).await;
        assert_eq!(answer.status, status, "{who}");
    }
    let gateway = registry.bearer(&credential, "GET", path, Json::Null).await;
    assert_eq!(gateway.status, 401, "a gateway reads nobody's usage");
    assert_eq!(registry.ada("POST", path, Json::Null).await.status, 405);
}

#[tokio::test]
async fn wrong_parameters_are_refused() {
    let (registry, ..) = with_usage().await;
    for (query, status) in [
        ("?from=yesterday", 422),
        ("?to=2026-02-30", 422),
        ("?from=2026-11-22&to=2026-11-21", 422),
        ("?group_by=agent", 422),
        ("?group_by=day,day", 422),
        ("?gateway=no%20name", 422),
        ("?gateway=unknown", 404),
        ("?limit=5", 400),
        ("?from=2026-11-21&from=2026-11-22", 400),
    ] {
        let path = format!("/api/v1/usage{query}");
        let answer = registry.ada("GET", &path, Json::Null).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text);
    }
}

#[tokio::test]
async fn it_is_sent_as_csv_too() {
    let (registry, company, _) = with_usage().await;
    let headers = [("cf-access-jwt-assertion", "ada"), ("accept", "text/csv")];
    let path = "/api/v1/usage?from=2026-11-22&gateway=company";
    let answer = registry
        .send(request("GET", path, &headers, Json::Null))
        .await;
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(
        answer.text.replace(&company, "ID"),
        "day,gateway_id,gateway,calls,input_tokens,cached_input_tokens,cache_write_tokens,\
         output_tokens,reasoning_tokens,cost_micro_usd,unpriced_calls\r\n\
         2026-11-22,ID,company,5,50,2,0,4,0,60,0\r\n"
    );
}

#[tokio::test]
async fn what_a_forgotten_gateway_used_stays() {
    let (registry, id, _) = with_usage().await;
    let path = format!("/api/v1/gateways/{id}");
    registry.ada("DELETE", &path, Json::Null).await;
    let rows = report(&registry, &format!("?gateway={id}&group_by=gateway")).await;
    assert_eq!(
        (&rows[0]["gateway"], &rows[0]["calls"]),
        (&json!("company"), &json!(6))
    );
}
