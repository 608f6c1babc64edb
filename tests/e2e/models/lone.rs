//! The stage of these scenarios.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use domain::wire::gateway::Page;
use domain::wire::usage::{AccountReport, BudgetsReport, CallRow};
use e2e::client::{Answer, Api, Credential, Gateway};
use e2e::environment::Environment;
use e2e::model_upstream::{MODELS, ModelUpstream};
use e2e::wait;
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::lone_gateway::{Inside, LoneConfig, LoneGateway};

/// Where chat completions are asked for at the container's door.
pub(super) const CHAT: &str = "/gateway/openai/v1/chat/completions";
/// Long enough for anything that a Worker does by itself.
pub(super) const SOON: Duration = Duration::from_secs(60);

/// A gateway Worker, its model server, and clients for both of its doors.
pub(super) struct Lone {
    pub(super) worker: LoneGateway,
    pub(super) upstream: ModelUpstream,
    /// The governance API, for the operator.
    pub(super) gateway: Gateway,
    door: Api,
    _folder: TempDir,
}

impl Lone {
    pub(super) async fn start(environment: &Environment) -> anyhow::Result<Self> {
        Self::start_with(environment, Inside::Key, None).await
    }

    /// With something in its container, and a Chromium for its browser binding.
    pub(super) async fn start_with(
        environment: &Environment,
        inside: Inside,
        browser: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("tedix-e2e-lone-")
            .tempdir()?;
        let upstream = ModelUpstream::start().await?;
        let models: Vec<Value> = MODELS
            .iter()
            .map(|id| {
                json!({
                    "provider": "openai", "id": id,
                    "context_tokens": 128_000, "max_output_tokens": 8_192,
                })
            })
            .collect();
        let worker = LoneGateway::start(&LoneConfig {
            checkout: environment.checkout.clone(),
            node: environment.node.clone(),
            build: environment.checkout.join("build/gateway-worker"),
            helper: Some(environment.xtask.clone()),
            folder: folder.path().join("state"),
            logs: environment.logs.clone(),
            upstream: upstream.url.clone(),
            upstream_key: "sk-of-the-provider".to_owned(),
            vars: BTreeMap::from([("MODELS".to_owned(), Value::from(models).to_string())]),
            browser,
            inside,
        })
        .await?;
        let token = worker.operator_token()?;
        let front = Api::new(&worker.url)?.with(Credential::AccessHeader(token));
        let door = Api::new(&format!("http://localhost:{}", worker.door))?
            .with(Credential::Bearer(worker.key.clone()));
        Ok(Self {
            worker,
            upstream,
            gateway: Gateway { door: front },
            door,
            _folder: folder,
        })
    }

    /// Kills the Worker and starts it again.
    pub(super) async fn kill_and_restart(&mut self) -> anyhow::Result<()> {
        self.restart_after(|_| Ok(())).await
    }

    /// The same, with something done to what it keeps while it is down.
    pub(super) async fn restart_after(
        &mut self,
        between: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.worker.restart_after(between).await?;
        let key = Credential::Bearer(self.worker.key.clone());
        self.door = self.door.with(key);
        Ok(())
    }

    /// Saves the policy with other budgets.
    pub(super) async fn set_budgets(&self, budgets: Value) -> anyhow::Result<()> {
        self.worker.set_budgets(budgets).await
    }

    /// One model call through the container's door.
    pub(super) async fn call(&self, body: &Value) -> anyhow::Result<Answer> {
        self.door.post(CHAT).json(body).send().await
    }

    /// A call to a model, streaming.
    pub(super) async fn stream(&self, model: &str) -> anyhow::Result<Answer> {
        self.call(&streaming(model)).await
    }

    pub(super) async fn budgets(&self) -> anyhow::Result<BudgetsReport> {
        self.gateway.get("budgets").send().await?.json(200)
    }

    /// Today's account of an agent, or (`None`) of the gateway.
    pub(super) async fn account(&self, agent: Option<&str>) -> anyhow::Result<AccountReport> {
        let accounts = self.budgets().await?.accounts;
        let of = |account: &AccountReport| account.agent.as_deref() == agent;
        accounts
            .into_iter()
            .find(of)
            .with_context(|| format!("no account of {agent:?}"))
    }

    /// Waits until nothing is held and no call is under way.
    pub(super) async fn settled(&self, within: Duration) -> anyhow::Result<()> {
        wait::until("all calls to be settled", within, async || {
            let free = self.budgets().await?.accounts.iter().all(|account| {
                account.tokens.reserved == 0
                    && account.cost_micro_usd.reserved == 0
                    && account.calls_under_way == 0
            });
            Ok(free.then_some(()))
        })
        .await
    }

    /// Single calls, newest first.
    pub(super) async fn calls(&self) -> anyhow::Result<Vec<CallRow>> {
        let page: Page<CallRow> = self.gateway.get("usage/calls").send().await?.json(200)?;
        Ok(page.items)
    }

    pub(super) async fn stop(self) {
        self.worker.stop().await;
    }
}

/// A call to a model, streaming.
pub(super) fn streaming(model: &str) -> Value {
    json!({
        "model": model, "stream": true,
        "messages": [{ "role": "user", "content": "hello, whoever you are" }],
    })
}
