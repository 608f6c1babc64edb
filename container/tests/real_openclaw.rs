//! The compiled configuration and tedix-init against the real OpenClaw.
//!
//! Run with `--ignored`: `TEDIX_TEST_OPENCLAW` names OpenClaw's entry script and
//! `TEDIX_TEST_NODE` a Node that can run it; it takes a minute and port 18789.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a lab that cannot be set up fails the test"
)]
#![expect(dead_code, reason = "the lab serves the tests with the script too")]

mod lab;

use std::process::Command;

use domain::metering::Dialect;
use domain::policy::{
    CompileContext, ModelSpec, OpenaiApi, Policy, ToolProfile, canonical_hash, compile,
};
use domain::wire::init::{ConfigBundle, OPENCLAW_PORT, Report, Watch};
use lab::Lab;
use rustix::process::Signal;

fn policy(profile: ToolProfile, allow: &[&str], deny: &[&str]) -> Policy {
    let mut policy = Policy::bootstrap(&["ada@example.com".parse().unwrap()]);
    policy.access.users = vec!["bob@example.com".parse().unwrap()];
    policy.tools.profile = profile;
    policy.tools.allow = allow.iter().map(|tool| tool.parse().unwrap()).collect();
    policy.tools.deny = deny.iter().map(|tool| tool.parse().unwrap()).collect();
    policy
}

fn bundle(policy_version: u64, policy: &Policy) -> ConfigBundle {
    let model = |provider, id: &str| ModelSpec {
        provider,
        id: id.to_owned(),
        context_tokens: 128_000,
        max_output_tokens: 4096,
        stand_in: true,
        openai_api: OpenaiApi::Completions,
    };
    let models = [
        model(Dialect::Openai, "gpt-5.4-mini"),
        model(Dialect::Openai, "gpt-5.4"),
        model(Dialect::Anthropic, "claude-haiku-4-5"),
    ];
    let context = CompileContext {
        models: &models,
        public_url: "https://company.example.com",
    };
    let config = compile(policy, context);
    ConfigBundle {
        policy_version,
        config_hash: canonical_hash(&config),
        config,
        watch: Watch::default(),
    }
}

/// OpenClaw's script and Node.
fn openclaw() -> (String, String) {
    let variable = |name| std::env::var(name).expect("the variables above are set");
    (variable("TEDIX_TEST_OPENCLAW"), variable("TEDIX_TEST_NODE"))
}

#[test]
#[ignore = "needs OpenClaw; see above"]
fn every_kind_of_policy_compiles_to_what_openclaw_finds_valid() {
    let (script, node) = openclaw();
    let lab = Lab::empty(OPENCLAW_PORT);
    let mut policies: Vec<Policy> = ToolProfile::ALL
        .iter()
        .map(|profile| policy(*profile, &[], &[]))
        .collect();
    policies.push(policy(
        ToolProfile::Messaging,
        &["exec", "web_*", "group:fs"],
        &["group:media"],
    ));
    policies.push(policy(ToolProfile::Full, &[], &["*"]));
    for policy in policies {
        let file = lab.directory.join("openclaw.json");
        std::fs::write(&file, bundle(1, &policy).config.to_string()).unwrap();
        let output = Command::new(&node)
            .args([&script, "config", "validate", "--json"])
            .env("HOME", &lab.directory)
            .env("OPENCLAW_STATE_DIR", lab.directory.join("state"))
            .env("OPENCLAW_CONFIG_PATH", &file)
            .output()
            .unwrap();
        let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(verdict["valid"], true, "{verdict:#}");
        assert_eq!(verdict["warnings"], serde_json::json!([]), "{verdict:#}");
    }
}

#[test]
#[ignore = "needs OpenClaw; see above"]
fn a_change_of_policy_is_in_force_when_openclaw_says_so() {
    let (script, node) = openclaw();
    let mut lab = Lab::empty(OPENCLAW_PORT);
    lab.set("TEDIX_OPENCLAW", &script);
    lab.set("TEDIX_NODE", &node);
    lab.governance
        .want(bundle(1, &policy(ToolProfile::Coding, &[], &[])));
    lab.start();
    let (seen, _) = lab.applied(0, 1);
    lab.governance
        .want(bundle(2, &policy(ToolProfile::Coding, &[], &["exec"])));
    lab.signal(Signal::HUP);
    let (_, observed) = lab.applied(seen, 2);
    let Report::Observed {
        config,
        openclaw_version,
        ..
    } = observed
    else {
        panic!()
    };
    assert_eq!(openclaw_version, domain::wire::openclaw::OPENCLAW_VERSION);
    assert_eq!(config["tools"]["exec"]["mode"], "deny");
    assert_eq!(config["gateway"]["auth"]["mode"], "trusted-proxy");
    assert!(
        config["tools"]["deny"]
            .as_array()
            .unwrap()
            .contains(&"exec".into())
    );
    assert_eq!(lab.stop(), Some(0));
}
