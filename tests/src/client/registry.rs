//! The registry.

use anyhow::Context;
use domain::id::GatewayId;
use domain::wire::gateway::Page;
use domain::wire::registry::{
    API_PREFIX, CreateJoinToken, Enroll, FleetStatus, GatewaySummary, GatewayToken, JoinToken, Me,
};

use super::{Answer, Api, Call, Credential};

/// The registry as one caller sees it.
#[derive(Debug, Clone)]
pub struct Registry {
    /// Its origin.
    pub door: Api,
}

impl Registry {
    /// The same registry for somebody.
    #[must_use]
    pub fn with(&self, credential: Credential) -> Self {
        Self {
            door: self.door.with(credential),
        }
    }

    /// The same registry for nobody.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self {
            door: self.door.anonymous(),
        }
    }

    /// `GET` of its API.
    #[must_use]
    pub fn get(&self, path: &str) -> Call {
        self.door.get(&format!("{API_PREFIX}/{path}"))
    }

    /// `POST` to its API.
    #[must_use]
    pub fn post(&self, path: &str) -> Call {
        self.door.post(&format!("{API_PREFIX}/{path}"))
    }

    /// `GET me`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn me(&self) -> anyhow::Result<Me> {
        self.get("me").send().await?.json(200)
    }

    /// The fleet.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn gateways(&self) -> anyhow::Result<Vec<GatewaySummary>> {
        let page: Page<GatewaySummary> = self.get("gateways").send().await?.json(200)?;
        Ok(page.items)
    }

    /// A gateway by its name.
    ///
    /// # Errors
    /// When there is none.
    pub async fn gateway(&self, name: &str) -> anyhow::Result<GatewaySummary> {
        let found = self
            .gateways()
            .await?
            .into_iter()
            .find(|gateway| gateway.name.as_str() == name);
        found.with_context(|| format!("the registry knows no gateway called {name}"))
    }

    /// Whether a gateway is online.
    ///
    /// # Errors
    /// When the registry does not know it.
    pub async fn is_online(&self, name: &str) -> anyhow::Result<bool> {
        Ok(self.gateway(name).await?.status == FleetStatus::Online)
    }

    /// `POST gateways/ID/token`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn gateway_token(&self, id: &GatewayId) -> anyhow::Result<GatewayToken> {
        self.post(&format!("gateways/{id}/token"))
            .send()
            .await?
            .json(201)
    }

    /// `POST join-tokens`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn join_token(&self, ttl_seconds: Option<u32>) -> anyhow::Result<JoinToken> {
        let body = CreateJoinToken {
            name: None,
            ttl_seconds,
        };
        self.post("join-tokens").json(&body).send().await?.json(201)
    }

    /// `POST enroll`.
    ///
    /// # Errors
    /// When it cannot be sent; a refusal is an answer.
    pub async fn enroll(&self, join_token: &str, name: &str, url: &str) -> anyhow::Result<Answer> {
        let body = Enroll {
            join_token: join_token.to_owned(),
            name: name.parse()?,
            url: url.to_owned(),
            tedix_version: "0.0.0".to_owned(),
        };
        self.post("enroll").json(&body).send().await
    }
}
