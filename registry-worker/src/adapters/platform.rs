//! Clock, randomness, Access tokens and files of the Workers runtime.

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::access::{Identity, TokenError};
use edge::access::AccessApplication;
use worker::{Date, Env, Fetcher, Headers, Request, RequestInit};

use crate::ports::{Assets, Clock, PortError, Random, Verifier};

/// Name of the binding of the admin app's files.
const ASSETS: &str = "ASSETS";

/// The platform's clock.
#[derive(Debug)]
pub(crate) struct PlatformClock;

/// The platform's random source.
#[derive(Debug)]
pub(crate) struct PlatformRandom;

/// Access tokens, verified with WebCrypto.
#[derive(Debug)]
pub(crate) struct AccessVerifier(pub(crate) AccessApplication);

/// The static assets of the deployment.
#[derive(Debug)]
pub(crate) struct PlatformAssets(Fetcher);

/// The static assets of the deployment.
pub(crate) fn assets(env: &Env) -> Result<PlatformAssets, worker::Error> {
    env.assets(ASSETS).map(PlatformAssets)
}

impl Clock for PlatformClock {
    fn now(&self) -> DateTime<Utc> {
        let unix_ms = i64::try_from(Date::now().as_millis()).unwrap_or(i64::MAX);
        DateTime::from_timestamp_millis(unix_ms).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

impl Random for PlatformRandom {
    fn bytes_32(&self) -> Result<[u8; 32], PortError> {
        edge::random::bytes().map_err(|error| failed(&error))
    }

    fn bytes_10(&self) -> Result<[u8; 10], PortError> {
        edge::random::bytes().map_err(|error| failed(&error))
    }
}

#[async_trait(?Send)]
impl Verifier for AccessVerifier {
    async fn verify(&self, token: &str) -> Result<(Identity, Vec<String>), TokenError> {
        self.0.verify_with_groups(token).await
    }
}

#[async_trait(?Send)]
impl Assets for PlatformAssets {
    async fn get(&self, path: &str, headers: &HeaderMap) -> Result<Response, PortError> {
        let condition = headers
            .get(header::IF_NONE_MATCH)
            .and_then(|value| value.to_str().ok());
        let request = request(path, condition).map_err(|error| failed(&error))?;
        let found = self
            .0
            .fetch_request(request)
            .await
            .map_err(|error| failed(&error))?;
        Ok(found.map(Body::new))
    }
}

fn request(path: &str, if_none_match: Option<&str>) -> Result<Request, worker::Error> {
    let headers = Headers::new();
    if let Some(tags) = if_none_match {
        headers.set("if-none-match", tags)?;
    }
    let mut init = RequestInit::new();
    init.with_headers(headers);
    // The host is never resolved: the binding looks at the path alone.
    Request::new_with_init(&format!("https://assets.invalid{path}"), &init)
}

fn failed(error: &worker::Error) -> PortError {
    PortError::Failed(error.to_string())
}
