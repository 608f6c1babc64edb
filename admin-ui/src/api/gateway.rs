//! A gateway's operations that the app uses.

use domain::id::GatewayId;
use domain::wire::gateway::{
    API_PREFIX, AuditEntry, CandidatePolicy, EffectivePolicy, Enrolment, GatewayStatus, Page,
    PolicyDiff, PolicyEnvelope, PolicyVersion, PutPolicy,
};
use gloo_net::http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Api;
use super::abort::Abort;
use super::error::ApiError;
use super::http::{self, Ask};
use crate::ui::text::{percent_encode, web_link};

/// What an operator may do with the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SandboxAction {
    /// Start it.
    Start,
    /// Stop it, in order.
    Stop,
    /// Stop and start it.
    Restart,
    /// Remove it with its file system.
    Destroy,
}

impl SandboxAction {
    /// Its path segment.
    pub(crate) const fn slug(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Destroy => "destroy",
        }
    }
}

/// One gateway; copied freely within its page.
#[derive(Clone)]
pub(crate) struct Gateway {
    api: Api,
    id: GatewayId,
}

/// One request to the gateway.
pub(super) struct Call<'a> {
    /// Method.
    pub(super) method: Method,
    /// Path below the API's prefix, with its query.
    pub(super) path: &'a str,
    /// Policy version for If-Match.
    pub(super) if_match: Option<u64>,
    /// JSON body.
    pub(super) body: Option<String>,
    /// Media type to answer in.
    pub(super) accept: &'static str,
}

impl<'a> Call<'a> {
    /// A request with a body, or with none.
    pub(super) const fn new(method: Method, path: &'a str, body: Option<String>) -> Self {
        Self {
            method,
            path,
            if_match: None,
            body,
            accept: http::JSON,
        }
    }
}

impl Gateway {
    /// The gateway of an id.
    pub(crate) fn new(api: Api, id: GatewayId) -> Self {
        Self { api, id }
    }

    /// Its id.
    pub(crate) fn id(&self) -> &GatewayId {
        &self.id
    }

    /// `GET status`.
    pub(crate) async fn status(&self, abort: Abort) -> Result<GatewayStatus, ApiError> {
        self.get("status", abort).await
    }

    /// `GET policy`.
    pub(crate) async fn policy(&self, abort: Abort) -> Result<PolicyEnvelope, ApiError> {
        self.get("policy", abort).await
    }

    /// `POST policy/diff`: what a document would change.
    pub(crate) async fn diff(&self, document: Value, abort: Abort) -> Result<PolicyDiff, ApiError> {
        let body = Some(http::body(&CandidatePolicy { document })?);
        self.call(Call::new(Method::POST, "policy/diff", body), abort)
            .await
    }

    /// `PUT policy` on the version it was edited from.
    pub(crate) async fn put_policy(
        &self,
        base: u64,
        request: &PutPolicy,
        abort: Abort,
    ) -> Result<PolicyEnvelope, ApiError> {
        let body = Some(http::body(request)?);
        let call = Call {
            if_match: Some(base),
            ..Call::new(Method::PUT, "policy", body)
        };
        self.call(call, abort).await
    }

    /// `GET policy/versions`, newest first.
    pub(crate) async fn versions(
        &self,
        before: Option<&str>,
        abort: Abort,
    ) -> Result<Page<PolicyVersion>, ApiError> {
        self.get(&paged("policy/versions", before), abort).await
    }

    /// `GET policy/effective`.
    pub(crate) async fn effective(&self, abort: Abort) -> Result<EffectivePolicy, ApiError> {
        self.get("policy/effective", abort).await
    }

    /// `GET audit`, newest first.
    pub(crate) async fn audit(
        &self,
        before: Option<&str>,
        abort: Abort,
    ) -> Result<Page<AuditEntry>, ApiError> {
        self.get(&paged("audit", before), abort).await
    }

    /// `GET enrolment`.
    pub(crate) async fn enrolment(&self, abort: Abort) -> Result<Enrolment, ApiError> {
        self.get("enrolment", abort).await
    }

    /// `POST sandbox/ACTION`. What it leads to shows in the status.
    pub(crate) async fn sandbox(
        &self,
        action: SandboxAction,
        abort: Abort,
    ) -> Result<(), ApiError> {
        let path = format!("sandbox/{}", action.slug());
        let body = Some("{}".to_owned());
        self.text(&Call::new(Method::POST, &path, body), abort)
            .await
            .map(|_| ())
    }

    /// Asks for something, as JSON.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        abort: Abort,
    ) -> Result<T, ApiError> {
        self.call(Call::new(Method::GET, path, None), abort).await
    }

    /// Sends a request and reads its answer as JSON.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        abort: Abort,
    ) -> Result<T, ApiError> {
        let text = self.text(&call, abort).await?;
        http::read(&text, "The gateway")
    }

    /// Sends with the token in memory; a refused one is replaced once.
    pub(super) async fn text(&self, call: &Call<'_>, abort: Abort) -> Result<String, ApiError> {
        let first = self.attempt(call, abort).await;
        match first {
            Err(error) if error.status() == Some(401) => {
                self.api.forget_token(&self.id);
                self.attempt(call, abort).await
            }
            other => other,
        }
    }

    async fn attempt(&self, call: &Call<'_>, abort: Abort) -> Result<String, ApiError> {
        let token = self.api.gateway_token(&self.id, abort).await?;
        let origin = web_link(&token.url).ok_or_else(|| {
            ApiError::Unreadable("The registry gave no web address for this gateway.".to_owned())
        })?;
        let url = format!("{}{API_PREFIX}/{}", origin.trim_end_matches('/'), call.path);
        let ask = Ask {
            method: call.method.clone(),
            url,
            whom: "The gateway",
            bearer: Some(&token.token),
            if_match: call.if_match.map(etag),
            body: call.body.clone(),
            accept: call.accept,
        };
        http::text(ask, abort).await
    }
}

/// The ETag of a policy version.
fn etag(version: u64) -> String {
    format!("\"v{version}\"")
}

/// A path with the cursor of a page.
pub(super) fn paged(path: &str, before: Option<&str>) -> String {
    match before {
        Some(cursor) => format!("{path}?before={}", percent_encode(cursor)),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{SandboxAction, etag, paged};

    #[test]
    fn paths_and_tags_are_the_contracts() {
        assert_eq!(etag(7), "\"v7\"");
        assert_eq!(paged("audit", Some("a&b=1")), "audit?before=a%26b%3D1");
        assert_eq!(paged("audit", None), "audit");
        assert_eq!(SandboxAction::Restart.slug(), "restart");
    }
}
