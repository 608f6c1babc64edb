//! Tokens as the issuer would never make them, some with its own keys.

use std::path::PathBuf;

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::Utc;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use tempfile::TempDir;
use xtask::standins::access::{Issuer, KeyChoice, Keys, Overrides};

use crate::stack::Ready;

/// Signs with the keys of the running issuer.
#[derive(Debug)]
pub struct Forge {
    issuer: Issuer,
    keys: PathBuf,
    operator: String,
    /// Holds a stranger's keys.
    _folder: Option<TempDir>,
}

impl Forge {
    /// Signs with the keys of `issuer`, which lie in `keys`, for `operator`
    /// where nobody else is named.
    #[must_use]
    pub fn new(issuer: Issuer, keys: PathBuf, operator: &str) -> Self {
        Self {
            issuer,
            keys,
            operator: operator.to_owned(),
            _folder: None,
        }
    }

    pub(crate) fn open(ready: &Ready) -> anyhow::Result<Self> {
        Ok(Self::new(
            ready.issuer()?,
            ready.issuer.keys.clone(),
            &ready.operator,
        ))
    }

    /// Somebody who has keys of their own and says to be the issuer.
    ///
    /// # Errors
    /// When the keys cannot be made.
    pub fn stranger(&self) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let issuer = Issuer::open(folder.path(), self.issuer.config().clone())?;
        let (keys, operator) = (folder.path().to_owned(), self.operator.clone());
        Ok(Self {
            issuer,
            keys,
            operator,
            _folder: Some(folder),
        })
    }

    /// Id of the key that signs.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub fn key_id(&self) -> anyhow::Result<String> {
        Ok(Keys::open(&self.keys)?.id(KeyChoice::Current).to_owned())
    }

    /// The key that signs, as a public JSON Web Key.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub fn jwk(&self) -> anyhow::Result<Value> {
        let certs = Keys::open(&self.keys)?.certs()?;
        certs
            .pointer("/keys/0")
            .cloned()
            .context("a key set without a key")
    }

    /// A genuine token.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub fn genuine(&self, email: &str) -> anyhow::Result<String> {
        self.issuer.mint(email, &Overrides::default())
    }

    /// A genuine token of the operator but for these claims; null removes one.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub fn with_claims(&self, claims: Value) -> anyhow::Result<String> {
        self.signed(claims, json!({}), KeyChoice::Current)
    }

    /// A token of the operator with these header fields, signed all the same.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub fn with_header(&self, header: Value) -> anyhow::Result<String> {
        self.signed(json!({}), header, KeyChoice::Current)
    }

    /// A token of the operator signed with the key before the last rotation.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub fn with_previous_key(&self) -> anyhow::Result<String> {
        self.signed(json!({}), json!({}), KeyChoice::Previous)
    }

    /// Makes the issuer sign with a new key from now on.
    ///
    /// # Errors
    /// When the keys cannot be written.
    pub fn rotate(&self) -> anyhow::Result<()> {
        self.issuer.rotate()
    }

    /// A token that says `alg: none` and carries no signature, or a left-over one.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub fn unsigned(&self, algorithm: &str, keep_signature: bool) -> anyhow::Result<String> {
        let genuine = self.genuine(&self.operator)?;
        let mut parts = genuine.split('.').skip(1);
        let claims = parts.next().unwrap_or_default();
        let signature = if keep_signature {
            parts.next().unwrap_or_default()
        } else {
            ""
        };
        let header = part(&json!({ "alg": algorithm, "typ": "JWT" }));
        Ok(format!("{header}.{claims}.{signature}"))
    }

    /// A token whose HMAC key is the issuer's public key in one of the forms
    /// that it is published in (RFC 8725 §2.1).
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub fn hmac_of_public_key(&self, key_id: &str, public: &[u8]) -> anyhow::Result<String> {
        let genuine = self.genuine(&self.operator)?;
        let claims = genuine.split('.').nth(1).unwrap_or_default();
        let header = part(&json!({ "alg": "HS256", "typ": "JWT", "kid": key_id }));
        let input = format!("{header}.{claims}");
        let mut mac = Hmac::<Sha256>::new_from_slice(public)?;
        mac.update(input.as_bytes());
        let signature = BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        Ok(format!("{input}.{signature}"))
    }

    /// Seconds since 1970, moved.
    #[must_use]
    pub fn at(seconds_from_now: i64) -> i64 {
        Utc::now().timestamp() + seconds_from_now
    }

    fn signed(&self, claims: Value, header: Value, key: KeyChoice) -> anyhow::Result<String> {
        let overrides = Overrides {
            claims: object(claims),
            header: object(header),
            key,
        };
        self.issuer.mint(&self.operator, &overrides)
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn part(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}
