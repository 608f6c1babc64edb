//! The issuer's RSA keys: the one it signs with and the one before, as files
//! that only their owner can read.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::pkcs1v15::{Signature, SigningKey};
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::rand_core::OsRng;
use rsa::sha2::{Digest, Sha256};
use rsa::signature::{SignatureEncoding, Signer};
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde_json::{Value, json};
use x509_cert::builder::{Builder, CertificateBuilder, Profile};
use x509_cert::der::EncodePem;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::Validity;

use crate::secrets;

/// Modulus size of an Access signing key.
const BITS: usize = 2048;
/// Validity of the published certificates: Access replaces a key after six weeks.
const CERTIFICATE_LIFE: Duration = Duration::from_secs(6 * 7 * 24 * 60 * 60);
const CURRENT: &str = "access-current.pem";
const PREVIOUS: &str = "access-previous.pem";

/// Which key signs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyChoice {
    /// The one in use.
    #[default]
    Current,
    /// The one in use before the last rotation, still published.
    Previous,
}

/// Both published keys.
#[derive(Debug)]
pub struct Keys {
    current: Key,
    previous: Key,
}

#[derive(Debug)]
struct Key {
    id: String,
    private: RsaPrivateKey,
}

impl Keys {
    /// The keys in `folder`; missing ones are made.
    ///
    /// # Errors
    /// When one cannot be read, is no RSA key, or cannot be written.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            current: Key::open(&folder.join(CURRENT))?,
            previous: Key::open(&folder.join(PREVIOUS))?,
        })
    }

    /// Makes a new key the current one and the current one the previous.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn rotate(folder: &Path) -> anyhow::Result<()> {
        let current = folder.join(CURRENT);
        let fresh = make()?;
        std::fs::rename(&current, folder.join(PREVIOUS))
            .with_context(|| format!("{} cannot be renamed", current.display()))?;
        secrets::write(&current, fresh.as_bytes())
    }

    /// Id of the chosen key, as in the `kid` of a token's header.
    #[must_use]
    pub fn id(&self, choice: KeyChoice) -> &str {
        &self.choose(choice).id
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 (`RS256`) over `message`.
    #[must_use]
    pub fn sign(&self, choice: KeyChoice, message: &[u8]) -> Vec<u8> {
        let signer = SigningKey::<Sha256>::new(self.choose(choice).private.clone());
        signer.sign(message).to_vec()
    }

    /// What `GET /cdn-cgi/access/certs` answers.
    ///
    /// # Errors
    /// When a public key cannot be encoded.
    pub fn certs(&self) -> anyhow::Result<Value> {
        let keys = [&self.current, &self.previous];
        let pems = keys
            .iter()
            .map(|key| key.certificate())
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(json!({
            "keys": keys.map(Key::jwk),
            "public_cert": pems.first(),
            "public_certs": pems,
        }))
    }

    fn choose(&self, choice: KeyChoice) -> &Key {
        match choice {
            KeyChoice::Current => &self.current,
            KeyChoice::Previous => &self.previous,
        }
    }
}

impl Key {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let pem = secrets::read_or_make(path, make)?;
        let private = RsaPrivateKey::from_pkcs8_pem(&pem)
            .with_context(|| format!("{} is not an RSA key: delete it", path.display()))?;
        let der = private.to_public_key().to_public_key_der()?;
        let id = Sha256::digest(der.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self { id, private })
    }

    fn public(&self) -> RsaPublicKey {
        self.private.to_public_key()
    }

    fn jwk(&self) -> Value {
        let public = self.public();
        json!({
            "kid": self.id,
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "e": URL_SAFE_NO_PAD.encode(public.e().to_bytes_be()),
            "n": URL_SAFE_NO_PAD.encode(public.n().to_bytes_be()),
        })
    }

    /// A self-signed certificate, as Access publishes next to each key.
    fn certificate(&self) -> anyhow::Result<Value> {
        let signer = SigningKey::<Sha256>::new(self.private.clone());
        let name = Name::from_str("CN=local stand-in for Cloudflare Access")?;
        let public = SubjectPublicKeyInfoOwned::from_key(self.public())?;
        let builder = CertificateBuilder::new(
            Profile::Root,
            SerialNumber::from(1u32),
            Validity::from_now(CERTIFICATE_LIFE)?,
            name,
            public,
            &signer,
        )?;
        let certificate = builder.build::<Signature>()?;
        Ok(json!({ "kid": self.id, "cert": certificate.to_pem(LineEnding::LF)? }))
    }
}

fn make() -> anyhow::Result<String> {
    let key = RsaPrivateKey::new(&mut OsRng, BITS).context("no RSA key could be made")?;
    Ok(key.to_pkcs8_pem(LineEnding::LF)?.to_string())
}
