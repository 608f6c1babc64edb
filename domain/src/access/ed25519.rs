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

/// Most bytes that the groups in a token take as JSON: the whole of it stays well within
/// [`super::token::MAX_TOKEN_BYTES`], and within what servers take as a header.
const MAX_GROUP_BYTES: usize = 6 * 1024;

/// Whom a token is for.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    /// Their e-mail address.
    pub email: &'a str,
    /// Groups that the identity provider says they are in.
    pub groups: &'a [String],
}

impl<'a> Holder<'a> {
    fn bounded_groups(&self) -> Vec<&'a str> {
        let mut left = MAX_GROUP_BYTES;
        let fits = |group: &&str| {
            let bytes = json!(group).to_string().len() + 1;
            let fits = bytes <= left;
            left -= if fits { bytes } else { 0 };
            fits
        };
        self.groups
            .iter()
            .map(String::as_str)
            .filter(fits)
            .collect()
    }
}

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
        let holder = Holder {
            email: subject,
            groups: &[],
        };
        self.mint_for(issuer, audience, holder, id, now)
    }

    /// [`TokenKey::mint`] for somebody who is in groups; as many are named as a token may
    /// well carry.
    #[must_use]
    pub fn mint_for(
        &self,
        issuer: &str,
        audience: &str,
        holder: Holder<'_>,
        id: &str,
        now: i64,
    ) -> String {
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": self.public.kid});
        let mut claims = json!({
            "iss": issuer, "aud": audience, "sub": holder.email, "jti": id,
            "iat": now, "nbf": now, "exp": now + TOKEN_TTL_SECONDS,
        });
        let groups = holder.bounded_groups();
        if let (false, Some(claims)) = (groups.is_empty(), claims.as_object_mut()) {
            claims.insert("groups".to_owned(), json!(groups));
        }
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
    verify_with_groups(token, keys, expect).map(|(identity, _)| identity)
}

/// The same, with the groups that the registry knew the person to be in. Tokens of a
/// registry that names none have none.
///
/// # Errors
/// Those of [`verify`].
pub fn verify_with_groups(
    token: &str,
    keys: &Jwks,
    expect: &Expectation<'_>,
) -> Result<(Identity, Vec<String>), TokenError> {
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
    let identity = unverified.judge(expect)?;
    Ok((identity, unverified.groups()))
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

    fn minted_for(groups: &[String]) -> String {
        let holder = Holder {
            email: "ada@example.com",
            groups,
        };
        key().mint_for("https://registry.example", "gw_1", holder, "j1", 1_000)
    }

    #[test]
    fn groups_pass_and_an_old_token_has_none() {
        let groups = ["Straße".to_owned(), "gateway-admins".to_owned()];
        let found = verify_with_groups(&minted_for(&groups), &keys(), &EXPECT);
        let ada = Identity::Person("ada@example.com".to_owned());
        assert_eq!(found, Ok((ada.clone(), groups.to_vec())));
        assert_eq!(minted_for(&[]), minted(), "additive");
        let found = verify_with_groups(&minted(), &keys(), &EXPECT);
        assert_eq!(found, Ok((ada, Vec::new())));
    }

    #[test]
    fn as_many_groups_pass_as_a_token_may_carry() {
        let groups: Vec<String> = (0..2_000).map(|n| format!("{n:\u{e4}>60}")).collect();
        let token = minted_for(&groups);
        assert!(token.len() < super::super::token::MAX_TOKEN_BYTES);
        let (_, found) = verify_with_groups(&token, &keys(), &EXPECT).expect("taken");
        assert!(found.len() > 20 && found.len() < 100, "{}", found.len());
    }

    #[test]
    fn groups_cannot_be_added_by_who_holds_a_token() {
        let token = minted_for(&["readers".to_owned()]);
        let mut parts = token.split('.');
        let (header, claims, signature) = (parts.next(), parts.next(), parts.next());
        let claims = BASE64_URL_SAFE_NO_PAD
            .decode(claims.expect("claims"))
            .expect("base64");
        let mut claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
        claims["groups"] = json!(["admins"]);
        let forged = format!(
            "{}.{}.{}",
            header.expect("header"),
            BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()),
            signature.expect("signature")
        );
        let found = verify_with_groups(&forged, &keys(), &EXPECT);
        assert_eq!(found, Err(TokenError::Signature));
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
