//! A client's device: an Ed25519 key that signs the server's challenge.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::session::Client;

/// A device with a new key.
#[derive(Debug)]
pub struct Device {
    key: SigningKey,
}

/// The part of `connect.challenge` that is signed.
#[derive(Debug, Clone)]
pub(super) struct Challenge {
    pub(super) nonce: String,
    pub(super) at: u64,
}

impl Device {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new() -> anyhow::Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
        Ok(Self {
            key: SigningKey::from_bytes(&seed),
        })
    }

    /// The `device` of a `connect` request.
    pub(super) fn answer(&self, challenge: &Challenge, client: &Client, scopes: &[&str]) -> Value {
        let public = self.key.verifying_key();
        let id: String = Sha256::digest(public.as_bytes())
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let Challenge { nonce, at } = challenge;
        // v3 | device | client | mode | role | scopes | time | token | nonce | platform | family
        let signed = format!(
            "v3|{id}|{}|{}|operator|{}|{at}||{nonce}|{}|",
            client.id,
            client.mode,
            scopes.join(","),
            Client::PLATFORM
        );
        let signature = self.key.sign(signed.as_bytes());
        json!({
            "id": id,
            "publicKey": BASE64_URL_SAFE_NO_PAD.encode(public.as_bytes()),
            "signature": BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes()),
            "signedAt": at,
            "nonce": nonce,
        })
    }
}
