//! The registry's own tokens: short-lived, for one operator at one gateway.
//!
//! EdDSA over Ed25519 (RFC 8037). The gateway pins the registry's keys when it
//! enrols, so it verifies without asking anybody.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde_json::json;

use super::jwk::{Jwk, Jwks};
use super::token::{Expectation, Identity, TokenError, Unverified};

/// How long a minted token is valid, in seconds.
pub const TOKEN_TTL_SECONDS: i64 = 300;

/// The registry's signing key.
#[derive(Clone)]
pub struct TokenKey {
    key: SigningKey,
    public: Jwk,
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl TokenKey {
    /// From the 32-byte seed in base64url, as the secret `REGISTRY_SIGNING_KEY` holds it.
    ///
    /// # Errors
    /// When the text is not 32 bytes of base64url.
    pub fn from_seed(seed: &str) -> Result<Self, TokenError> {
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(seed.trim())
            .map_err(|_| TokenError::Malformed)?;
        let seed: [u8; 32] = bytes.try_into().map_err(|_| TokenError::Malformed)?;
        let key = SigningKey::from_bytes(&seed);
        let public = Jwk::ed25519(key.verifying_key().as_bytes());
        Ok(Self { key, public })
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    /// A token that lets `subject` act at the gateway `audience` until
    /// [`TOKEN_TTL_SECONDS`] after `now` (Unix seconds). `id` becomes `jti`.
    #[must_use]
    pub fn mint(&self, issuer: &str, audience: &str, subject: &str, id: &str, now: i64) -> String {
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": self.public.kid});
        let claims = json!({
            "iss": issuer, "aud": audience, "sub": subject, "jti": id,
            "iat": now, "nbf": now, "exp": now + TOKEN_TTL_SECONDS,
        });
        let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(input.as_bytes());
        format!(
            "{input}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes())
        )
    }
}

/// Who a token of the registry's names, verified against its pinned keys.
///
/// # Errors
/// The first thing about the token that is not as expected.
pub fn verify(token: &str, keys: &Jwks, expect: &Expectation<'_>) -> Result<Identity, TokenError> {
    let unverified = Unverified::parse(token)?;
    if unverified.algorithm() != "EdDSA" {
        return Err(TokenError::Algorithm);
    }
    let key = unverified
        .key_id()
        .and_then(|kid| keys.find(kid))
        .ok_or(TokenError::UnknownKey)?;
    let public = verifying_key(key).ok_or(TokenError::UnknownKey)?;
    let signature =
        Signature::from_slice(unverified.signature()).map_err(|_| TokenError::Signature)?;
    // `verify_strict` refuses the malleable and small-order cases of plain Ed25519.
    public
        .verify_strict(unverified.signing_input(), &signature)
        .map_err(|_| TokenError::Signature)?;
    unverified.judge(expect)
}

fn verifying_key(key: &Jwk) -> Option<VerifyingKey> {
    if key.kty != "OKP" || key.crv.as_deref() != Some("Ed25519") {
        return None;
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(key.x.as_deref()?).ok()?;
    VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    const EXPECT: Expectation<'static> = Expectation {
        issuer: "https://registry.example",
        audience: "gw_1",
        now: 1_000,
    };

    fn key() -> TokenKey {
        TokenKey::from_seed(SEED).expect("seed")
    }

    fn minted() -> String {
        key().mint(
            "https://registry.example",
            "gw_1",
            "ada@example.com",
            "j1",
            1_000,
        )
    }

    fn keys() -> Jwks {
        Jwks {
            keys: vec![key().public().clone()],
        }
    }

    #[test]
    fn a_minted_token_verifies() {
        let who = verify(&minted(), &keys(), &EXPECT);
        assert_eq!(who, Ok(Identity::Person("ada@example.com".to_owned())));
    }

    #[test]
    fn it_is_for_one_gateway_and_five_minutes() {
        let other = Expectation {
            audience: "gw_2",
            ..EXPECT
        };
        assert_eq!(
            verify(&minted(), &keys(), &other),
            Err(TokenError::Audience)
        );
        let later = Expectation {
            now: 1_000 + TOKEN_TTL_SECONDS + 30,
            ..EXPECT
        };
        assert_eq!(verify(&minted(), &keys(), &later), Err(TokenError::Expired));
    }

    #[test]
    fn another_registry_s_key_is_not_taken() {
        let other = TokenKey::from_seed(&SEED.replace('A', "B")).expect("seed");
        let token = other.mint(
            "https://registry.example",
            "gw_1",
            "ada@example.com",
            "j",
            1_000,
        );
        assert_eq!(
            verify(&token, &keys(), &EXPECT),
            Err(TokenError::UnknownKey)
        );
    }

    #[test]
    fn a_changed_claim_breaks_the_signature() {
        let token = minted();
        let mut parts = token.split('.');
        let (header, claims, signature) = (parts.next(), parts.next(), parts.next());
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(claims.expect("claims"))
            .expect("base64");
        let forged = String::from_utf8(bytes)
            .expect("text")
            .replace("ada@", "eve@");
        let forged = BASE64_URL_SAFE_NO_PAD.encode(forged);
        let token = format!(
            "{}.{forged}.{}",
            header.expect("header"),
            signature.expect("signature")
        );
        assert_eq!(verify(&token, &keys(), &EXPECT), Err(TokenError::Signature));
    }

    #[test]
    fn other_algorithms_are_refused() {
        for alg in ["none", "HS256", "RS256"] {
            let header = json!({"alg": alg, "kid": key().public().kid});
            let header = BASE64_URL_SAFE_NO_PAD.encode(header.to_string());
            let token = minted();
            let rest = token.split_once('.').expect("parts").1;
            let forged = format!("{header}.{rest}");
            assert_eq!(
                verify(&forged, &keys(), &EXPECT),
                Err(TokenError::Algorithm),
                "{alg}"
            );
        }
    }
}
