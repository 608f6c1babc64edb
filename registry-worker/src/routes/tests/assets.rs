use serde_json::Value as Json;

use crate::testing::{Answer, Registry, request};

async fn get(path: &str, headers: &[(&str, &str)]) -> Answer {
    Registry::new()
        .send(request("GET", path, headers, Json::Null))
        .await
}

#[tokio::test]
async fn every_file_comes_with_the_policy() {
    for path in ["/", "/index.html", "/assets/app-0123456789ab.js"] {
        let answer = get(path, &[]).await;
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.headers["content-security-policy"]
            .to_str()
            .expect("policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';"));
        assert!(policy.contains("connect-src 'self' http://localhost:8701;"));
        assert!(!policy.contains("unsafe-inline"));
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    }
}

#[tokio::test]
async fn only_files_with_a_hash_are_kept_for_ever() {
    let cache = |answer: Answer| answer.headers["cache-control"].clone();
    assert_eq!(cache(get("/", &[]).await), "no-cache");
    let hashed = get("/assets/app-0123456789ab.js", &[]).await;
    assert_eq!(cache(hashed), "public, max-age=31536000, immutable");
}

#[tokio::test]
async fn addresses_of_the_app_get_its_page_and_missing_files_do_not() {
    let page = get("/gateways/gw_1", &[("sec-fetch-mode", "navigate")]).await;
    assert_eq!(
        (page.status.as_u16(), page.text.as_str()),
        (200, "<!doctype html>")
    );
    assert_eq!(page.headers["cache-control"], "no-cache");
    let old_browser = get("/gateways/gw_1", &[("accept", "text/html,*/*")]).await;
    assert_eq!(old_browser.status, 200);
    for headers in [
        &[("sec-fetch-mode", "no-cors"), ("accept", "text/html")][..],
        &[],
    ] {
        let missing = get("/assets/gone.js", headers).await;
        assert_eq!(missing.status, 404);
        assert_eq!(missing.headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn unchanged_files_are_not_sent_again() {
    let answer = get("/", &[("if-none-match", "\"1\"")]).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (304, ""));
    assert!(answer.headers.contains_key("content-security-policy"));
}

#[tokio::test]
async fn head_has_no_body() {
    let answer = Registry::new().anybody("HEAD", "/", Json::Null).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
}
