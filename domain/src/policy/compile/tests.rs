use serde_json::Value;

use super::{CompileContext, ModelSpec, OpenaiApi, compile};
use crate::metering::Dialect;
use crate::policy::{Policy, ToolProfile, canonical_hash, compile_at, exec_approvals, samples};

fn models() -> Vec<ModelSpec> {
    let spec = |provider, id: &str| ModelSpec {
        provider,
        id: id.to_owned(),
        context_tokens: 128_000,
        max_output_tokens: 4096,
        stand_in: true,
        openai_api: OpenaiApi::Completions,
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

#[test]
fn every_clause_that_openclaw_takes() {
    let policy = samples::full();
    let models = models();
    let context = CompileContext {
        models: &models,
        public_url: "https://company.example.com",
    };
    let now = "2026-12-01T00:00:00Z".parse().unwrap();
    let config = compile_at(&policy, context, now, "2026.9.6").unwrap();
    insta::assert_json_snapshot!(config);
    insta::assert_json_snapshot!(
        "the_floor_under_exec_modes",
        exec_approvals(&policy, Some(now))
    );
}

#[test]
fn without_a_moment_and_after_its_end_an_exception_does_not_hold() {
    let policy = samples::full();
    let models = models();
    let context = CompileContext {
        models: &models,
        public_url: "https://company.example.com",
    };
    let at = |now: &str| compile_at(&policy, context, now.parse().unwrap(), "2026.9.6").unwrap();
    let (during, after) = (at("2027-01-30T23:59:59Z"), at("2027-01-31T00:00:00Z"));
    assert_eq!(
        during["agents"]["entries"]["ops"]["tools"]["exec"]["mode"],
        "full"
    );
    assert_eq!(after["agents"]["entries"]["ops"], serde_json::json!({}));
    assert_eq!(after, compile(&policy, context));
}

#[test]
fn a_version_that_is_not_known_is_refused_with_what_is_unchecked() {
    let models = models();
    let context = CompileContext {
        models: &models,
        public_url: "https://company.example.com",
    };
    let now = "2026-12-01T00:00:00Z".parse().unwrap();
    let at = |version: &str| compile_at(&policy(), context, now, version);
    for known in ["2026.9.5", "2026.9.6", "2026.9.12"] {
        // What a newer version has written, OpenClaw does not bring up to date.
        assert_eq!(at(known).unwrap()["meta"]["lastTouchedVersion"], known);
    }
    for unknown in [
        "2026.9.4",
        "2026.10.0",
        "2027.1.0",
        "2026.9.6-beta.1",
        "",
        "x",
        "2026.9",
    ] {
        let skew = at(unknown).expect_err(unknown);
        assert!(skew.unchecked.contains(&"tools.exec".to_owned()), "{skew}");
    }
    assert!(
        at("2027.1.0")
            .expect_err("refused")
            .to_string()
            .starts_with("OpenClaw 2027.1.0 is not known here")
    );
}
