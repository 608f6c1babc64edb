//! The issuer stand-in, over HTTP: what it publishes, what it issues, and where
//! it sends a browser.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says why"
)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, Response, StatusCode, header, redirect};
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::sha2::Sha256;
use rsa::signature::Verifier;
use rsa::{BigUint, RsaPublicKey};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use xtask::standins::Server;
use xtask::standins::access::{
    Issuer, IssuerConfig, KeyChoice, Overrides, Person, SESSION_SECONDS,
};

const OPERATOR: &str = "operator@localhost.test";

struct Local {
    issuer: Issuer,
    origin: String,
    http: Client,
    _server: Server,
    _keys: TempDir,
}

async fn local() -> Local {
    let keys = tempfile::tempdir().expect("a folder");
    // The origin is part of what is configured, so the port has to be known first.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|s| s.local_addr());
    let port = port.expect("a free port").port();
    let origin = format!("http://localhost:{port}");
    let config = IssuerConfig {
        issuer: origin.clone(),
        audiences: vec!["tedix-registry".into(), "tedix-gateway-personal".into()],
        return_origins: vec![
            "http://localhost:8700".into(),
            "http://localhost:8701".into(),
        ],
        people: vec![Person {
            email: OPERATOR.into(),
            about: "<b>runs</b> it".into(),
        }],
    };
    let issuer = Issuer::open(keys.path(), config).expect("an issuer");
    let server = Server::start(port, issuer.clone().router())
        .await
        .expect("a server");
    let http = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build();
    Local {
        issuer,
        origin,
        http: http.expect("a client"),
        _server: server,
        _keys: keys,
    }
}

impl Local {
    fn login(&self, query: &str) -> String {
        format!(
            "{}/cdn-cgi/access/login/localhost:8701?{query}",
            self.origin
        )
    }

    async fn certs(&self) -> Value {
        let url = format!("{}/cdn-cgi/access/certs", self.origin);
        self.http
            .get(url)
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON")
    }

    /// Loads the form and sends it, with what is given over what a browser sends.
    async fn sign_in(
        &self,
        query: &str,
        origin: Option<&str>,
        form_token: Option<&str>,
    ) -> Response {
        let url = self.login(query);
        let page = self.http.get(&url).send().await.expect("the page");
        let cookie = page.headers()[header::SET_COOKIE]
            .to_str()
            .expect("text")
            .to_owned();
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
            "{cookie}"
        );
        let (pair, _) = cookie.split_once(';').expect("attributes");
        let (_, token) = pair.split_once('=').expect("a value");
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("form_token", form_token.unwrap_or(token))
            .append_pair("person", OPERATOR)
            .finish();
        let mut request = self
            .http
            .post(&url)
            .header(header::COOKIE, pair)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        request.send().await.expect("an answer")
    }
}

/// Verifies a token with a published key and returns its header and claims.
fn verify(token: &str, certs: &Value) -> Result<(Value, Value), String> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        return Err("not three parts".into());
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let parse = |part: &str| serde_json::from_slice::<Value>(&decode(part)).expect("JSON");
    let kid = parse(header)["kid"].clone();
    let keys = certs["keys"].as_array().expect("keys");
    let key = keys
        .iter()
        .find(|key| key["kid"] == kid)
        .ok_or("no such key")?;
    let number = |name: &str| BigUint::from_bytes_be(&decode(key[name].as_str().expect(name)));
    let public = RsaPublicKey::new(number("n"), number("e")).expect("a key");
    let signature = Signature::try_from(decode(signature).as_slice()).expect("a signature");
    VerifyingKey::<Sha256>::new(public)
        .verify(
            token.rsplit_once('.').expect("parts").0.as_bytes(),
            &signature,
        )
        .map_err(|error| error.to_string())?;
    Ok((parse(header), parse(claims)))
}

#[tokio::test]
async fn a_token_has_the_claims_of_access_and_verifies() {
    let local = local().await;
    let certs = local.certs().await;
    let token = local
        .issuer
        .mint(OPERATOR, &Overrides::default())
        .expect("a token");
    let (header, claims) = verify(&token, &certs).expect("verifies");
    assert_eq!(header["alg"], "RS256");
    assert_eq!(
        claims["aud"],
        json!(["tedix-registry", "tedix-gateway-personal"])
    );
    assert_eq!(
        (&claims["email"], &claims["type"]),
        (&json!(OPERATOR), &json!("app"))
    );
    assert_eq!(claims["iss"], local.origin);
    let seconds = |name: &str| claims[name].as_i64().expect(name);
    assert_eq!(seconds("exp") - seconds("iat"), SESSION_SECONDS);
    assert_eq!(seconds("iat"), seconds("nbf"));
    for name in ["sub", "identity_nonce", "country"] {
        assert!(claims[name].is_string(), "{name}");
    }
}

#[tokio::test]
async fn certs_have_the_shape_of_access() {
    let certs = local().await.certs().await;
    let keys = certs["keys"].as_array().expect("keys");
    assert_eq!(keys.len(), 2);
    for key in keys {
        assert_eq!(
            (&key["kty"], &key["alg"], &key["use"]),
            (&json!("RSA"), &json!("RS256"), &json!("sig"))
        );
        let modulus = URL_SAFE_NO_PAD
            .decode(key["n"].as_str().expect("n"))
            .expect("base64url");
        assert_eq!(modulus.len(), 256);
    }
    assert_eq!(certs["public_certs"][0]["kid"], keys[0]["kid"]);
    assert_eq!(certs["public_cert"]["kid"], keys[0]["kid"]);
    let pem = certs["public_certs"][1]["cert"]
        .as_str()
        .expect("a certificate");
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{pem}");
}

#[tokio::test]
async fn a_rotated_key_is_published_once_more_and_then_gone() {
    let local = local().await;
    let first = local
        .issuer
        .mint(OPERATOR, &Overrides::default())
        .expect("a token");
    local.issuer.rotate().expect("rotated");
    let certs = local.certs().await;
    verify(&first, &certs).expect("the previous key is still published");
    let second = local
        .issuer
        .mint(OPERATOR, &Overrides::default())
        .expect("a token");
    let (header, _) = verify(&second, &certs).expect("verifies");
    assert_eq!(header["kid"], certs["keys"][0]["kid"]);
    local.issuer.rotate().expect("rotated again");
    assert_eq!(
        verify(&first, &local.certs().await),
        Err("no such key".to_owned())
    );
}

#[tokio::test]
async fn tests_can_change_whatever_they_attack() {
    let local = local().await;
    let overrides = Overrides {
        claims: Map::from_iter([("exp".into(), json!(1)), ("email".into(), Value::Null)]),
        header: Map::from_iter([("typ".into(), Value::Null)]),
        key: KeyChoice::Previous,
    };
    let token = local.issuer.mint(OPERATOR, &overrides).expect("a token");
    let certs = local.certs().await;
    let (header, claims) = verify(&token, &certs).expect("verifies");
    assert_eq!(
        (claims["exp"].as_i64(), claims.get("email")),
        (Some(1), None)
    );
    assert_eq!(
        (&header["kid"], header.get("typ")),
        (&certs["keys"][1]["kid"], None)
    );
}

#[tokio::test]
async fn signing_in_sets_the_cookie_and_leads_back() {
    let local = local().await;
    let query = "kid=tedix-gateway-personal&redirect_url=%2Fchat%3Fa%3D1";
    let response = local.sign_in(query, Some(&local.origin), None).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        response.headers()[header::LOCATION],
        "http://localhost:8701/chat?a=1"
    );
    let cookie = response.headers()[header::SET_COOKIE]
        .to_str()
        .expect("text");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let token = cookie
        .strip_prefix("CF_Authorization=")
        .and_then(|rest| rest.split(';').next());
    let (_, claims) = verify(token.expect("a token"), &local.certs().await).expect("verifies");
    assert_eq!(claims["email"], OPERATOR);
}

#[tokio::test]
async fn the_page_names_itself_and_escapes_what_it_shows() {
    let local = local().await;
    let response = local
        .http
        .get(local.login("kid=tedix-registry&redirect_url=/"))
        .send()
        .await
        .expect("a page");
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    let text = response.text().await.expect("text");
    assert!(text.contains("local stand-in for Cloudflare Access"));
    assert!(text.contains("&lt;b&gt;runs&lt;/b&gt; it") && !text.contains("<b>runs"));
    assert!(text.contains(r#"<label for="email">"#));
}

#[tokio::test]
async fn a_browser_is_sent_nowhere_else() {
    let local = local().await;
    for query in [
        "kid=tedix-registry&redirect_url=https%3A%2F%2Fevil.example%2F",
        "kid=tedix-registry&redirect_url=%2F%2Fevil.example",
        "kid=tedix-registry&redirect_url=%2F%5Cevil.example",
        "kid=tedix-registry&redirect_url=javascript%3Aalert(1)",
        "kid=unknown&redirect_url=%2F",
        "redirect_url=%2F",
    ] {
        let page = local
            .http
            .get(local.login(query))
            .send()
            .await
            .expect("an answer");
        assert_eq!(page.status(), StatusCode::BAD_REQUEST, "{query}");
        let form = local
            .http
            .post(local.login(query))
            .header(header::ORIGIN, &local.origin);
        let form = form.header(header::COOKIE, "tedix_sign_in=x");
        let form = form.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let form = form
            .body("form_token=x&email=a%40b")
            .send()
            .await
            .expect("an answer");
        assert_eq!(form.status(), StatusCode::BAD_REQUEST, "{query}");
        assert!(form.headers().get(header::SET_COOKIE).is_none(), "{query}");
    }
}

#[tokio::test]
async fn a_form_that_another_page_sent_signs_nobody_in() {
    let local = local().await;
    let query = "kid=tedix-registry&redirect_url=/";
    let foreign = ["http://localhost:8701", "null", "https://evil.example"];
    for origin in foreign.into_iter().map(Some).chain([None]) {
        let response = local.sign_in(query, origin, None).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{origin:?}");
        assert!(
            response.headers().get(header::SET_COOKIE).is_none(),
            "{origin:?}"
        );
    }
    let guessed = local
        .sign_in(query, Some(&local.origin), Some("guess"))
        .await;
    assert_eq!(guessed.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn signing_out_clears_the_cookie() {
    let local = local().await;
    let url = format!("{}/cdn-cgi/access/logout", local.origin);
    let response = local.http.get(url).send().await.expect("an answer");
    let cookie = response.headers()[header::SET_COOKIE]
        .to_str()
        .expect("text");
    assert!(
        cookie.starts_with("CF_Authorization=;") && cookie.contains("Max-Age=0"),
        "{cookie}"
    );
}

#[tokio::test]
async fn another_host_name_is_not_answered() {
    let local = local().await;
    let url = format!("{}/cdn-cgi/access/certs", local.origin);
    for host in ["rebound.example", "localhost.evil.example:8799"] {
        let response = local.http.get(&url).header(header::HOST, host).send().await;
        assert_eq!(
            response.expect("an answer").status(),
            StatusCode::MISDIRECTED_REQUEST,
            "{host}"
        );
    }
}
