//! Variables and secrets of the deployment.

use std::cell::OnceCell;
use std::rc::Rc;

use domain::metering::Dialect;
use domain::problem::Problem;
use worker::{Env, console_error};

use super::browser::BrowserService;
use super::r2::StateBucket;
use crate::forge::GitTokens;
use crate::internal::git::GitCredentials;
use crate::settings::Settings;

/// Name of the Durable Object binding.
pub const SANDBOX: &str = "SANDBOX";
/// Name of the service binding to this Worker itself, for the container's door.
pub const SELF: &str = "SELF";
/// Name of the one Sandbox of a deployment.
pub const SANDBOX_NAME: &str = "gateway";

thread_local! {
    /// INVARIANT: an isolate runs one version of the Worker, and with it one set of
    /// variables, so they are read once in its life and not with every request.
    static SETTINGS: OnceCell<Rc<Settings>> = const { OnceCell::new() };
}

/// The variables, read and checked.
///
/// # Errors
/// 500; the log says which variable is at fault.
pub fn settings(env: &Env) -> Result<Rc<Settings>, Problem> {
    if let Some(known) = SETTINGS.with(|known| known.get().cloned()) {
        return Ok(known);
    }
    let read = Settings::read(|name| env.var(name).ok().map(|value| value.to_string()));
    let settings = read.map(Rc::new).map_err(|error| {
        console_error!("misconfigured: {error}");
        Problem::internal("The gateway is misconfigured; its log says which variable is wrong.")
    })?;
    SETTINGS.with(|known| drop(known.set(Rc::clone(&settings))));
    Ok(settings)
}

/// Who we are to the APIs of Git hosts.
///
/// # Errors
/// When the secret cannot be read.
pub fn git_tokens(env: &Env) -> Result<GitTokens, &'static str> {
    let secret = env.secret("GIT_API_TOKENS");
    GitTokens::read(&secret.map(|secret| secret.to_string()).unwrap_or_default())
}

/// What the deployment binds for the container's requests, read when it is needed.
#[derive(Debug, Clone, Copy)]
pub struct Bindings<'e>(pub &'e Env);

impl Bindings<'_> {
    /// Model providers.
    #[must_use]
    pub fn upstreams(self) -> Upstreams {
        Upstreams::read(self.0)
    }

    /// Where snapshots lie; none when the deployment binds no bucket.
    #[must_use]
    pub fn bucket(self) -> Option<StateBucket> {
        StateBucket::new(self.0)
    }

    /// The browser service; none when the deployment binds none.
    #[must_use]
    pub fn browser(self) -> Option<BrowserService> {
        BrowserService::new(self.0)
    }

    /// Who we are to Git hosts.
    ///
    /// # Errors
    /// When the secret cannot be read.
    pub fn git(self) -> Result<GitCredentials, &'static str> {
        let secret = self.0.secret("GIT_CREDENTIALS");
        GitCredentials::read(&secret.map(|secret| secret.to_string()).unwrap_or_default())
    }
}

/// Where a provider is called, and with which key.
#[derive(Clone)]
pub struct Upstream {
    /// Origin, and a path where the provider has one, without a slash at the end.
    pub base_url: String,
    /// The real key; empty for a server that wants none.
    pub key: String,
    /// Token of a Cloudflare AI Gateway in front of it; empty for none.
    pub gateway_token: String,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// The providers of a deployment.
#[derive(Debug, Clone)]
pub struct Upstreams {
    openai: Option<Upstream>,
    anthropic: Option<Upstream>,
}

impl Upstreams {
    /// Reads where they are and their keys.
    #[must_use]
    pub fn read(env: &Env) -> Self {
        Self {
            openai: upstream(env, "OPENAI_BASE_URL", "OPENAI_API_KEY"),
            anthropic: upstream(env, "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"),
        }
    }

    /// The provider that speaks a dialect; none when the deployment names none.
    #[must_use]
    pub fn get(&self, dialect: Dialect) -> Option<&Upstream> {
        match dialect {
            Dialect::Openai => self.openai.as_ref(),
            Dialect::Anthropic => self.anthropic.as_ref(),
        }
    }
}

fn upstream(env: &Env, base: &str, key: &str) -> Option<Upstream> {
    let base_url = env.var(base).ok()?.to_string();
    let base_url = base_url.trim().trim_end_matches('/').to_owned();
    let key = env
        .secret(key)
        .map(|key| key.to_string())
        .unwrap_or_default();
    let gateway_token = env
        .secret("AI_GATEWAY_TOKEN")
        .map(|token| token.to_string());
    let gateway_token = gateway_token.unwrap_or_default();
    (!base_url.is_empty()).then_some(Upstream {
        base_url,
        key,
        gateway_token,
    })
}
