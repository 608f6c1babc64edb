//! The compiled configuration and tedix-init against the real OpenClaw.
//!
//! Run with `--ignored`: `TEDIX_TEST_OPENCLAW` names OpenClaw's entry script and
//! `TEDIX_TEST_NODE` a Node that can run it; it takes a minute and port 18789.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a lab that cannot be set up fails the test"
)]
#![expect(dead_code, reason = "the lab serves the tests with the script too")]

mod lab;

use std::process::Command;

use domain::drift::jobs::JobRules;
use domain::drift::{Part, Things};
use domain::metering::Dialect;
use domain::policy::{
    AgentTools, CompileContext, ModelSpec, OpenaiApi, PRESETS, Policy, ToolProfile, canonical_hash,
    compile, compile_at, exec_approvals, parse,
};
use domain::proposal::Kind;
use domain::wire::init::{ConfigBundle, OPENCLAW_PORT, Order, Report, Watch};
use domain::wire::openclaw::{
    ADMIN_RPC_PATH, ADMIN_SCOPE, CLIENT_HEADER, INIT_IDENTITY, OPENCLAW_VERSION, SCOPES_HEADER,
    UNKNOWN_CLIENT, USER_HEADER,
};
use lab::Lab;
use rustix::process::Signal;
use serde_json::{Value, json};

fn policy(profile: ToolProfile, allow: &[&str], deny: &[&str]) -> Policy {
    let mut policy = Policy::bootstrap(&["ada@example.com".parse().unwrap()]);
    policy.access.users = vec!["bob@example.com".parse().unwrap()];
    policy.tools.profile = profile;
    policy.tools.allow = allow.iter().map(|tool| tool.parse().unwrap()).collect();
    policy.tools.deny = deny.iter().map(|tool| tool.parse().unwrap()).collect();
    policy
}

/// The commented document in docs/policy.md.
fn documented_example() -> Policy {
    let text = include_str!("../../docs/policy.md");
    let (_, rest) = text.split_once("```jsonc\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    // A comment begins with two slashes behind a blank; addresses have a colon there.
    let line = |line: &str| {
        line.split_once(" // ")
            .map_or(line, |(json, _)| json)
            .to_owned()
            + "\n"
    };
    let plain: String = example.lines().map(line).collect();
    parse(&plain).expect("the example is a policy")
}

fn bundle(policy_version: u64, policy: &Policy) -> ConfigBundle {
    bundle_at(policy_version, policy, None)
}

/// The configuration as of a moment, or as if every exception had ended.
fn bundle_at(policy_version: u64, policy: &Policy, now: Option<&str>) -> ConfigBundle {
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
    let config = match now {
        Some(now) => compile_at(policy, context, now.parse().unwrap(), OPENCLAW_VERSION).unwrap(),
        None => compile(policy, context),
    };
    ConfigBundle {
        policy_version,
        config_hash: canonical_hash(&config),
        config,
        watch: Watch {
            exec_approvals: Some(exec_approvals(policy, now.map(|now| now.parse().unwrap()))),
            ..Watch::default()
        },
    }
}

/// Calls OpenClaw as a program in its container could; its whole answer.
fn call(method: &str, parameters: &Value) -> Value {
    let url = format!("http://127.0.0.1:{OPENCLAW_PORT}{ADMIN_RPC_PATH}");
    let config = ureq::config::Config::builder()
        .http_status_as_error(false)
        .build();
    let mut answer = ureq::Agent::from(config)
        .post(&url)
        .header(USER_HEADER, INIT_IDENTITY)
        .header(CLIENT_HEADER, UNKNOWN_CLIENT)
        .header(SCOPES_HEADER, ADMIN_SCOPE)
        .send_json(json!({ "method": method, "params": parameters }))
        .unwrap();
    serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
}

/// The same; what it answers when it takes the call.
fn payload(method: &str, parameters: &Value) -> Value {
    let answer = call(method, parameters);
    assert_eq!(answer["ok"], true, "{method}: {answer}");
    answer["payload"].clone()
}

fn jobs() -> Vec<String> {
    let found = payload("cron.list", &json!({ "includeDisabled": true }));
    let name = |job: &Value| {
        let off = if job["enabled"] == false { " off" } else { "" };
        format!("{}{off}", job["name"].as_str().unwrap())
    };
    // Two are OpenClaw's own and switched off: heartbeats, and the review of skills.
    let own = |job: &&Value| job["declarationKey"].is_null();
    let jobs = found["jobs"].as_array().unwrap().iter();
    jobs.filter(own).map(name).collect()
}

fn job(name: &str, minutes: u64) -> Value {
    json!({ "name": name, "schedule": { "kind": "every", "everyMs": minutes * 60_000 },
            "sessionTarget": "isolated", "wakeMode": "now",
            "payload": { "kind": "agentTurn", "message": "m" } })
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
    let mut configs: Vec<Value> = policies
        .iter()
        .map(|policy| bundle(1, policy).config)
        .collect();
    // Every clause set, with its exceptions and after their end; the presets; the example.
    let full = parse(include_str!("../../domain/src/policy/samples/full.json")).unwrap();
    let with_exceptions = Some("2026-11-22T10:00:00Z");
    for policy in [&full, &documented_example()] {
        configs.push(bundle_at(1, policy, with_exceptions).config);
        configs.push(bundle(1, policy).config);
    }
    for preset in PRESETS {
        let policy = preset.policy(&["ada@example.com".parse().unwrap()]);
        configs.push(bundle(1, &policy.unwrap()).config);
    }
    for config in configs {
        let file = lab.directory.join("openclaw.json");
        std::fs::write(&file, config.to_string()).unwrap();
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
    plant_a_looser_backup(&lab);
    lab.start();
    // As the file says, or it would not count as applied.
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
    what_nobody_approved_is_undone(&lab, seen);
    assert_eq!(lab.stop(), Some(0));
}

/// OpenClaw by itself puts a backup in the place of a file that is less than half as large.
fn plant_a_looser_backup(lab: &Lab) {
    let mut policy = policy(ToolProfile::Full, &[], &[]);
    for number in 0..200 {
        let own = AgentTools {
            profile: Some(ToolProfile::Minimal),
            ..AgentTools::default()
        };
        policy
            .tools
            .agents
            .insert(format!("agent-{number}").parse().unwrap(), own);
    }
    let backup = bundle(0, &policy).config.to_string();
    let own = bundle(1, &self::policy(ToolProfile::Coding, &[], &[]))
        .config
        .to_string();
    assert!(backup.len() > 2 * own.len());
    let folder = lab.config_file().parent().unwrap().to_owned();
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["openclaw.json.bak", "openclaw.json.last-good"] {
        std::fs::write(folder.join(name), &backup).unwrap();
    }
}

/// What OpenClaw keeps in its database can be read and put right by the calls that
/// tedix-init makes; in the same run, because a start of OpenClaw's is dear.
fn what_nobody_approved_is_undone(lab: &Lab, seen: usize) {
    let parts = [Part::Cron, Part::Devices, Part::Skills];
    lab.report(0, "all that OpenClaw keeps", |report| {
        matches!(report, Report::Held { held } if parts.iter().all(|part| held.0.contains_key(part)))
    });
    let drift = |report: &Report| matches!(report, Report::Drift { .. } | Report::Undone { .. });
    let reports = lab.governance.reports();
    assert!(
        !reports.iter().any(drift),
        "a fresh OpenClaw is as it should be: {reports:#?}"
    );
    assert_eq!(payload("device.pair.list", &json!({}))["paired"], json!([]));
    // Neither is OpenClaw's to tell over HTTP: they are looked at as files.
    for method in ["plugins.list", "skills.status"] {
        assert_eq!(call(method, &json!({}))["ok"], false, "{method}");
    }

    // Exec approvals.
    let found = payload("exec.approvals.get", &json!({}));
    assert_eq!(found["file"]["defaults"]["security"], "deny", "{found}");
    let open = json!({ "version": 1, "defaults": { "security": "full", "ask": "off" },
                       "agents": { "main": { "allowlist": [{ "pattern": "*" }] } } });
    payload(
        "exec.approvals.set",
        &json!({ "file": open, "baseHash": found["hash"] }),
    );
    lab.report(seen, "the approvals put right", |report| {
        matches!(
            report,
            Report::Drift {
                part: Part::ExecApprovals,
                reverted: true,
                ..
            }
        )
    });
    let file = payload("exec.approvals.get", &json!({}))["file"].clone();
    assert_eq!(file["defaults"]["security"], "deny", "{file}");

    // Jobs: what is too much is switched off.
    let mut policy = policy(ToolProfile::Coding, &[], &["exec"]);
    let mut wanted = bundle(3, &policy);
    wanted.watch.jobs = Some(JobRules {
        accepted: None,
        min_interval_seconds: Some(900),
        max_jobs: Some(1),
    });
    lab.governance.want(wanted);
    lab.signal(Signal::HUP);
    lab.applied(seen, 3);
    for job in [job("often", 5), job("first", 60), job("second", 60)] {
        payload("cron.add", &job);
    }
    lab.until("two are switched off", || {
        let mut jobs = jobs();
        jobs.sort_unstable();
        jobs == ["first", "often off", "second off"]
    });

    // Jobs that nobody approved go, approved ones are made; so are files.
    policy.tools.exec.mode = None;
    let mut wanted = bundle(4, &policy);
    let order = |id: &str, kind, target: &str, content: Value| Order {
        id: id.to_owned(),
        kind,
        target: target.to_owned(),
        content,
    };
    let approved = json!({ "schedule": { "kind": "cron", "expr": "0 9 * * 1" },
                           "payload": { "kind": "agentTurn", "message": "m" } });
    wanted.watch.jobs = Some(JobRules {
        accepted: Some(Things::new()),
        ..JobRules::default()
    });
    wanted.watch.orders = vec![
        order("p1", Kind::Cron, "weekly", approved),
        order(
            "p2",
            Kind::Skill,
            "notes",
            json!("---\nname: notes\ndescription: n\n---\n# Notes\n"),
        ),
    ];
    lab.governance.want(wanted);
    lab.signal(Signal::HUP);
    for id in ["p1", "p2"] {
        let (_, done) = lab.report(
            seen,
            id,
            |report| matches!(report, Report::OrderDone { id: done, .. } if done == id),
        );
        assert!(
            matches!(done, Report::OrderDone { error: None, .. }),
            "{done:?}"
        );
    }
    lab.until("only the approved one is left", || jobs() == ["weekly"]);
    let from = lab.governance.reports().len();
    lab.applied(from, 4);
    lab.applied(lab.governance.reports().len(), 4);
    assert_eq!(jobs(), ["weekly"], "it stays");
}
