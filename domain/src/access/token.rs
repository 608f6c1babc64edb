//! JSON Web Tokens (RFC 7519, compact JWS of RFC 7515), read and checked.
//!
//! Reading and judging are separate from verifying the signature, which needs a
//! key and, for RSA, the platform's WebCrypto: [`Unverified::parse`], then a
//! signature check by the caller, then [`Unverified::judge`].

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

/// Longest token that is looked at, in bytes: Access tokens with many groups stay below.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Seconds by which clocks may differ.
pub const LEEWAY_SECONDS: i64 = 30;
/// Most groups of a token that are read.
const MAX_GROUPS: usize = 500;
/// Longest name of a group that a policy could name, in characters.
const MAX_GROUP: usize = 128;

/// Why a token is not taken. The text is for logs and tests; callers get 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three parts of base64url JSON, or too long.
    #[error("not a token")]
    Malformed,
    /// Another algorithm than the one expected, `none` included.
    #[error("signed with an algorithm that is not accepted")]
    Algorithm,
    /// No `kid`, or one that no key has.
    #[error("signed with an unknown key")]
    UnknownKey,
    /// The signature does not match.
    #[error("the signature does not match")]
    Signature,
    /// `iss` is another.
    #[error("issued by somebody else")]
    Issuer,
    /// `aud` does not name us.
    #[error("meant for somebody else")]
    Audience,
    /// `exp` is past or absent.
    #[error("expired")]
    Expired,
    /// `nbf` or `iat` lies ahead.
    #[error("not valid yet")]
    NotYetValid,
    /// It names neither a person nor a service.
    #[error("names nobody")]
    Subject,
    /// The keys could not be had; nothing is accepted meanwhile.
    #[error("the issuer's keys cannot be fetched")]
    KeysUnavailable,
}

/// What a token must say to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation<'a> {
    /// Required `iss`.
    pub issuer: &'a str,
    /// Required member of `aud`.
    pub audience: &'a str,
    /// Now, in Unix seconds.
    pub now: i64,
}

/// Who a verified token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A person, by e-mail address in lower case.
    Person(String),
    /// A Cloudflare Access service token, by its client id (`common_name`).
    Service(String),
}

impl Identity {
    /// The e-mail address or service name.
    #[must_use]
    pub fn subject(&self) -> &str {
        match self {
            Self::Person(name) | Self::Service(name) => name,
        }
    }
}

/// A token that was read; nothing in it is to be believed yet.
#[derive(Debug, Clone)]
pub struct Unverified<'a> {
    header: Header,
    claims: Claims,
    signing_input: &'a str,
    signature: Vec<u8>,
}

#[derive(Debug, Clone, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Deserialize)]
struct Claims {
    iss: Option<String>,
    #[serde(default)]
    aud: Audience,
    exp: Option<i64>,
    nbf: Option<i64>,
    iat: Option<i64>,
    sub: Option<String>,
    email: Option<String>,
    common_name: Option<String>,
    #[serde(default)]
    groups: Value,
    /// Claims of the identity provider that an Access application is told to pass on.
    #[serde(default)]
    custom: Value,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Default for Audience {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Audience {
    fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

impl<'a> Unverified<'a> {
    /// Reads a compact JWS.
    ///
    /// # Errors
    /// [`TokenError::Malformed`], or [`TokenError::Algorithm`] when it demands
    /// extensions (`crit`, RFC 7515 §4.1.11).
    pub fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signing_input.split_once('.').ok_or(TokenError::Malformed)?;
        let header: Header = part(header)?;
        if header.crit.is_some() {
            return Err(TokenError::Algorithm);
        }
        Ok(Self {
            header,
            claims: part(claims)?,
            signing_input,
            signature: bytes(signature)?,
        })
    }

    /// `alg` of the header.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        &self.header.alg
    }

    /// `kid` of the header.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The bytes that were signed.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Issuer as claimed: good for choosing what to check it against, not for more.
    #[must_use]
    pub fn claimed_issuer(&self) -> Option<&str> {
        self.claims.iss.as_deref()
    }

    /// Who the token names, if its claims are as expected. Call it only once the
    /// signature has been verified.
    ///
    /// # Errors
    /// The first claim that is not as expected.
    pub fn judge(&self, expect: &Expectation<'_>) -> Result<Identity, TokenError> {
        let claims = &self.claims;
        if claims.iss.as_deref() != Some(expect.issuer) {
            return Err(TokenError::Issuer);
        }
        if !claims.aud.names(expect.audience) {
            return Err(TokenError::Audience);
        }
        let exp = claims.exp.ok_or(TokenError::Expired)?;
        if exp.saturating_add(LEEWAY_SECONDS) <= expect.now {
            return Err(TokenError::Expired);
        }
        let latest = expect.now.saturating_add(LEEWAY_SECONDS);
        if claims.nbf.is_some_and(|nbf| nbf > latest) || claims.iat.is_some_and(|iat| iat > latest)
        {
            return Err(TokenError::NotYetValid);
        }
        self.identity()
    }

    /// Groups that the identity provider says a person is in: the claim `groups`, also
    /// among Access's custom claims; each a text, or an object with an `id` and a `name`,
    /// either of which a policy may use. A claim of another shape names no group. To be
    /// believed only once [`Unverified::judge`] took the token.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        if !matches!(self.identity(), Ok(Identity::Person(_))) {
            return Vec::new();
        }
        let lists = [Some(&self.claims.groups), self.claims.custom.get("groups")];
        let entries = lists
            .into_iter()
            .flatten()
            .filter_map(Value::as_array)
            .flatten();
        let names = entries.flat_map(|entry| match entry {
            Value::Object(entry) => vec![entry.get("id"), entry.get("name")],
            other => vec![Some(other)],
        });
        let mut groups: Vec<String> = names
            .filter_map(|name| name?.as_str())
            .filter(|name| (1..=MAX_GROUP).contains(&name.chars().count()))
            .map(str::to_owned)
            .take(MAX_GROUPS)
            .collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// Access tokens carry `email` for a person and `common_name` for a service
    /// token; the registry's carry `sub` with the e-mail address.
    fn identity(&self) -> Result<Identity, TokenError> {
        let claims = &self.claims;
        let filled = |text: &&String| !text.trim().is_empty();
        if let Some(email) = claims.email.as_ref().filter(filled) {
            return Ok(Identity::Person(email.to_ascii_lowercase()));
        }
        if let Some(name) = claims.common_name.as_ref().filter(filled) {
            return Ok(Identity::Service(name.clone()));
        }
        let subject = claims.sub.as_ref().filter(|sub| sub.contains('@'));
        subject
            .map(|sub| Identity::Person(sub.to_ascii_lowercase()))
            .ok_or(TokenError::Subject)
    }
}

fn bytes(part: &str) -> Result<Vec<u8>, TokenError> {
    BASE64_URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed)
}

fn part<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, TokenError> {
    serde_json::from_slice(&bytes(part)?).map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests;
