//! Which key of an issuer verifies a token, and when to fetch the set again.

use super::jwk::{Jwk, Jwks};
use super::token::{TokenError, Unverified};

/// Seconds after which a set is fetched again even though it has the key.
pub const MAX_AGE_SECONDS: i64 = 3600;
/// Seconds between two fetches, whoever asks: a flood of unknown key ids costs no more.
pub const MIN_REFETCH_SECONDS: i64 = 30;
/// Seconds a set is still used while the issuer cannot be reached: Access keeps
/// the old key for 7 days after a rotation, an hour is far inside that.
pub const MAX_STALE_SECONDS: i64 = 2 * MAX_AGE_SECONDS;

/// What is known of an issuer's keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyCache {
    /// The last set that was fetched.
    pub keys: Jwks,
    /// When it was fetched, in Unix seconds.
    pub fetched_at: Option<i64>,
    /// When a fetch was last tried, in Unix seconds.
    pub tried_at: Option<i64>,
}

/// What to do about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChoice<'a> {
    /// Verify with this key.
    Use(&'a Jwk),
    /// Fetch the set, then choose again.
    Fetch,
    /// Take nothing.
    Refuse(TokenError),
}

impl KeyCache {
    /// The RS256 key for a token at `now` (Unix seconds).
    #[must_use]
    pub fn choose(&self, token: &Unverified<'_>, now: i64) -> KeyChoice<'_> {
        if token.algorithm() != "RS256" {
            return KeyChoice::Refuse(TokenError::Algorithm);
        }
        let Some(kid) = token.key_id() else {
            return KeyChoice::Refuse(TokenError::UnknownKey);
        };
        let age = self.fetched_at.map(|at| now.saturating_sub(at));
        let may_fetch = self
            .tried_at
            .is_none_or(|at| now.saturating_sub(at) >= MIN_REFETCH_SECONDS || at > now);
        let usable = self.keys.find(kid).filter(|key| is_rs256(key));
        match (usable, age) {
            (Some(key), Some(age)) if age < MAX_AGE_SECONDS => KeyChoice::Use(key),
            _ if may_fetch => KeyChoice::Fetch,
            (Some(key), Some(age)) if age < MAX_STALE_SECONDS => KeyChoice::Use(key),
            (_, Some(age)) if age < MAX_STALE_SECONDS => KeyChoice::Refuse(TokenError::UnknownKey),
            _ => KeyChoice::Refuse(TokenError::KeysUnavailable),
        }
    }

    /// Notes that a fetch was tried at `now`, and what it brought.
    pub fn note_fetch(&mut self, now: i64, fetched: Option<Jwks>) {
        self.tried_at = Some(now);
        if let Some(keys) = fetched {
            self.keys = keys;
            self.fetched_at = Some(now);
        }
    }
}

fn is_rs256(key: &Jwk) -> bool {
    key.kty == "RSA"
        && key.alg.as_deref().is_none_or(|alg| alg == "RS256")
        && key.usage.as_deref().is_none_or(|usage| usage == "sig")
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::*;

    fn token(header: &str) -> String {
        format!("{}.e30.c2ln", BASE64_URL_SAFE_NO_PAD.encode(header))
    }

    fn choice(cache: &KeyCache, header: &str, now: i64) -> Result<bool, TokenError> {
        let token = token(header);
        match cache.choose(&Unverified::parse(&token).expect("token"), now) {
            KeyChoice::Use(_) => Ok(true),
            KeyChoice::Fetch => Ok(false),
            KeyChoice::Refuse(error) => Err(error),
        }
    }

    fn set(kid: &str) -> Jwks {
        let key = format!(r#"{{"keys":[{{"kty":"RSA","kid":"{kid}","n":"AQ","e":"AQAB"}}]}}"#);
        serde_json::from_str(&key).expect("set")
    }

    const GOOD: &str = r#"{"alg":"RS256","kid":"a"}"#;
    const OTHER: &str = r#"{"alg":"RS256","kid":"b"}"#;

    #[test]
    fn the_set_is_fetched_once_and_then_used() {
        let mut cache = KeyCache::default();
        assert_eq!(choice(&cache, GOOD, 100), Ok(false));
        cache.note_fetch(100, Some(set("a")));
        assert_eq!(choice(&cache, GOOD, 101), Ok(true));
    }

    #[test]
    fn a_flood_of_unknown_keys_fetches_once_in_a_while() {
        let mut cache = KeyCache::default();
        cache.note_fetch(100, Some(set("a")));
        assert_eq!(choice(&cache, OTHER, 101), Err(TokenError::UnknownKey));
        assert_eq!(choice(&cache, OTHER, 100 + MIN_REFETCH_SECONDS), Ok(false));
    }

    #[test]
    fn a_rotated_key_is_found_by_fetching_again() {
        let mut cache = KeyCache::default();
        cache.note_fetch(100, Some(set("a")));
        assert_eq!(choice(&cache, OTHER, 200), Ok(false));
        cache.note_fetch(200, Some(set("b")));
        assert_eq!(choice(&cache, OTHER, 200), Ok(true));
    }

    #[test]
    fn while_the_issuer_is_down_the_old_set_serves_a_while_and_then_nothing_does() {
        let mut cache = KeyCache::default();
        cache.note_fetch(0, Some(set("a")));
        assert_eq!(choice(&cache, GOOD, MAX_AGE_SECONDS), Ok(false));
        cache.note_fetch(MAX_AGE_SECONDS, None);
        assert_eq!(choice(&cache, GOOD, MAX_AGE_SECONDS + 1), Ok(true));
        cache.note_fetch(MAX_STALE_SECONDS, None);
        let late = choice(&cache, GOOD, MAX_STALE_SECONDS + 1);
        assert_eq!(late, Err(TokenError::KeysUnavailable));
    }

    #[test]
    fn without_keys_nothing_is_accepted() {
        let mut cache = KeyCache::default();
        cache.note_fetch(100, None);
        assert_eq!(choice(&cache, GOOD, 101), Err(TokenError::KeysUnavailable));
    }

    #[test]
    fn other_algorithms_are_refused_before_any_fetch() {
        let cache = KeyCache::default();
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS256","kid":"a"}"#,
            r#"{"alg":"rs256","kid":"a"}"#,
        ] {
            assert_eq!(
                choice(&cache, header, 100),
                Err(TokenError::Algorithm),
                "{header}"
            );
        }
        assert_eq!(
            choice(&cache, r#"{"alg":"RS256"}"#, 100),
            Err(TokenError::UnknownKey)
        );
    }
}
