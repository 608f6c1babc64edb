//! The registry's operations that the app uses.

use domain::id::GatewayId;
use domain::wire::gateway::Page;
use domain::wire::registry::{
    API_PREFIX, CreateJoinToken, GatewaySummary, GatewayToken, JoinToken, Me,
};
use gloo_net::http::Method;
use leptos::prelude::{GetValue, UpdateValue};
use serde::de::DeserializeOwned;

use super::Api;
use super::abort::Abort;
use super::error::ApiError;
use super::http::{self, Ask};

/// Seconds before its end that a token is replaced, so that none ends on its way.
const TOKEN_MARGIN_SECONDS: i64 = 30;

impl Api {
    /// `GET me`.
    pub(crate) async fn me(self, abort: Abort) -> Result<Me, ApiError> {
        registry(Method::GET, "me", None, abort).await
    }

    /// `GET gateways`, every page of it.
    pub(crate) async fn gateways(self, abort: Abort) -> Result<Vec<GatewaySummary>, ApiError> {
        let mut all = Vec::new();
        // The largest page there is: few round trips for a large fleet.
        let mut path = "gateways?limit=100".to_owned();
        loop {
            let page: Page<GatewaySummary> =
                self.note(registry(Method::GET, &path, None, abort).await)?;
            all.extend(page.items);
            match page.next {
                Some(next) => {
                    let cursor = crate::ui::text::percent_encode(&next);
                    path = format!("gateways?limit=100&cursor={cursor}");
                }
                None => return Ok(all),
            }
        }
    }

    /// `GET gateways/ID`.
    pub(crate) async fn gateway(
        self,
        id: &GatewayId,
        abort: Abort,
    ) -> Result<GatewaySummary, ApiError> {
        self.note(registry(Method::GET, &format!("gateways/{id}"), None, abort).await)
    }

    /// `POST join-tokens`.
    pub(crate) async fn create_join_token(
        self,
        request: &CreateJoinToken,
        abort: Abort,
    ) -> Result<JoinToken, ApiError> {
        let body = http::body(request)?;
        self.note(registry(Method::POST, "join-tokens", Some(body), abort).await)
    }

    /// The token for a gateway: the one in memory, or a new one.
    pub(crate) async fn gateway_token(
        self,
        id: &GatewayId,
        abort: Abort,
    ) -> Result<GatewayToken, ApiError> {
        let held = self
            .tokens
            .try_get_value()
            .and_then(|tokens| tokens.get(id).cloned());
        if let Some(token) = held
            && (token.expires_at - super::now()).num_seconds() > TOKEN_MARGIN_SECONDS
        {
            return Ok(token);
        }
        let path = format!("gateways/{id}/token");
        let token: GatewayToken =
            self.note(registry(Method::POST, &path, Some("{}".to_owned()), abort).await)?;
        self.tokens.update_value(|tokens| {
            tokens.insert(id.clone(), token.clone());
        });
        Ok(token)
    }

    /// Forgets the token for a gateway: it was refused.
    pub(crate) fn forget_token(self, id: &GatewayId) {
        self.tokens.update_value(|tokens| {
            tokens.remove(id);
        });
    }
}

async fn registry<T: DeserializeOwned>(
    method: Method,
    path: &str,
    body: Option<String>,
    abort: Abort,
) -> Result<T, ApiError> {
    let url = format!("{API_PREFIX}/{path}");
    let ask = Ask {
        method,
        url,
        whom: "The registry",
        bearer: None,
        if_match: None,
        body,
        accept: http::JSON,
    };
    http::json(ask, abort).await
}
