//! Which models a clause means.

use serde::{Deserialize, Serialize};

use super::text_value;

/// A model as `provider/id`, or every model of a provider as `provider/*`.
///
/// Model ids are compared exactly as the provider spells them, the provider in
/// lower case. `*` stands for the whole id and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelPattern(String);

impl ModelPattern {
    fn check(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str =
            "a model such as openai/gpt-5.4-mini, or anthropic/* for all of one provider";
        let (provider, id) = text.split_once('/').ok_or(WRONG)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.:/@".contains(&b);
        let shaped = !provider.is_empty()
            && provider.bytes().all(|b| plain(b) && b != b'/')
            && !id.is_empty()
            && (id == "*" || id.bytes().all(plain))
            && text.len() <= 160;
        shaped
            .then(|| Self(format!("{}/{id}", provider.to_ascii_lowercase())))
            .ok_or(WRONG)
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it means the model `id` of `provider`.
    #[must_use]
    pub fn matches(&self, provider: &str, id: &str) -> bool {
        self.0
            .split_once('/')
            .is_some_and(|(named, pattern)| named == provider && (pattern == "*" || pattern == id))
    }
}

text_value!(ModelPattern);

#[cfg(test)]
mod tests {
    use super::ModelPattern;

    #[test]
    fn one_model_or_all_of_a_provider() {
        let one: ModelPattern = "OpenAI/gpt-5.4-mini".parse().unwrap();
        assert!(one.matches("openai", "gpt-5.4-mini") && !one.matches("openai", "gpt-5.4"));
        let all: ModelPattern = "anthropic/*".parse().unwrap();
        assert!(all.matches("anthropic", "claude-haiku-4-5") && !all.matches("openai", "x"));
        for bad in ["", "gpt", "/x", "x/", "*/x", "x/a*", "x/a b", "x/*/y*"] {
            assert!(bad.parse::<ModelPattern>().is_err(), "{bad:?}");
        }
    }
}
