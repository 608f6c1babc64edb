//! HTTP to one origin, exactly as told: no redirects followed, no cookies kept.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, redirect};
use serde::Serialize;

use super::Answer;

/// Longer than any answer but a long chat turn takes.
const TIMEOUT: Duration = Duration::from_secs(180);

/// How a request says who it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// `Authorization: Bearer`.
    Bearer(String),
    /// `Cf-Access-Jwt-Assertion`.
    AccessHeader(String),
    /// Cookie `CF_Authorization`, as a browser sends it.
    AccessCookie(String),
}

/// One origin, and who asks.
#[derive(Debug, Clone)]
pub struct Api {
    client: reqwest::Client,
    origin: String,
    credential: Option<Credential>,
}

/// A request being put together.
#[derive(Debug)]
pub struct Call {
    client: reqwest::Client,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    fault: Option<anyhow::Error>,
}

impl Api {
    /// Nobody, at `origin`.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(origin: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            // Everything listens on IPv4's loopback; port 0 stands for the URL's own.
            .resolve("localhost", SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .build()?;
        Ok(Self {
            client,
            origin: origin.trim_end_matches('/').to_owned(),
            credential: None,
        })
    }

    /// The same door for somebody.
    #[must_use]
    pub fn with(&self, credential: Credential) -> Self {
        Self {
            credential: Some(credential),
            ..self.clone()
        }
    }

    /// The same door for nobody.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self {
            credential: None,
            ..self.clone()
        }
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Who asks.
    #[must_use]
    pub fn credential(&self) -> Option<&Credential> {
        self.credential.as_ref()
    }

    /// A request for a path, with the credential.
    #[must_use]
    pub fn call(&self, method: Method, path: &str) -> Call {
        let call = Call {
            client: self.client.clone(),
            method,
            url: format!("{}{path}", self.origin),
            headers: HeaderMap::new(),
            body: None,
            fault: None,
        };
        match &self.credential {
            None => call,
            Some(Credential::Bearer(token)) => {
                call.header("authorization", &format!("Bearer {token}"))
            }
            Some(Credential::AccessHeader(token)) => call.header("cf-access-jwt-assertion", token),
            Some(Credential::AccessCookie(token)) => {
                call.header("cookie", &format!("CF_Authorization={token}"))
            }
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// A POST.
    #[must_use]
    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// A PUT.
    #[must_use]
    pub fn put(&self, path: &str) -> Call {
        self.call(Method::PUT, path)
    }
}

impl Call {
    /// Adds a header; a second one of the same name stands beside the first.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            (Ok(name), Ok(value)) => {
                self.headers.append(name, value);
            }
            _ => self.fault = Some(anyhow::anyhow!("{name}: {value:?} is no header")),
        }
        self
    }

    /// Sends JSON.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(self, body: &T) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body("application/json", bytes),
            Err(error) => Self {
                fault: Some(error.into()),
                ..self
            },
        }
    }

    /// Sends bytes of a media type.
    #[must_use]
    pub fn body(mut self, media_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(bytes.into());
        self.header("content-type", media_type)
    }

    /// Sends bytes without saying what they are.
    #[must_use]
    pub fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(bytes.into());
        self
    }

    /// Sends it and reads the answer to its end.
    ///
    /// # Errors
    /// When it cannot be sent or the answer breaks off.
    pub async fn send(self) -> anyhow::Result<Answer> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let asked = format!("{} {}", self.method, self.url);
        let mut request = self
            .client
            .request(self.method, &self.url)
            .headers(self.headers);
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let response = request.send().await.with_context(|| asked.clone())?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response
            .bytes()
            .await
            .with_context(|| asked.clone())?
            .to_vec();
        Ok(Answer {
            asked,
            status,
            headers,
            body,
        })
    }
}
