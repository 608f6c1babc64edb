use serde_json::Value;

use super::{CompileContext, ModelSpec, compile};
use crate::metering::Dialect;
use crate::policy::{Policy, ToolProfile, canonical_hash};

fn models() -> Vec<ModelSpec> {
    let spec = |provider, id: &str| ModelSpec {
        provider,
        id: id.to_owned(),
        context_tokens: 128_000,
        max_output_tokens: 4096,
        stand_in: true,
    };
    vec![
        spec(Dialect::Openai, "gpt-5.4-mini"),
        spec(Dialect::Anthropic, "claude-haiku-4-5"),
    ]
}

fn compiled(policy: &Policy) -> Value {
    let context = CompileContext {
        models: &models(),
        public_url: "https://company.example.com/",
    };
    compile(policy, context)
}

fn policy() -> Policy {
    let mut policy = Policy::bootstrap(&["ada@example.com".parse().unwrap()]);
    policy.access.users = vec!["bob@example.com".parse().unwrap()];
    policy
}

#[test]
fn the_configuration_of_a_new_gateway() {
    insta::assert_json_snapshot!(compiled(&policy()));
}

#[test]
fn the_configuration_of_one_that_may_not_run_commands() {
    let mut policy = policy();
    policy.tools.deny = vec!["exec".parse().unwrap()];
    let config = compiled(&policy);
    insta::assert_json_snapshot!(
        serde_json::json!({ "tools": config["tools"], "cron": config["cron"] })
    );
}

#[test]
fn no_secret_is_in_it_only_the_name_of_a_variable() {
    let text = compiled(&policy()).to_string();
    assert!(text.contains("\"id\":\"TEDIX_MODEL_KEY\"") && !text.contains("\"token\""));
}

#[test]
fn a_change_of_tools_or_people_is_another_configuration() {
    let before = canonical_hash(&compiled(&policy()));
    assert_eq!(before, canonical_hash(&compiled(&policy())));
    let mut tools = policy();
    tools.tools.profile = ToolProfile::Minimal;
    let mut people = policy();
    people.access.users.clear();
    for other in [tools, people] {
        assert_ne!(before, canonical_hash(&compiled(&other)));
    }
}

#[test]
fn keys_are_sorted_so_that_the_hash_is_that_of_canonical_json() {
    let text = compiled(&policy()).to_string();
    assert!(
        text.starts_with("{\"acp\":"),
        "serde_json keeps insertion order here"
    );
}
