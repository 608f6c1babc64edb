//! Tokens of Git hosts' APIs, from the secret `GIT_API_TOKENS`.

use std::collections::BTreeMap;

use domain::secret::Secret;

/// Tokens by host.
#[derive(Debug, Clone, Default)]
pub struct GitTokens(BTreeMap<String, Secret>);

impl GitTokens {
    /// Reads `{"github.com": "<token>"}`; the host has its port where the address has one.
    ///
    /// # Errors
    /// When it is no such object; what it holds is not repeated.
    pub fn read(secret: &str) -> Result<Self, &'static str> {
        if secret.trim().is_empty() {
            return Ok(Self::default());
        }
        let map: BTreeMap<String, String> = serde_json::from_str(secret)
            .map_err(|_| "GIT_API_TOKENS must be a JSON object of host to token")?;
        let tokens = map
            .into_iter()
            .map(|(host, token)| (host.to_ascii_lowercase(), Secret::new(token)));
        Ok(Self(tokens.collect()))
    }

    /// The token of a repository's host.
    #[must_use]
    pub fn of(&self, repository: &str) -> Option<&Secret> {
        let (_, rest) = repository.split_once("://")?;
        let host = rest.split('/').next()?.to_ascii_lowercase();
        self.0.get(&host)
    }
}
