//! What tedix-init does when OpenClaw starts, refuses, crashes and lingers. The
//! processes are real; OpenClaw is a script that behaves as it is told to.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a lab that cannot be set up fails the test"
)]
#![expect(dead_code, reason = "the lab serves the tests about state too")]

mod lab;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use domain::drift::Part;
use domain::policy::canonical_hash;
use domain::wire::gateway::StartStep;
use domain::wire::init::{ConfigBundle, Report};
use domain::wire::openclaw::{
    ADMIN_RPC_PATH, ADMIN_SCOPE, CLIENT_HEADER, INIT_IDENTITY, SCOPES_HEADER, UNKNOWN_CLIENT,
    USER_HEADER,
};
use lab::{CREDENTIAL, Lab, MODEL_KEY};
use rustix::process::{Signal, geteuid};
use serde_json::{Value, json};

fn exits(report: &Report) -> bool {
    matches!(report, Report::OpenclawExited { .. })
}

fn rejects(version: u64) -> impl Fn(&Report) -> bool {
    move |report| matches!(report, Report::Rejected { policy_version, .. } if *policy_version == version)
}

#[test]
fn a_start_is_reported_step_by_step_and_ends_in_what_openclaw_confirms() {
    let mut lab = Lab::new(&json!({}));
    lab.start();
    let (_, observed) = lab.applied(0, 1);
    let steps: Vec<StartStep> = lab
        .governance
        .reports()
        .iter()
        .filter_map(|report| match report {
            Report::Step { step } => Some(*step),
            _ => None,
        })
        .collect();
    assert_eq!(
        steps,
        [
            StartStep::Configuring,
            StartStep::Openclaw,
            StartStep::Confirming
        ]
    );
    let Report::Observed {
        openclaw_version,
        config,
        config_hash,
        ..
    } = observed
    else {
        panic!()
    };
    assert_eq!(openclaw_version, "2026.9.6");
    assert_eq!(config_hash, lab.bundle(1, &json!({})).config_hash);
    let governed = json!({ "gateway": { "auth": { "mode": "trusted-proxy" } },
                           "tools": { "profile": "coding" } });
    assert_eq!(config, governed);
    // And again, without anybody asking.
    let seen = lab.governance.reports().len();
    lab.applied(seen, 1);
}

#[test]
fn openclaw_gets_an_environment_without_our_credential_and_a_file_it_cannot_change() {
    let mut lab = Lab::new(&json!({}));
    lab.start();
    lab.applied(0, 1);
    let notes = lab.notes();
    let gateway = notes
        .lines()
        .find(|line| line.starts_with("gateway"))
        .unwrap();
    assert!(gateway.contains("OPENCLAW_CONFIG_READONLY") && gateway.contains("TEDIX_MODEL_KEY"));
    assert!(
        !gateway.contains("TEDIX_INIT_CREDENTIAL") && !gateway.contains("TEDIX_GOVERNANCE_URL")
    );
    let file = fs::metadata(lab.config_file()).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o644);
    assert_eq!(file.uid(), geteuid().as_raw());
    assert_eq!(
        fs::metadata(lab.directory.join("data/tedix"))
            .unwrap()
            .mode()
            & 0o777,
        0o700
    );
    if geteuid().is_root() {
        assert!(gateway.starts_with("gateway 1000 "), "{gateway}");
    }
    let log = lab.log();
    assert!(
        log.contains("openclaw: starting with key [model key]"),
        "{log}"
    );
    assert!(!log.contains(MODEL_KEY) && !log.contains(CREDENTIAL));
}

#[test]
fn a_signal_brings_the_new_configuration_into_force_without_a_restart() {
    let mut lab = Lab::new(&json!({}));
    lab.start();
    let (seen, _) = lab.applied(0, 1);
    lab.governance.want(lab.bundle(2, &json!({})));
    lab.signal(Signal::HUP);
    lab.applied(seen, 2);
    assert_eq!(lab.notes().matches("gateway").count(), 1, "started once");
}

#[test]
fn a_lost_signal_costs_no_more_than_an_observation() {
    let mut lab = Lab::new(&json!({}));
    lab.start();
    let (seen, _) = lab.applied(0, 1);
    lab.governance.want(lab.bundle(2, &json!({})));
    lab.applied(seen, 2);
}

#[test]
fn so_does_one_before_a_version_that_changes_nothing_of_the_configuration() {
    let mut lab = Lab::new(&json!({}));
    lab.start();
    let (seen, _) = lab.applied(0, 1);
    let first = lab.bundle(1, &json!({}));
    lab.governance.want(ConfigBundle {
        policy_version: 2,
        ..first
    });
    lab.applied(seen, 2);
}

#[test]
fn what_openclaw_refuses_is_reported_and_never_put_in_place() {
    let mut lab = Lab::new(&json!({}));
    lab.start();
    let (seen, _) = lab.applied(0, 1);
    let before = fs::read(lab.config_file()).unwrap();
    lab.governance
        .want(lab.bundle(2, &json!({ "validate": "refuse" })));
    lab.signal(Signal::HUP);
    let (at, rejected) = lab.report(seen, "the refusal", rejects(2));
    let Report::Rejected { issues, .. } = rejected else {
        panic!()
    };
    assert_eq!(issues[0].path, "tools");
    assert_eq!(issues[0].message, "Unrecognized key: \"bogus\"");
    assert_eq!(fs::read(lab.config_file()).unwrap(), before);
    // It is wanted still, and not tried again by itself.
    let fetches = lab.governance.fetches();
    let (at, _) = lab.applied(at, 1);
    lab.applied(at + 1, 1);
    assert_eq!(lab.governance.fetches(), fetches);
}

#[test]
fn an_answer_that_cannot_be_read_is_a_refusal() {
    let mut lab = Lab::new(&json!({}));
    lab.start();
    let (seen, _) = lab.applied(0, 1);
    lab.governance
        .want(lab.bundle(2, &json!({ "validate": "garbage" })));
    let (at, _) = lab.report(seen, "the refusal", rejects(2));
    lab.applied(at, 1);
}

#[test]
fn a_first_configuration_that_openclaw_refuses_waits_for_a_better_one() {
    let mut lab = Lab::new(&json!({ "start": "exit78", "validate": "refuse" }));
    lab.start();
    let (seen, rejected) = lab.report(0, "the refusal", rejects(1));
    let Report::Rejected { issues, .. } = rejected else {
        panic!()
    };
    assert_eq!(issues[0].path, "tools");
    lab.governance.want(lab.bundle(2, &json!({})));
    lab.signal(Signal::HUP);
    lab.applied(seen, 2);
}

#[test]
fn what_openclaw_does_not_take_up_goes_back() {
    for hot in ["ignore", "invalid"] {
        let mut lab = Lab::new(&json!({}));
        lab.start();
        let (seen, _) = lab.applied(0, 1);
        let before = fs::read(lab.config_file()).unwrap();
        lab.governance.want(lab.bundle(2, &json!({ "hot": hot })));
        lab.signal(Signal::HUP);
        let (at, _) = lab.report(seen, "the refusal", rejects(2));
        lab.applied(at, 1);
        assert_eq!(fs::read(lab.config_file()).unwrap(), before, "{hot}");
    }
}

#[test]
fn a_configuration_that_openclaw_cannot_start_with_goes_back_to_the_last_good_one() {
    let mut lab = Lab::new(&json!({}));
    lab.start();
    lab.applied(0, 1);
    assert_eq!(lab.stop(), Some(0));
    let seen = lab.governance.reports().len();
    lab.governance
        .want(lab.bundle(2, &json!({ "start": "exit78" })));
    lab.start();
    let (_, exit) = lab.report(seen, "the exit", exits);
    assert!(
        matches!(exit, Report::OpenclawExited { code: 78, .. }),
        "{exit:?}"
    );
    let (at, _) = lab.report(seen, "the refusal", rejects(2));
    lab.applied(at, 1);
}

#[test]
fn a_crash_is_reported_with_its_last_words_and_followed_by_a_later_and_later_restart() {
    let mut lab = Lab::new(&json!({ "start": "crash" }));
    lab.start();
    let (first, report) = lab.report(0, "the crash", exits);
    let Report::OpenclawExited {
        code,
        log_tail,
        restart_in_ms,
    } = report
    else {
        panic!()
    };
    assert_eq!((code, restart_in_ms), (3, 1000));
    assert!(log_tail.contains("last words") && log_tail.contains("starting with key [model key]"));
    let (_, report) = lab.report(first + 1, "the second crash", exits);
    assert!(
        matches!(
            report,
            Report::OpenclawExited {
                restart_in_ms: 2000,
                ..
            }
        ),
        "{report:?}"
    );
}

#[test]
fn a_kill_from_outside_is_an_exit_like_any_other() {
    let mut lab = Lab::new(&json!({}));
    lab.start();
    lab.applied(0, 1);
    let seen = lab.governance.reports().len();
    // The script dies of this request, so there is no answer to it.
    assert_eq!(call(&lab, &json!({ "method": "crash" })), None);
    let (at, exit) = lab.report(seen, "the exit", exits);
    assert!(
        matches!(exit, Report::OpenclawExited { code: 9, .. }),
        "{exit:?}"
    );
    lab.applied(at, 1);
}

#[test]
fn settings_that_an_agent_left_are_gone_before_the_next_start() {
    let mut lab = Lab::new(&json!({}));
    lab.start();
    lab.applied(0, 1);
    let left = ["openclaw/.env", "home/.env", "home/.openclaw/.env"];
    let left = left.map(|name| lab.directory.join("data").join(name));
    for file in &left {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "NODE_OPTIONS=--require /data/own.cjs").unwrap();
    }
    let seen = lab.governance.reports().len();
    assert_eq!(call(&lab, &json!({ "method": "crash" })), None);
    lab.applied(seen, 1);
    assert!(!left.iter().any(|file| file.exists()), "{left:?}");
}

#[test]
fn stopping_lets_openclaw_finish() {
    let mut lab = Lab::new(&json!({}));
    lab.start();
    lab.applied(0, 1);
    assert_eq!(lab.stop(), Some(0));
    assert!(lab.notes().contains("SIGTERM"));
}

#[test]
fn what_does_not_stop_is_ended_with_everything_it_left_behind() {
    let mut lab = Lab::new(&json!({ "deaf": true }));
    lab.start();
    lab.applied(0, 1);
    assert_eq!(lab.noted("left"), [true]);
    assert_eq!(lab.stop(), Some(0));
    assert!(lab.notes().contains("ignored SIGTERM"));
    assert_eq!(lab.noted("left"), [false]);
}

#[test]
fn commands_that_still_run_end_when_fewer_may_run() {
    let mut lab = Lab::new(&json!({ "commands": true }));
    let approvals = |security: &str, list: &[&str]| {
        let list: Vec<_> = list.iter().map(|one| json!({ "pattern": one })).collect();
        json!({ "version": 1, "defaults": { "security": security, "ask": "off" },
                "agents": { "main": { "security": security, "ask": "off", "allowlist": list } } })
    };
    let mut wanted = lab.bundle(1, &json!({ "commands": true }));
    wanted.watch.exec_approvals = Some(approvals("allowlist", &["git", "ls"]));
    lab.governance.want(wanted.clone());
    lab.start();
    lab.applied(0, 1);
    lab.until("the commands", || lab.noted("left") == [true, true]);
    // The same, and a longer list, leave what runs alone.
    wanted.watch.exec_approvals = Some(approvals("allowlist", &["git", "ls", "cat"]));
    lab.governance.want(wanted.clone());
    let fetched = lab.governance.fetches();
    lab.signal(Signal::HUP);
    lab.until("it is fetched", || lab.governance.fetches() > fetched);
    lab.applied(lab.governance.reports().len(), 1);
    assert_eq!(lab.noted("left"), [true, true]);
    // Only the list changes, not the configuration.
    wanted.watch.exec_approvals = Some(approvals("allowlist", &["git"]));
    lab.governance.want(wanted);
    lab.signal(Signal::HUP);
    lab.until("they end", || lab.noted("left") == [false, false]);
    assert_eq!(lab.noted("helper"), [true], "OpenClaw's own go on");
}

#[test]
fn commands_that_still_run_end_when_commands_are_denied() {
    let mut lab = Lab::new(&json!({ "commands": true }));
    lab.start();
    let (seen, _) = lab.applied(0, 1);
    lab.until("the commands", || lab.noted("left") == [true, true]);
    let mut denied = lab.bundle(2, &json!({ "commands": true }));
    denied.config["tools"]["exec"] = json!({ "mode": "deny" });
    denied.config_hash = canonical_hash(&denied.config);
    lab.governance.want(denied);
    lab.signal(Signal::HUP);
    lab.applied(seen, 2);
    assert_eq!(lab.noted("left"), [false, false]);
    assert_eq!(lab.noted("helper"), [true], "OpenClaw's own go on");
    assert_eq!(
        lab.notes().matches("gateway").count(),
        1,
        "and so does OpenClaw"
    );
}

#[test]
fn a_configuration_file_that_somebody_changed_is_put_right() {
    let mut lab = Lab::new(&json!({}));
    lab.start();
    lab.applied(0, 1);
    let wanted = fs::read(lab.config_file()).unwrap();
    fs::write(lab.config_file(), "{}").unwrap();
    lab.until("the file as it was", || {
        fs::read(lab.config_file()).is_ok_and(|now| now == wanted)
    });
}

#[test]
fn governance_that_does_not_answer_yet_is_asked_again() {
    let mut lab = Lab::new(&json!({}));
    lab.governance.refuse(4);
    lab.start();
    lab.applied(0, 1);
    let first = lab.governance.reports().into_iter().next();
    assert_eq!(
        first,
        Some(Report::Step {
            step: StartStep::Configuring
        }),
        "none was lost"
    );
}

#[test]
fn a_known_configuration_is_not_validated_again() {
    let mut lab = Lab::new(&json!({}));
    lab.start();
    let (mut seen, _) = lab.applied(0, 1);
    for version in [2, 1, 2] {
        lab.governance.want(lab.bundle(version, &json!({})));
        lab.signal(Signal::HUP);
        (seen, _) = lab.applied(seen, version);
    }
    assert_eq!(
        lab.notes().matches("validate").count(),
        1,
        "version 2, once"
    );
}

#[test]
fn without_a_credential_it_says_what_is_missing() {
    let mut lab = Lab::new(&json!({}));
    lab.set("TEDIX_INIT_CREDENTIAL", "");
    lab.start();
    assert_eq!(lab.ended(), Some(1));
    assert!(
        lab.log().contains("TEDIX_INIT_CREDENTIAL is not set"),
        "{}",
        lab.log()
    );
}

/// Calls the script as tedix-init does; its payload, when it answers.
fn call(lab: &Lab, request: &Value) -> Option<Value> {
    let url = format!("http://127.0.0.1:{}{ADMIN_RPC_PATH}", lab.port);
    let answer = ureq::post(&url)
        .header(USER_HEADER, INIT_IDENTITY)
        .header(CLIENT_HEADER, UNKNOWN_CLIENT)
        .header(SCOPES_HEADER, ADMIN_SCOPE)
        .send_json(request);
    let text = answer.ok()?.body_mut().read_to_string().unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    answer.get("payload").cloned()
}

#[test]
fn a_configuration_that_openclaw_does_not_survive_goes_back() {
    let mut lab = Lab::new(&json!({}));
    lab.set("TEDIX_HEALTH_WINDOW_MS", "600000");
    lab.start();
    let (seen, _) = lab.applied(0, 1);
    lab.governance
        .want(lab.bundle(2, &json!({ "exitAfter": 1500 })));
    lab.signal(Signal::HUP);
    let (seen, _) = lab.applied(seen, 2);
    let (_, rejected) = lab.report(seen, "the refusal", rejects(2));
    let Report::Rejected { issues, .. } = rejected else {
        panic!()
    };
    assert!(issues[0].message.contains("ended with 7"), "{issues:?}");
    lab.applied(seen, 1);
}

#[test]
fn a_stricter_configuration_stays_though_openclaw_ends() {
    let mut lab = Lab::new(&json!({}));
    lab.set("TEDIX_HEALTH_WINDOW_MS", "600000");
    lab.start();
    let (seen, _) = lab.applied(0, 1);
    let mut stricter = lab.bundle(2, &json!({ "exitAfter": 1500 }));
    stricter.watch.keep_when_unhealthy = true;
    lab.governance.want(stricter);
    lab.signal(Signal::HUP);
    let (seen, _) = lab.applied(seen, 2);
    let (at, _) = lab.report(seen, "the exit", exits);
    lab.applied(at, 2);
    assert!(!lab.governance.reports().iter().any(rejects(2)));
}

#[test]
fn exec_approvals_are_set_after_a_start_and_put_right_when_they_change() {
    let mut lab = Lab::new(&json!({}));
    let mut wanted = lab.bundle(1, &json!({}));
    let floor = json!({ "security": "deny", "ask": "off" });
    wanted.watch.exec_approvals = Some(json!({ "version": 1, "defaults": floor, "agents": {} }));
    lab.governance.want(wanted);
    lab.start();
    lab.applied(0, 1);
    let read = |lab: &Lab| call(lab, &json!({ "method": "exec.approvals.get" })).unwrap();
    let found = read(&lab);
    assert_eq!(found["file"]["defaults"], floor);
    assert_eq!(
        found["file"]["socket"],
        json!({ "path": "s" }),
        "OpenClaw's own"
    );
    let drifts = |report: &Report| matches!(report, Report::Drift { .. });
    assert!(
        !lab.governance.reports().iter().any(drifts),
        "a start is no drift"
    );
    let open = json!({ "version": 1, "defaults": { "security": "full" }, "agents": {} });
    let set = json!({ "method": "exec.approvals.set",
                      "params": { "file": open, "baseHash": found["hash"] } });
    call(&lab, &set).unwrap();
    let (_, drift) = lab.report(0, "the drift", drifts);
    assert!(
        matches!(
            drift,
            Report::Drift {
                part: Part::ExecApprovals,
                reverted: true,
                ..
            }
        ),
        "{drift:?}"
    );
    assert_eq!(read(&lab)["file"]["defaults"], floor);
}

#[test]
fn what_openclaw_keeps_is_reported_when_it_changes() {
    let mut lab = Lab::new(&json!({}));
    lab.start();
    let (seen, _) = lab.applied(0, 1);
    let held = |report: &Report, jobs: usize| match report {
        Report::Held { held } => held
            .0
            .get(&Part::Cron)
            .is_some_and(|found| found.len() == jobs),
        _ => false,
    };
    lab.report(0, "no jobs", |report| held(report, 0));
    let job = json!({ "id": "n", "name": "nightly", "enabled": true });
    lab.governance
        .want(lab.bundle(2, &json!({ "jobs": [job] })));
    lab.signal(Signal::HUP);
    lab.applied(seen, 2);
    lab.report(seen, "the job", |report| held(report, 1));
}
