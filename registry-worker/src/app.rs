//! What every route works with.

use std::sync::Arc;

use domain::access::ed25519::TokenKey;
use domain::fleet::gateway_origin;
use edge::access::AccessApplication;

use crate::ports::{
    Assets, AuditStore, Clock, GatewayStore, JoinTokenStore, PortError, PulseStore, Random,
    UsageStore, Verifier,
};

/// Version of this Worker.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The ports and settings, shared by the routes.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) gateways: Arc<dyn GatewayStore>,
    pub(crate) join_tokens: Arc<dyn JoinTokenStore>,
    pub(crate) audit: Arc<dyn AuditStore>,
    pub(crate) pulse: Arc<dyn PulseStore>,
    pub(crate) usage: Arc<dyn UsageStore>,
    pub(crate) verifier: Arc<dyn Verifier>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) assets: Arc<dyn Assets>,
}

/// State of the router.
pub(crate) type Shared = Arc<App>;

/// How this deployment is set up.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Origin under which browsers and gateways reach the registry; `iss` of its tokens.
    pub(crate) public_url: String,
    /// The Access application in front of it.
    pub(crate) access: AccessApplication,
    /// E-mail addresses of those who may use it, in lower case.
    pub(crate) operators: Vec<String>,
    /// Sources for the admin app's `connect-src`: where gateways are.
    pub(crate) gateway_origins: Vec<String>,
    /// Ed25519 seed in base64url.
    pub(crate) signing_key: String,
}

impl Settings {
    /// Reads the settings by name; absent and empty ones are errors, but for
    /// `GATEWAY_ORIGINS` and `REGISTRY_OPERATORS`.
    ///
    /// # Errors
    /// Which one is wrong, without its value.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let required = |name: &str| {
            let value = get(name).map(|value| value.trim().to_owned());
            value
                .filter(|value| !value.is_empty())
                .ok_or_else(|| format!("{name} is not set"))
        };
        let issuer = required("ACCESS_ISSUER")?.trim_end_matches('/').to_owned();
        let public_url = gateway_origin(&required("PUBLIC_URL")?)
            .map_err(|reason| format!("PUBLIC_URL {reason}"))?;
        let signing_key = required("REGISTRY_SIGNING_KEY")?;
        TokenKey::from_seed(&signing_key)
            .map_err(|_| "REGISTRY_SIGNING_KEY must be 32 bytes in base64url".to_owned())?;
        let gateway_origins = list(get("GATEWAY_ORIGINS"));
        if !gateway_origins.iter().all(|source| is_source(source)) {
            return Err(
                "GATEWAY_ORIGINS must be origins, separated by spaces or commas".to_owned(),
            );
        }
        Ok(Self {
            public_url,
            access: AccessApplication {
                issuer,
                audience: required("ACCESS_AUDIENCE")?,
            },
            operators: list(get("REGISTRY_OPERATORS"))
                .iter()
                .map(|o| o.to_lowercase())
                .collect(),
            gateway_origins,
            signing_key,
        })
    }

    /// Host and port of the registry.
    pub(crate) fn host(&self) -> &str {
        self.public_url
            .split_once("://")
            .map_or(&self.public_url, |(_, host)| host)
    }
}

impl App {
    /// The key that signs tokens for gateways. Made when needed: it takes a curve operation.
    pub(crate) fn key(&self) -> Result<TokenKey, PortError> {
        TokenKey::from_seed(&self.settings.signing_key)
            .map_err(|error| PortError::Failed(format!("REGISTRY_SIGNING_KEY: {error}")))
    }
}

fn list(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    let items = text.split(|c: char| c == ',' || c.is_whitespace());
    items
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A host source of CSP Level 3 §2.3.1: an origin, whose host may start with `*.`.
fn is_source(text: &str) -> bool {
    gateway_origin(&text.replacen("://*.", "://", 1)).is_ok_and(|_| !text.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(change: (&str, &str)) -> Result<Settings, String> {
        let base = [
            ("PUBLIC_URL", "http://localhost:8700"),
            ("ACCESS_ISSUER", "http://localhost:8799/"),
            ("ACCESS_AUDIENCE", "aud"),
            ("REGISTRY_OPERATORS", "Ada@example.com, grace@example.com"),
            (
                "GATEWAY_ORIGINS",
                "http://localhost:8701,https://*.example.com",
            ),
            (
                "REGISTRY_SIGNING_KEY",
                "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            ),
        ];
        Settings::read(|name| {
            let found = base
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value);
            Some(if change.0 == name { change.1 } else { found? }.to_owned())
        })
    }

    #[test]
    fn settings_are_read() {
        let settings = settings(("", "")).expect("settings");
        assert_eq!(settings.host(), "localhost:8700");
        assert_eq!(settings.access.issuer, "http://localhost:8799");
        assert_eq!(settings.operators, ["ada@example.com", "grace@example.com"]);
        assert_eq!(settings.gateway_origins.len(), 2);
    }

    #[test]
    fn a_wrong_setting_is_named_and_its_value_is_not() {
        for (name, value) in [
            ("PUBLIC_URL", ""),
            ("PUBLIC_URL", "registry.example.com"),
            ("ACCESS_ISSUER", " "),
            ("ACCESS_AUDIENCE", ""),
            ("REGISTRY_SIGNING_KEY", "c2hvcnQ"),
            ("GATEWAY_ORIGINS", "*"),
            (
                "GATEWAY_ORIGINS",
                "https://a.example;script-src https://evil.example",
            ),
            ("GATEWAY_ORIGINS", "'unsafe-inline'"),
        ] {
            let error = settings((name, value)).err().expect("refused");
            assert!(error.starts_with(name), "{error}");
            assert!(value.trim().is_empty() || !error.contains(value), "{error}");
        }
    }
}
