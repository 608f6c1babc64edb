//! A local stand-in for Cloudflare Access: an issuer with its own RSA keys, a
//! sign-in page, and tokens with the claims of an Access application token
//! (developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/application-token).
//!
//! The Workers verify what it issues with the code that verifies the real thing.

mod keys;
mod pages;
mod redirect;
mod routes;
mod token;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use keys::{KeyChoice, Keys};
pub use redirect::{RedirectError, resolve_redirect};
pub use token::SESSION_SECONDS;

/// Somebody to sign in as with one click.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// E-mail address.
    pub email: String,
    /// What they can do, for the sign-in page.
    pub about: String,
}

/// What the issuer is told about the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerConfig {
    /// Its own origin, and `iss` of its tokens: `http://localhost:8799`.
    pub issuer: String,
    /// `aud` of its tokens: the audiences of the registry and of every gateway.
    pub audiences: Vec<String>,
    /// Origins that a signed-in browser may be sent back to.
    pub return_origins: Vec<String>,
    /// People offered on the sign-in page.
    pub people: Vec<Person>,
}

/// What to change in a token before it is signed, for tests that attack.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Claims to set; null removes one.
    pub claims: Map<String, Value>,
    /// Header fields to set; null removes one.
    pub header: Map<String, Value>,
    /// The key to sign with.
    pub key: KeyChoice,
}

/// The issuer. Its keys are read from their folder for every token and every
/// `certs` request, so that a rotation by another process takes effect.
#[derive(Debug, Clone)]
pub struct Issuer {
    config: IssuerConfig,
    folder: PathBuf,
}

impl Issuer {
    /// The issuer whose keys lie in `folder`; they are made when there are none.
    ///
    /// # Errors
    /// When the keys cannot be read or written.
    pub fn open(folder: &Path, config: IssuerConfig) -> anyhow::Result<Self> {
        Keys::open(folder)?;
        Ok(Self {
            config,
            folder: folder.to_owned(),
        })
    }

    /// What it was told.
    #[must_use]
    pub fn config(&self) -> &IssuerConfig {
        &self.config
    }

    /// A token for a person, as the sign-in page would issue it now.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub fn mint(&self, email: &str, overrides: &Overrides) -> anyhow::Result<String> {
        let keys = Keys::open(&self.folder)?;
        token::mint(
            &self.config,
            &keys,
            email,
            chrono::Utc::now().timestamp(),
            overrides,
        )
    }

    /// Signs with a new key from now on; the one before stays published, the
    /// one before that does not.
    ///
    /// # Errors
    /// When the keys cannot be written.
    pub fn rotate(&self) -> anyhow::Result<()> {
        Keys::rotate(&self.folder)
    }

    /// Everything it answers.
    pub fn router(self) -> axum::Router {
        routes::router(self)
    }

    fn keys(&self) -> anyhow::Result<Keys> {
        Keys::open(&self.folder)
    }
}
