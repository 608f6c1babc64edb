//! Exceptions that end, and an OpenClaw that nobody knows.

use chrono::{DateTime, TimeDelta, Utc};
use domain::policy::{AgentTools, Exception, ExecMode, Policy};
use domain::wire::gateway::ApplyState;
use domain::wire::init::{ConfigBundle, Report};
use serde_json::json;

use crate::command::{Caller, Operation};
use crate::routes;
use crate::sandbox::core::tests::{
    MemoryDb, actions, deny_exec, fetch, launched, observe, reopen, t0,
};
use crate::sandbox::core::{Core, RunCredentials, Task};
use crate::sandbox::lifecycle::Input;

const AGENT: &str = "/tools/agents/ops/exec";

fn ends() -> DateTime<Utc> {
    t0() + TimeDelta::hours(2)
}

/// A policy that asks about commands, but for one agent for two hours.
fn with_exception(core: &Core<MemoryDb>) -> Policy {
    let mut document = core.newest().document.clone();
    document.tools.exec.mode = Some(ExecMode::Ask);
    let own = AgentTools {
        exec: Some(ExecMode::Full),
        ..AgentTools::default()
    };
    document
        .tools
        .agents
        .insert("ops".parse().expect("agent"), own);
    document.tools.exceptions = vec![Exception {
        clause: AGENT.to_owned(),
        reason: "Release work".to_owned(),
        expires_at: ends(),
    }];
    document
}

fn mode(bundle: &ConfigBundle) -> Option<&str> {
    bundle
        .config
        .pointer("/agents/entries/ops/tools/exec/mode")?
        .as_str()
}

fn floor(bundle: &ConfigBundle) -> String {
    let floor = bundle.watch.exec_approvals.as_ref();
    let floor = floor.and_then(|file| file.pointer("/agents/ops/security"));
    floor
        .and_then(|floor| floor.as_str())
        .unwrap_or_default()
        .to_owned()
}

/// A container that runs with the exception.
fn running() -> (Core<MemoryDb>, RunCredentials, ConfigBundle) {
    let (mut core, credentials) = launched();
    let document = with_exception(&core);
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    let bundle = fetch(&mut core, &credentials);
    observe(&mut core, &credentials, &bundle);
    core.take_tasks();
    (core, credentials, bundle)
}

#[test]
fn an_exception_takes_effect_and_ends_by_itself() {
    let (mut core, credentials, bundle) = running();
    assert_eq!(
        (mode(&bundle), floor(&bundle).as_str()),
        (Some("full"), "full")
    );
    assert_eq!(core.policy_status().state, ApplyState::Applied);
    assert!(
        core.next_alarm().is_some_and(|at| at <= ends()),
        "it will be looked at"
    );

    core.tick(ends() - TimeDelta::seconds(1)).expect("ticks");
    assert_eq!(core.take_tasks(), [], "nothing changes before its end");
    core.tick(ends()).expect("ticks");
    assert!(
        core.take_tasks().contains(&Task::Reload),
        "tedix-init is told"
    );
    assert_ne!(
        core.policy_status().state,
        ApplyState::Applied,
        "not before OpenClaw says so"
    );
    let later = fetch(&mut core, &credentials);
    assert_eq!((mode(&later), floor(&later).as_str()), (None, "allowlist"));
    assert!(
        later.watch.keep_when_unhealthy,
        "ending OpenClaw does not bring the exception back"
    );
    assert!(actions(&core).contains(&"gateway policy.exception_ended".to_owned()));

    core.tick(ends() + TimeDelta::hours(1)).expect("ticks");
    let ended = actions(&core)
        .into_iter()
        .filter(|action| action.ends_with("exception_ended"));
    assert_eq!(ended.count(), 1);
}

#[test]
fn an_end_during_the_object_s_sleep_is_noticed_once_when_it_wakes() {
    let (mut core, credentials, _) = running();
    core.tick(t0()).expect("ticks");
    let later = ends() + TimeDelta::hours(1);
    let ended = |core: &Core<MemoryDb>| {
        actions(core)
            .iter()
            .filter(|action| action.ends_with("exception_ended"))
            .count()
    };
    let mut core = Core::open(core.db, core.settings, "boot".to_owned(), later).expect("opens");
    assert_eq!(ended(&core), 1);
    assert!(core.take_tasks().contains(&Task::Reload));
    assert_eq!(mode(&fetch(&mut core, &credentials)), None);
    let core = Core::open(core.db, core.settings, "boot".to_owned(), later).expect("opens");
    assert_eq!(ended(&core), 1, "not again");
}

#[test]
fn nothing_is_saved_for_an_openclaw_that_nobody_knows() {
    let (mut core, credentials, bundle) = running();
    let report = Report::Observed {
        policy_version: bundle.policy_version,
        config_hash: bundle.config_hash.clone(),
        valid: true,
        applied: true,
        openclaw_version: "2027.1.0".to_owned(),
        config: json!({}),
    };
    for _ in 0..2 {
        core.init_report(credentials.init.expose(), report.clone(), t0())
            .expect("taken");
    }
    let noted = |core: &Core<MemoryDb>| {
        actions(core)
            .iter()
            .filter(|action| action.ends_with("unknown_version"))
            .count()
    };
    assert_eq!(noted(&core), 1);
    let status = core.policy_status();
    assert_eq!(status.state, ApplyState::Applied, "what runs stays");
    assert!(
        status
            .detail
            .is_some_and(|detail| detail.contains("2027.1.0"))
    );

    let (before, chain) = (core.newest().clone(), actions(&core).len());
    let document = deny_exec(&core);
    let problem = core
        .save_policy(document.clone(), "ada@example.com", None, t0())
        .expect_err("refused");
    assert_eq!((problem.status, problem.slug()), (409, "unknown-openclaw"));
    assert!(problem.detail.contains("tools.exec"), "{problem}");
    assert_eq!(core.newest(), &before);
    assert_eq!(actions(&core).len(), chain, "nothing half-applied");
    assert_eq!(
        fetch(&mut core, &credentials).config_hash,
        bundle.config_hash
    );

    let caller = Caller::Person {
        email: "ada@example.com".to_owned(),
        groups: Vec::new(),
    };
    let document = serde_json::to_value(document).expect("json");
    let reply = routes::run(
        &mut core,
        &caller,
        Operation::ValidatePolicy { document },
        t0(),
    );
    assert_eq!(reply.expect("answers").body["valid"], json!(false));

    // The image is put right: its first word lifts the guard, a restart before it does not.
    core.happen(Input::Stop, "ada@example.com", t0())
        .expect("stops");
    let mut core = reopen(core);
    assert!(core.check_version(&before.document, t0()).is_err());
    let report = Report::Observed {
        policy_version: bundle.policy_version,
        config_hash: bundle.config_hash,
        valid: true,
        applied: true,
        openclaw_version: "2026.9.7".to_owned(),
        config: json!({}),
    };
    core.init_report(credentials.init.expose(), report, t0())
        .expect("taken");
    let document = deny_exec(&core);
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
}
