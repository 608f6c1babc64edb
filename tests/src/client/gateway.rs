//! A gateway: its governance API, and OpenClaw behind its front door.

use anyhow::{Context, ensure};
use domain::policy::Policy;
use domain::wire::gateway::{
    API_PREFIX, ApplyState, AuditEntry, GatewayStatus, HEALTH_PATH, Health, Page, PolicyEnvelope,
};
use serde_json::{Value, json};

use super::{Answer, Api, Call, Credential};
use crate::wait;

/// One gateway as one caller sees it.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Its front door.
    pub door: Api,
}

impl Gateway {
    /// The same gateway for somebody.
    #[must_use]
    pub fn with(&self, credential: Credential) -> Self {
        Self {
            door: self.door.with(credential),
        }
    }

    /// The same gateway for nobody.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self {
            door: self.door.anonymous(),
        }
    }

    /// `GET` of the governance API.
    #[must_use]
    pub fn get(&self, path: &str) -> Call {
        self.door.get(&format!("{API_PREFIX}/{path}"))
    }

    /// `POST` to the governance API.
    #[must_use]
    pub fn post(&self, path: &str) -> Call {
        self.door.post(&format!("{API_PREFIX}/{path}"))
    }

    /// `PUT` to the governance API.
    #[must_use]
    pub fn put(&self, path: &str) -> Call {
        self.door.put(&format!("{API_PREFIX}/{path}"))
    }

    /// The public probe.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn health(&self) -> anyhow::Result<Health> {
        self.door.get(HEALTH_PATH).send().await?.json(200)
    }

    /// `GET status`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn status(&self) -> anyhow::Result<GatewayStatus> {
        self.get("status").send().await?.json(200)
    }

    /// `GET policy`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn policy(&self) -> anyhow::Result<PolicyEnvelope> {
        self.get("policy").send().await?.json(200)
    }

    /// `PUT policy` over a version.
    ///
    /// # Errors
    /// When it cannot be sent; a refusal is an answer.
    pub async fn put_policy(&self, base: u64, document: Value) -> anyhow::Result<Answer> {
        let body = json!({ "document": document });
        self.put("policy")
            .header("if-match", &format!("\"v{base}\""))
            .json(&body)
            .send()
            .await
    }

    /// Edits the newest policy, saves it and waits until OpenClaw itself reports
    /// it as applied.
    ///
    /// # Errors
    /// When it is refused, or OpenClaw refuses it.
    pub async fn edit_policy(
        &self,
        edit: impl FnOnce(&mut Policy),
    ) -> anyhow::Result<PolicyEnvelope> {
        let mut envelope = self.policy().await?;
        let before = envelope.document.clone();
        edit(&mut envelope.document);
        if envelope.document != before {
            let document = serde_json::to_value(&envelope.document)?;
            envelope = self
                .put_policy(envelope.version, document)
                .await?
                .json(200)?;
        }
        self.applied(envelope.version).await?;
        Ok(envelope)
    }

    /// Waits until OpenClaw itself reports a policy version, or a later one, as applied.
    ///
    /// # Errors
    /// When OpenClaw refuses it or it takes for ever.
    pub async fn applied(&self, version: u64) -> anyhow::Result<()> {
        wait::until("OpenClaw to confirm the policy", wait::APPLY, async || {
            let policy = self.status().await?.policy;
            ensure!(
                policy.state != ApplyState::Failed,
                "the policy was refused: {:?}",
                policy.detail
            );
            let confirmed = policy
                .effective_version
                .is_some_and(|effective| effective >= version);
            Ok((policy.state == ApplyState::Applied && confirmed).then_some(()))
        })
        .await
    }

    /// Waits until OpenClaw takes requests.
    ///
    /// # Errors
    /// When it takes for ever.
    pub async fn ready(&self) -> anyhow::Result<()> {
        wait::until("OpenClaw to take requests", wait::START, async || {
            Ok(self.health().await?.ready.then_some(()))
        })
        .await
    }

    /// The audit, newest first, as far as the first page goes.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn audit(&self) -> anyhow::Result<Vec<AuditEntry>> {
        let page: Page<AuditEntry> = self.get("audit").send().await?.json(200)?;
        Ok(page.items)
    }

    /// Audit entries after a position.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn audit_after(&self, seq: u64) -> anyhow::Result<Vec<AuditEntry>> {
        let entries = self.audit().await?;
        ensure!(
            entries.last().is_none_or(|oldest| oldest.seq <= seq + 1) || entries.len() < 2,
            "the first page of the audit does not reach back to {seq}"
        );
        Ok(entries
            .into_iter()
            .filter(|entry| entry.seq > seq)
            .collect())
    }

    /// The request of one chat turn through the front door.
    #[must_use]
    pub fn chat(&self, message: &str) -> Call {
        self.door.post("/v1/chat/completions").json(&json!({
            "model": "openclaw",
            "messages": [{ "role": "user", "content": message }],
        }))
    }

    /// One chat turn: what OpenClaw answers in the end.
    ///
    /// # Errors
    /// When there is no answer with a text.
    pub async fn turn(&self, message: &str) -> anyhow::Result<String> {
        let call = self.chat(message).header("origin", self.door.origin());
        let answer: Value = call.send().await?.json(200)?;
        let text = answer
            .pointer("/choices/0/message/content")
            .and_then(Value::as_str);
        text.map(str::to_owned)
            .with_context(|| format!("a turn without a text: {answer}"))
    }
}
