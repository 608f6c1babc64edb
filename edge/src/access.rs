//! Cloudflare Access tokens, verified with WebCrypto.
//!
//! The rules (which key, which claims, when to fetch keys again) are in
//! [`domain::access`]; this fetches, remembers and calls the platform.
//! Source: Cloudflare One documentation, "Validate JWTs".

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use domain::access::genuine::GenuineSignatures;
use domain::access::keys::{KeyCache, KeyChoice};
use domain::access::token::Unverified;
use domain::access::{Expectation, Identity, Jwk, Jwks, TokenError};
use worker::{Date, Delay, Fetch, Headers, Method, Request, RequestInit, RequestRedirect};

use crate::webcrypto;

/// Largest key set that is read, in bytes.
const MAX_KEY_SET_BYTES: usize = 64 * 1024;

/// How long a request waits before it looks whether another one's fetch is done.
const WAIT: Duration = Duration::from_millis(25);
/// How often it looks: 5 s in all.
const MAX_WAITS: u32 = 200;
/// After so many seconds a fetch counts as cut off.
const MAX_FETCH_SECONDS: i64 = 5;

thread_local! {
    /// Fetches under way by issuer, with the Unix second they began.
    static FETCHING: RefCell<HashMap<String, i64>> = RefCell::default();
    /// Key sets by issuer, for the life of the isolate. Losing them costs one fetch.
    static CACHES: RefCell<HashMap<String, KeyCache>> = RefCell::default();
    /// Signatures checked in this isolate: one of RSA costs more than all else that
    /// a request through the front door needs.
    static GENUINE: RefCell<GenuineSignatures> = RefCell::default();
}

/// An Access application that this Worker stands behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessApplication {
    /// Issuer: `https://<team>.cloudflareaccess.com`, without a slash at the end.
    pub issuer: String,
    /// The application's audience tag.
    pub audience: String,
}

impl AccessApplication {
    /// Where a person signs in to come back to `return_to` on `host`.
    #[must_use]
    pub fn sign_in_url(&self, host: &str, return_to: &str) -> String {
        let encode = percent_encode;
        format!(
            "{}/cdn-cgi/access/login/{}?kid={}&redirect_url={}",
            self.issuer,
            encode(host),
            encode(&self.audience),
            encode(return_to)
        )
    }

    /// Where a person signs out.
    #[must_use]
    pub fn sign_out_url(&self) -> String {
        format!("{}/cdn-cgi/access/logout", self.issuer)
    }

    /// Who a token names, if it is genuine, for this application and valid now.
    ///
    /// # Errors
    /// What is wrong with it; [`TokenError::KeysUnavailable`] when the issuer's
    /// keys cannot be had, so that nothing is accepted meanwhile.
    pub async fn verify(&self, token: &str) -> Result<Identity, TokenError> {
        let verified = self.verify_with_groups(token).await?;
        Ok(verified.0)
    }

    /// The same, with the groups that the identity provider says a person is in.
    ///
    /// # Errors
    /// Those of [`AccessApplication::verify`].
    pub async fn verify_with_groups(
        &self,
        token: &str,
    ) -> Result<(Identity, Vec<String>), TokenError> {
        let unverified = Unverified::parse(token)?;
        let now = now_seconds();
        let key = self.key_for(&unverified, now).await?;
        if !GENUINE.with_borrow(|genuine| genuine.contains(&key, token)) {
            let (signature, signed) = (unverified.signature(), unverified.signing_input());
            if !webcrypto::verify_rs256(&key, signature, signed).await {
                return Err(TokenError::Signature);
            }
            GENUINE.with_borrow_mut(|genuine| genuine.remember(&key, token));
        }
        let expect = Expectation {
            issuer: &self.issuer,
            audience: &self.audience,
            now,
        };
        let identity = unverified.judge(&expect)?;
        Ok((identity, unverified.groups()))
    }

    async fn key_for(&self, token: &Unverified<'_>, now: i64) -> Result<Jwk, TokenError> {
        for _ in 0..MAX_WAITS {
            match self.choose(token, now) {
                Choice::Use(key) => return Ok(key),
                Choice::Fetch => self.refresh(now).await,
                Choice::Refuse(TokenError::UnknownKey | TokenError::KeysUnavailable)
                    if self.is_fetching(now) =>
                {
                    // A promise of another request cannot be awaited in Workers,
                    // so a request that meets a fetch under way looks again soon.
                    Delay::from(WAIT).await;
                }
                Choice::Refuse(error) => return Err(error),
            }
        }
        Err(TokenError::KeysUnavailable)
    }

    async fn refresh(&self, now: i64) {
        // Noted before the fetch, so that parallel requests do not all fetch.
        self.note(now, None);
        FETCHING.with_borrow_mut(|fetching| fetching.insert(self.issuer.clone(), now));
        let fetched = self.fetch_keys().await;
        self.note(now, fetched);
        FETCHING.with_borrow_mut(|fetching| fetching.remove(&self.issuer));
    }

    /// Whether another request is fetching; one that was cut off counts for a while only.
    fn is_fetching(&self, now: i64) -> bool {
        FETCHING.with_borrow(|fetching| {
            fetching
                .get(&self.issuer)
                .is_some_and(|since| now - since <= MAX_FETCH_SECONDS)
        })
    }

    fn choose(&self, token: &Unverified<'_>, now: i64) -> Choice {
        CACHES.with_borrow_mut(|caches| {
            let cache = caches.entry(self.issuer.clone()).or_default();
            match cache.choose(token, now) {
                KeyChoice::Use(key) => Choice::Use(key.clone()),
                KeyChoice::Fetch => Choice::Fetch,
                KeyChoice::Refuse(error) => Choice::Refuse(error),
            }
        })
    }

    fn note(&self, now: i64, fetched: Option<Jwks>) {
        CACHES.with_borrow_mut(|caches| {
            caches
                .entry(self.issuer.clone())
                .or_default()
                .note_fetch(now, fetched);
        });
    }

    async fn fetch_keys(&self) -> Option<Jwks> {
        let url = format!("{}/cdn-cgi/access/certs", self.issuer);
        let headers = Headers::new();
        headers.set("accept", "application/json").ok()?;
        let mut init = RequestInit::new();
        // A redirect could lead the key set to somebody else's server.
        init.with_method(Method::Get)
            .with_headers(headers)
            .with_redirect(RequestRedirect::Manual);
        let request = Request::new_with_init(&url, &init).ok()?;
        let mut response = Fetch::Request(request).send().await.ok()?;
        if response.status_code() != 200 {
            return None;
        }
        let body = response
            .bytes()
            .await
            .ok()
            .filter(|body| body.len() <= MAX_KEY_SET_BYTES)?;
        serde_json::from_slice(&body).ok()
    }
}

enum Choice {
    Use(Jwk),
    Fetch,
    Refuse(TokenError),
}

fn now_seconds() -> i64 {
    i64::try_from(Date::now().as_millis() / 1000).unwrap_or(i64::MAX)
}

/// Percent-encoding of a query value (RFC 3986 §2.3: all but unreserved characters).
fn percent_encode(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut encoded, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                encoded.push_str(&format!("%{byte:02X}"));
            }
            encoded
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_in_address_carries_the_way_back() {
        let access = AccessApplication {
            issuer: "https://t.example".into(),
            audience: "aud".into(),
        };
        assert_eq!(
            access.sign_in_url("localhost:8700", "/gateways/1?a=b&c#d"),
            "https://t.example/cdn-cgi/access/login/localhost%3A8700?kid=aud&redirect_url=%2Fgateways%2F1%3Fa%3Db%26c%23d"
        );
    }
}
