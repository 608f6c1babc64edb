//! Models: only those that the gateway meters, only through `models.internal`,
//! with a key that is worth nothing elsewhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::metering::Dialect;
use crate::policy::document::Budgets;
use crate::wire::init::{MODEL_KEY_ENV, MODELS_HOST};

/// A model that the gateway offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Protocol, and provider in OpenClaw's configuration.
    pub provider: Dialect,
    /// Model id as the provider spells it.
    pub id: String,
    /// Tokens that fit its context.
    pub context_tokens: u64,
    /// Most tokens of one answer.
    pub max_output_tokens: u64,
    /// Whether a local stand-in answers instead of a real provider.
    #[serde(default)]
    pub stand_in: bool,
    /// Which of OpenAI's operations OpenClaw calls it by; Anthropic has but one.
    #[serde(default, skip_serializing_if = "OpenaiApi::is_completions")]
    pub openai_api: OpenaiApi,
}

/// OpenAI's two operations for conversations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenaiApi {
    /// Chat Completions, which every compatible server has.
    #[default]
    Completions,
    /// Responses.
    Responses,
}

impl OpenaiApi {
    fn is_completions(&self) -> bool {
        *self == Self::Completions
    }
}

impl ModelSpec {
    /// How OpenClaw names it: `provider/id`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}/{}", self.provider.provider(), self.id)
    }
}

/// The models that a budget lets be called, of those offered.
pub(super) fn allowed<'a>(
    budgets: &Budgets,
    agent: Option<&str>,
    models: &'a [ModelSpec],
) -> Vec<&'a ModelSpec> {
    let may =
        |model: &&ModelSpec| budgets.allows_model(agent, model.provider.provider(), &model.id);
    models.iter().filter(may).collect()
}

/// The `models` section.
pub(super) fn catalog(budgets: &Budgets, models: &[ModelSpec]) -> Value {
    let mut providers: BTreeMap<&str, (Dialect, Vec<Value>)> = BTreeMap::new();
    for model in allowed(budgets, None, models) {
        let (_, list) = providers
            .entry(model.provider.provider())
            .or_insert_with(|| (model.provider, Vec::new()));
        let api = match (model.provider, model.openai_api) {
            (Dialect::Openai, OpenaiApi::Completions) => "openai-completions",
            (Dialect::Openai, OpenaiApi::Responses) => "openai-responses",
            (Dialect::Anthropic, _) => "anthropic-messages",
        };
        list.push(json!({
            "id": model.id,
            "name": model.id,
            "api": api,
            "input": ["text"],
            "contextWindow": model.context_tokens,
            "maxTokens": budgets.output_limit(None, Some(model.max_output_tokens)),
            // The gateway counts a task's calls by its session.
            "compat": { "sendSessionAffinityHeaders": true },
        }));
    }
    let providers: BTreeMap<&str, Value> = providers
        .into_iter()
        .map(|(name, (dialect, models))| (name, provider(dialect, &models)))
        .collect();
    json!({
        "mode": "replace",
        "catalogRefresh": { "enabled": false },
        "providers": providers,
    })
}

fn provider(dialect: Dialect, models: &[Value]) -> Value {
    let name = dialect.provider();
    // OpenClaw appends `/chat/completions` to the one and `/v1/messages` to the other.
    let (api, base) = match dialect {
        Dialect::Openai => (
            "openai-completions",
            format!("http://{MODELS_HOST}/{name}/v1"),
        ),
        Dialect::Anthropic => ("anthropic-messages", format!("http://{MODELS_HOST}/{name}")),
    };
    json!({
        "api": api,
        "baseUrl": base,
        "apiKey": { "source": "env", "provider": "default", "id": MODEL_KEY_ENV },
        // The name leads to a loopback or private address inside the container,
        // which OpenClaw refuses otherwise; nothing but the gateway answers there.
        "request": { "allowPrivateNetwork": true },
        "models": models,
    })
}
