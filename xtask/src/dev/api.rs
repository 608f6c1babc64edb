//! Calls to the registry and the gateways, as the operator: over their public
//! APIs, with a token of the issuer, like anybody else.

use std::time::Duration;

use anyhow::{Context, anyhow};
use domain::id::{GatewayId, GatewayName};
use domain::problem::Problem;
use domain::wire::{gateway, registry};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;

use super::layout::OPERATOR;
use crate::standins::access::{Issuer, Overrides};

/// Longest wait for an answer. A Worker that is up answers in milliseconds.
const LIMIT: Duration = Duration::from_secs(20);
/// Header that Access puts its token in.
const TOKEN_HEADER: &str = "Cf-Access-Jwt-Assertion";

/// A client that signs in as the operator.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: Client,
    issuer: Issuer,
    registry: String,
}

impl Api {
    /// A client for the registry at `registry` and any gateway.
    ///
    /// # Errors
    /// When no client can be set up.
    pub(crate) fn new(issuer: Issuer, registry: String) -> anyhow::Result<Self> {
        // A proxy in the environment is not for this machine's own ports.
        let http = Client::builder().no_proxy().timeout(LIMIT).build()?;
        Ok(Self {
            http,
            issuer,
            registry,
        })
    }

    /// `GET status` of the gateway at `url`.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub(crate) async fn status(&self, url: &str) -> anyhow::Result<gateway::GatewayStatus> {
        self.call(self.gateway(Method::GET, url, "status")?).await
    }

    /// `POST sandbox/ACTION` of the gateway at `url`.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub(crate) async fn sandbox(
        &self,
        url: &str,
        action: &str,
    ) -> anyhow::Result<gateway::SandboxStatus> {
        self.call(self.gateway(Method::POST, url, &format!("sandbox/{action}"))?)
            .await
    }

    /// Which registry the gateway at `url` belongs to.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub(crate) async fn enrolment(&self, url: &str) -> anyhow::Result<Option<gateway::Enrolment>> {
        let request = self.gateway(Method::GET, url, "enrolment")?;
        let response = request.send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        read(response).await.map(Some)
    }

    /// Enrols the gateway at `url` under `name`: a join token from the registry,
    /// given to the gateway, which does the rest.
    ///
    /// # Errors
    /// When either does not answer, or refuses.
    pub(crate) async fn enrol(
        &self,
        url: &str,
        name: &GatewayName,
    ) -> anyhow::Result<gateway::Enrolment> {
        let asked = registry::CreateJoinToken {
            name: Some(name.clone()),
            ttl_seconds: None,
        };
        let path = format!("{}{}/join-tokens", self.registry, registry::API_PREFIX);
        let token: registry::JoinToken = self
            .call(self.signed(Method::POST, &path)?.json(&asked))
            .await?;
        let join = gateway::JoinRegistry {
            registry_url: self.registry.clone(),
            join_token: token.token,
        };
        self.call(self.gateway(Method::POST, url, "enrolment")?.json(&join))
            .await
    }

    /// What the registry knows of the gateway of that id, if anything.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub(crate) async fn registered(
        &self,
        id: &GatewayId,
    ) -> anyhow::Result<Option<registry::GatewaySummary>> {
        let path = format!("{}{}/gateways/{id}", self.registry, registry::API_PREFIX);
        let response = self.signed(Method::GET, &path)?.send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        read(response).await.map(Some)
    }

    /// Origin of the registry.
    #[must_use]
    pub(crate) fn registry(&self) -> &str {
        &self.registry
    }

    fn gateway(&self, method: Method, url: &str, path: &str) -> anyhow::Result<RequestBuilder> {
        self.signed(method, &format!("{url}{}/{path}", gateway::API_PREFIX))
    }

    fn signed(&self, method: Method, url: &str) -> anyhow::Result<RequestBuilder> {
        let token = self.issuer.mint(OPERATOR, &Overrides::default())?;
        Ok(self.http.request(method, url).header(TOKEN_HEADER, token))
    }

    async fn call<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        read(request.send().await?).await
    }
}

/// The body, or what the problem says.
async fn read<T: DeserializeOwned>(response: reqwest::Response) -> anyhow::Result<T> {
    let status = response.status();
    let url = response.url().clone();
    let body = response.bytes().await?;
    if status.is_success() {
        return serde_json::from_slice(&body)
            .with_context(|| format!("{url} answered something unexpected"));
    }
    Err(match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => anyhow!("{url} refused: {problem}"),
        Err(_) => anyhow!("{url} answered {status}"),
    })
}
