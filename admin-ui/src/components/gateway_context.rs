//! What every section of a gateway's page shares.

use std::time::Duration;

use domain::access::Role;
use domain::id::GatewayId;
use domain::wire::gateway::GatewayStatus;
use domain::wire::registry::GatewaySummary;
use leptos::prelude::*;

use super::facts::Facts;
use crate::api::Api;
use crate::api::gateway::Gateway;
use crate::api::live::Live;

/// How often a gateway is asked while somebody looks.
const EVERY: Duration = Duration::from_secs(3);
/// How often the registry is asked about it: its view changes at each heartbeat only.
const EVERY_FROM_REGISTRY: Duration = Duration::from_secs(10);

/// The gateway of the page; copied freely.
#[derive(Clone, Copy)]
pub(crate) struct GatewayContext {
    gateway: StoredValue<Gateway>,
    /// What the registry knows.
    pub(crate) summary: Live<GatewaySummary>,
    /// What the gateway itself says.
    pub(crate) status: Live<GatewayStatus>,
}

impl GatewayContext {
    /// Asks about a gateway and makes it available to every component below.
    pub(crate) fn provide(id: GatewayId) -> Self {
        let api = Api::get();
        let gateway = Gateway::new(api, id.clone());
        let asked = gateway.clone();
        let status = Live::every(EVERY, move |abort| {
            let gateway = asked.clone();
            Box::pin(async move { gateway.status(abort).await })
        });
        let summary = Live::every(EVERY_FROM_REGISTRY, move |abort| {
            let id = id.clone();
            Box::pin(async move { api.gateway(&id, abort).await })
        });
        let context = Self {
            gateway: StoredValue::new(gateway),
            summary,
            status,
        };
        provide_context(context);
        context
    }

    /// The one that was provided.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// For requests.
    pub(crate) fn gateway(self) -> Gateway {
        self.gateway.get_value()
    }

    /// Its id.
    pub(crate) fn id(self) -> GatewayId {
        self.gateway.with_value(|gateway| gateway.id().clone())
    }

    /// Its name once known, else its id.
    pub(crate) fn name(self) -> String {
        let from_registry = self
            .summary
            .value
            .with(|s| s.as_ref().map(|s| s.name.to_string()));
        from_registry
            .or_else(|| {
                self.status
                    .value
                    .with(|s| s.as_ref().map(|s| s.name.to_string()))
            })
            .unwrap_or_else(|| self.id().to_string())
    }

    /// What is known about it: from itself, else from its last heartbeat.
    pub(crate) fn facts(self) -> Option<Facts> {
        let own = self.status.value.get().map(Facts::from);
        own.or_else(|| {
            self.summary
                .value
                .get()
                .and_then(|s| s.heartbeat)
                .map(Facts::from)
        })
    }

    /// Why the person may not do what takes `needed`; none when they may.
    pub(crate) fn why_not(self, needed: Role) -> Option<String> {
        let role = self
            .status
            .value
            .with(|s| s.as_ref().map(|s| s.viewer.role));
        match role {
            None => Some("The gateway has not answered yet.".to_owned()),
            Some(role) if role >= needed => None,
            Some(role) => Some(format!(
                "You are {} here; this takes {}.",
                with_article(role),
                with_article(needed)
            )),
        }
    }
}

fn with_article(role: Role) -> String {
    match role {
        Role::Admin | Role::Operator => format!("an {role}"),
        Role::User | Role::Viewer => format!("a {role}"),
    }
}
