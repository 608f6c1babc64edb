//! Which model the gateways call: a real one when the environment has a key,
//! else the stand-in.

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::{Map, Value, json};

use crate::standins::model::{MESSAGES_MODEL_ID, MODEL_ID, PRICED_MODEL_ID, RESPONSES_MODEL_ID};

/// Models used when the environment names a key and no model.
const ANTHROPIC_MODEL: &str = "claude-sonnet-4-5";
const OPENAI_MODEL: &str = "gpt-5-mini";
/// Context window and answer length when the environment says nothing, in tokens:
/// what every current model of both providers has.
const CONTEXT_TOKENS: u64 = 128_000;
const OUTPUT_TOKENS: u64 = 8_192;

/// What the gateways are told about models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelChoice {
    /// Worker variables.
    pub(crate) vars: BTreeMap<String, String>,
    /// Worker secrets. They are never written to disk.
    pub(crate) secrets: BTreeMap<String, String>,
    /// What to tell the developer.
    pub(crate) description: String,
    /// Whether the stand-in answers.
    pub(crate) stand_in: bool,
}

impl ModelChoice {
    /// Chooses by the environment, looked up with `variable`; the stand-in is
    /// at `stand_in_url` and takes `stand_in_key`.
    ///
    /// # Errors
    /// When a variable makes no sense.
    pub(crate) fn read(
        variable: impl Fn(&str) -> Option<String>,
        stand_in_url: &str,
        stand_in_key: &str,
    ) -> anyhow::Result<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let number = |name: &str, default: u64| {
            let parse = |text: String| {
                text.trim()
                    .parse()
                    .with_context(|| format!("{name} is no number"))
            };
            set(name).map_or(Ok(default), parse)
        };
        let context = number("MODEL_CONTEXT_TOKENS", CONTEXT_TOKENS)?;
        let output = number("MODEL_OUTPUT_TOKENS", OUTPUT_TOKENS)?;
        let mut models: Vec<Value> = Vec::new();
        let mut prices = Map::new();
        let mut choice = Self {
            vars: BTreeMap::new(),
            secrets: BTreeMap::new(),
            description: String::new(),
            stand_in: false,
        };
        let mut described = Vec::new();
        let providers = [
            ("anthropic", "ANTHROPIC", ANTHROPIC_MODEL),
            ("openai", "OPENAI", OPENAI_MODEL),
        ];
        for (provider, prefix, default_model) in providers {
            let Some(key) = set(&format!("{prefix}_API_KEY")) else {
                continue;
            };
            let id = set(&format!("{prefix}_MODEL"));
            let base = set(&format!("{prefix}_BASE_URL"));
            if let (Some(base), None) = (&base, &id) {
                anyhow::bail!(
                    "{prefix}_BASE_URL is {base}: say which of its models with {prefix}_MODEL"
                );
            }
            let id = id.unwrap_or_else(|| default_model.to_owned());
            let mut model = model(provider, &id, context, output, false);
            if let (Some(api), "openai") = (set("OPENAI_API"), provider) {
                let known = ["completions", "responses"].contains(&api.as_str());
                anyhow::ensure!(known, "OPENAI_API is {api}: say completions or responses");
                model = called_by(model, &api);
            }
            models.push(model);
            choice.secrets.insert(format!("{prefix}_API_KEY"), key);
            let at = base
                .as_ref()
                .map(|base| format!(" at {base}"))
                .unwrap_or_default();
            described.push(format!(
                "{id} ({provider}{at}, with the {prefix}_API_KEY of this shell)"
            ));
            choice
                .vars
                .extend(base.map(|base| (format!("{prefix}_BASE_URL"), base)));
        }
        if models.is_empty() {
            let offered = [
                ("openai", MODEL_ID),
                ("openai", PRICED_MODEL_ID),
                ("openai", RESPONSES_MODEL_ID),
                ("anthropic", MESSAGES_MODEL_ID),
            ];
            for (provider, id) in offered {
                let mut model = model(provider, id, CONTEXT_TOKENS, OUTPUT_TOKENS, true);
                if id == RESPONSES_MODEL_ID {
                    model = called_by(model, "responses");
                }
                models.push(model);
                if id != MODEL_ID {
                    let price = json!({
                        "input": 1_000_000, "cached_input": 100_000, "cache_write": 1_250_000,
                        "output": 4_000_000,
                    });
                    prices.insert(format!("{provider}/{id}"), price);
                }
            }
            for provider in ["OPENAI", "ANTHROPIC"] {
                let key = stand_in_key.to_owned();
                choice.secrets.insert(format!("{provider}_API_KEY"), key);
            }
            for (name, url) in [
                ("OPENAI_BASE_URL", format!("{stand_in_url}/v1")),
                ("ANTHROPIC_BASE_URL", stand_in_url.to_owned()),
            ] {
                choice.vars.insert(name.to_owned(), url);
            }
            choice.stand_in = true;
            described.push(
                "a stand-in that answers by rule, because neither ANTHROPIC_API_KEY nor \
                 OPENAI_API_KEY is set"
                    .to_owned(),
            );
        }
        if let Some(own) = set("MODEL_PRICES") {
            let own: Map<String, Value> =
                serde_json::from_str(&own).context("MODEL_PRICES is no JSON object")?;
            prices.extend(own);
        }
        if !prices.is_empty() {
            let prices = Value::Object(prices).to_string();
            choice.vars.insert("MODEL_PRICES".to_owned(), prices);
        }
        choice
            .vars
            .insert("MODELS".to_owned(), Value::from(models).to_string());
        choice.description = described.join(", then ");
        Ok(choice)
    }
}

fn model(provider: &str, id: &str, context: u64, output: u64, stand_in: bool) -> Value {
    json!({
        "provider": provider,
        "id": id,
        "context_tokens": context,
        "max_output_tokens": output,
        "stand_in": stand_in,
    })
}

/// A model of OpenAI's that is called by one of its operations.
fn called_by(mut model: Value, api: &str) -> Value {
    if let Some(fields) = model.as_object_mut() {
        fields.insert("openai_api".to_owned(), json!(api));
    }
    model
}

#[cfg(test)]
mod tests {
    use domain::policy::{ModelSpec, OpenaiApi};

    use super::*;

    fn read(environment: &[(&str, &str)]) -> anyhow::Result<ModelChoice> {
        let find = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        ModelChoice::read(find, "http://localhost:8798", "stand-in-key")
    }

    #[test]
    fn without_a_key_the_stand_in_answers() {
        let choice = read(&[("OPENAI_API_KEY", " ")]).expect("a choice");
        assert!(choice.stand_in);
        assert_eq!(choice.secrets["OPENAI_API_KEY"], "stand-in-key");
        assert_eq!(choice.vars["OPENAI_BASE_URL"], "http://localhost:8798/v1");
        assert_eq!(choice.vars["ANTHROPIC_BASE_URL"], "http://localhost:8798");
        let models: Vec<ModelSpec> =
            serde_json::from_str(&choice.vars["MODELS"]).expect("as the Worker reads them");
        assert!(models.iter().all(|model| model.stand_in), "{models:?}");
        assert_eq!(models[0].reference(), "openai/stand-in");
        let by_responses: Vec<&str> = models
            .iter()
            .filter(|model| model.openai_api == OpenaiApi::Responses)
            .map(|model| model.id.as_str())
            .collect();
        assert_eq!(by_responses, [RESPONSES_MODEL_ID]);
    }

    #[test]
    fn a_key_brings_its_provider_and_shows_up_nowhere_else() {
        let choice = read(&[("ANTHROPIC_API_KEY", "sk-real")]).expect("a choice");
        assert!(!choice.stand_in);
        assert_eq!(choice.secrets["ANTHROPIC_API_KEY"], "sk-real");
        assert!(!choice.secrets.contains_key("OPENAI_API_KEY"));
        assert!(!format!("{:?}{}", choice.vars, choice.description).contains("sk-real"));
    }

    #[test]
    fn prices_of_the_shell_reach_the_gateways() {
        let own = r#"{"openai/gpt-x": {"input": 7, "output": 9}}"#;
        for key in ["", "k"] {
            let choice = read(&[("OPENAI_API_KEY", key), ("MODEL_PRICES", own)]);
            let prices = choice.expect("a choice").vars["MODEL_PRICES"].clone();
            assert!(
                prices.contains(r#""openai/gpt-x":{"input":7,"output":9}"#),
                "{prices}"
            );
            assert_eq!(prices.contains("stand-in-priced"), key.is_empty());
        }
        let wrong = read(&[("MODEL_PRICES", "cheap")]).expect_err("no object");
        assert!(wrong.to_string().contains("MODEL_PRICES"), "{wrong}");
    }

    #[test]
    fn openai_s_operation_can_be_chosen() {
        let with = |api| read(&[("OPENAI_API_KEY", "k"), ("OPENAI_API", api)]);
        let models = with("responses").expect("a choice").vars["MODELS"].clone();
        assert!(models.contains(r#""openai_api":"responses""#), "{models}");
        let wrong = with("assistants").expect_err("no such operation");
        assert!(wrong.to_string().contains("OPENAI_API"), "{wrong}");
    }

    #[test]
    fn another_base_url_needs_a_model() {
        let other = [
            ("OPENAI_API_KEY", "k"),
            ("OPENAI_BASE_URL", "http://localhost:11434/v1"),
        ];
        assert!(
            read(&other)
                .expect_err("no model")
                .to_string()
                .contains("OPENAI_MODEL")
        );
        let named = [other[0], other[1], ("OPENAI_MODEL", "llama")];
        let choice = read(&named).expect("a choice");
        assert_eq!(choice.vars["OPENAI_BASE_URL"], "http://localhost:11434/v1");
        assert!(choice.vars["MODELS"].contains("llama"));
    }
}
