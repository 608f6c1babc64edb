//! Approved changes on their way into the container, and what was undone there.

use domain::access::Role;
use domain::drift::{Held, Part, Things};
use domain::policy::ChangeRule;
use domain::proposal::{Draft, Health, Kind, Proposal, State};
use domain::wire::init::{Report, ReportAck};
use serde_json::{Value, json};

use crate::sandbox::core::tests::{MemoryDb, actions, fetch, launched, reopen, t0};
use crate::sandbox::core::{Core, Principal, RunCredentials, Task};
use crate::sandbox::store::proposals;

fn running(cron: Option<ChangeRule>) -> (Core<MemoryDb>, RunCredentials) {
    let (mut core, credentials) = launched();
    let mut document = core.newest().document.clone();
    document.self_modification.cron = cron;
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    fetch(&mut core, &credentials);
    core.take_tasks();
    (core, credentials)
}

fn oli() -> Principal {
    Principal {
        subject: "oli@example.com".to_owned(),
        role: Role::Operator,
        groups: Vec::new(),
    }
}

fn job() -> Value {
    json!({"schedule": {"kind": "every", "everyMs": 3_600_000},
        "payload": {"kind": "agentTurn", "message": "m"}})
}

fn draft(kind: Kind, target: &str, content: Value) -> Draft {
    Draft {
        kind,
        target: target.to_owned(),
        content,
        reason: "why".to_owned(),
    }
}

fn report(core: &mut Core<MemoryDb>, credentials: &RunCredentials, report: Report) -> ReportAck {
    let reply = core
        .init_report(credentials.init.expose(), report, t0())
        .expect("taken");
    serde_json::from_value(reply.body).expect("ack")
}

fn propose(core: &mut Core<MemoryDb>, credentials: &RunCredentials, draft: Draft) -> Proposal {
    core.propose_as_agent(credentials.model.expose(), draft, t0())
        .expect("taken")
}

fn done(id: &str, error: Option<&str>) -> Report {
    let job = error
        .is_none()
        .then(|| ("daily (1)".to_owned(), "h".to_owned()));
    Report::OrderDone {
        id: id.to_owned(),
        error: error.map(str::to_owned),
        job,
    }
}

#[test]
fn an_approved_job_reaches_the_container_and_counts_as_accepted_there() {
    let (mut core, credentials) = running(Some(ChangeRule::Review));
    let made = propose(&mut core, &credentials, draft(Kind::Cron, "daily", job()));
    assert_eq!(made.state, State::Pending);
    assert!(
        fetch(&mut core, &credentials).watch.orders.is_empty(),
        "not before somebody approves"
    );

    let decided = core
        .decide_proposal(&oli(), &made.id, true, None, t0())
        .expect("approved");
    assert_eq!(
        (decided.state, decided.health),
        (State::Approved, Some(Health::Unknown))
    );
    assert!(core.take_tasks().contains(&Task::Reload));
    // Restart loses nothing.
    let mut core = reopen(core);
    let watch = fetch(&mut core, &credentials).watch;
    assert_eq!(watch.orders.len(), 1);
    assert_eq!(
        watch.orders.first().map(|order| order.target.as_str()),
        Some("daily")
    );
    assert_eq!(
        watch.jobs.and_then(|jobs| jobs.accepted),
        Some(Things::new())
    );

    let ack = report(&mut core, &credentials, done(&made.id, None));
    assert_eq!(ack.orders, 0);
    let watch = fetch(&mut core, &credentials).watch;
    assert!(watch.orders.is_empty(), "carried out once");
    let accepted = watch
        .jobs
        .and_then(|jobs| jobs.accepted)
        .unwrap_or_default();
    assert_eq!(accepted.get("daily (1)").map(String::as_str), Some("h"));
    let found = core.proposal(&made.id, t0()).expect("there");
    assert_eq!(found.health, Some(Health::Healthy));
    assert!(actions(&core).contains(&"tedix-init proposal.carried_out".to_owned()));
    report(&mut core, &credentials, done(&made.id, None));
    assert_eq!(
        core.decide_proposal(&oli(), &made.id, true, None, t0())
            .expect_err("once")
            .status,
        409
    );
}

#[test]
fn what_the_container_cannot_do_is_said_on_the_proposal() {
    let (mut core, credentials) = running(None);
    let made = propose(
        &mut core,
        &credentials,
        draft(Kind::WorkspaceFile, "a/b.md", json!("x")),
    );
    assert_eq!(
        made.state,
        State::Applied,
        "workspace files are the agents' own"
    );
    let ack = report(&mut core, &credentials, done(&made.id, Some("a is a link")));
    assert_eq!(ack.orders, 0);
    let found = core.proposal(&made.id, t0()).expect("there");
    assert_eq!(found.health, Some(Health::Failed));
    assert_eq!(found.detail.as_deref(), Some("a is a link"));
}

#[test]
fn a_job_that_was_undone_is_asked_about_once_under_review_and_never_under_deny() {
    let undone = |name: &str| Report::Undone {
        change: Kind::Cron,
        target: name.to_owned(),
        content: job(),
        why: "nobody has approved it".to_owned(),
    };
    for (rule, asked) in [
        (ChangeRule::Review, 2),
        (ChangeRule::Deny, 0),
        (ChangeRule::Auto, 0),
    ] {
        let (mut core, credentials) = running(Some(rule));
        for name in ["daily", "daily", "weekly"] {
            report(&mut core, &credentials, undone(name));
        }
        let page = proposals::page(core.db(), None).expect("page");
        assert_eq!(page.items.len(), asked, "{rule:?}");
        assert!(
            page.items
                .iter()
                .all(|made| made.state == State::Pending && made.author == "agent")
        );
        let reverted = actions(&core)
            .into_iter()
            .filter(|action| action.ends_with("drift.reverted"));
        assert_eq!(reverted.count(), 3);
    }
}

#[test]
fn jobs_from_before_a_stricter_policy_stay_and_later_ones_do_not_count() {
    let held = |names: &[&str]| {
        let jobs = names
            .iter()
            .map(|name| ((*name).to_owned(), "h".to_owned()))
            .collect();
        Report::Held {
            held: Held([(Part::Cron, jobs)].into()),
        }
    };
    let (mut core, credentials) = running(Some(ChangeRule::Auto));
    assert_eq!(
        fetch(&mut core, &credentials)
            .watch
            .jobs
            .and_then(|jobs| jobs.accepted),
        None
    );
    report(&mut core, &credentials, held(&["daily (1)"]));
    let mut document = core.newest().document.clone();
    document.self_modification.cron = Some(ChangeRule::Deny);
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    report(&mut core, &credentials, held(&["daily (1)", "sneaky (2)"]));
    let mut core = reopen(core);
    let accepted = fetch(&mut core, &credentials)
        .watch
        .jobs
        .and_then(|jobs| jobs.accepted);
    let names: Vec<String> = accepted.unwrap_or_default().into_keys().collect();
    assert_eq!(names, ["daily (1)"]);
}

#[test]
fn an_approval_under_a_policy_that_denies_by_now_is_refused() {
    let (mut core, credentials) = running(Some(ChangeRule::Review));
    let made = propose(&mut core, &credentials, draft(Kind::Cron, "daily", job()));
    let mut document = core.newest().document.clone();
    document.self_modification.cron = Some(ChangeRule::Deny);
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    let refused = core
        .decide_proposal(&oli(), &made.id, true, None, t0())
        .expect_err("refused");
    assert_eq!(refused.status, 409);
    assert_eq!(
        core.proposal(&made.id, t0()).expect("there").state,
        State::Pending
    );
    assert!(fetch(&mut core, &credentials).watch.orders.is_empty());
}

#[test]
fn files_are_held_to_what_was_approved_and_what_was_undone_waits_for_a_person() {
    use domain::drift::files::{Approved, ApprovedFile, FileRules};
    use domain::policy::WorkspaceRule;

    let (mut core, credentials) = running(None);
    assert_eq!(fetch(&mut core, &credentials).watch.files, None);
    let mut document = core.newest().document.clone();
    document.self_modification.skills = Some(ChangeRule::Deny);
    let rule = |path: &str, change| WorkspaceRule {
        path: path.to_owned(),
        change,
    };
    document.self_modification.workspace = vec![
        rule("AGENTS.md", ChangeRule::Review),
        rule("SOUL.md", ChangeRule::Deny),
    ];
    core.save_policy(document.clone(), "ada@example.com", None, t0())
        .expect("saved");
    let rules = FileRules::of(&document);
    let watch = fetch(&mut core, &credentials).watch.files.expect("watched");
    assert_eq!((&watch.rules, &watch.approved), (&rules, &None));

    let file = ApprovedFile {
        sha256: "a".repeat(64),
        executable: false,
        text: Some("# Agents".to_owned()),
    };
    let approved = Approved {
        rules: rules.clone(),
        files: [("workspace/AGENTS.md".to_owned(), file)].into(),
    };
    let told = Report::Approved {
        approved: approved.clone(),
    };
    report(&mut core, &credentials, told);
    // A new container knows what was approved, whatever its snapshot holds.
    let mut core = reopen(core);
    let watch = fetch(&mut core, &credentials).watch.files.expect("watched");
    assert_eq!(watch.approved, Some(approved));
    assert!(actions(&core).contains(&"tedix-init files.approved".to_owned()));

    let undone = |kind, target: &str| Report::Undone {
        change: kind,
        target: target.to_owned(),
        content: json!("other"),
        why: "it was changed".to_owned(),
    };
    report(
        &mut core,
        &credentials,
        undone(Kind::WorkspaceFile, "AGENTS.md"),
    );
    report(
        &mut core,
        &credentials,
        undone(Kind::WorkspaceFile, "AGENTS.md"),
    );
    report(
        &mut core,
        &credentials,
        undone(Kind::WorkspaceFile, "SOUL.md"),
    );
    report(
        &mut core,
        &credentials,
        undone(Kind::WorkspaceFile, "open.md"),
    );
    report(&mut core, &credentials, undone(Kind::Skill, "x"));
    let page = proposals::page(core.db(), None).expect("read");
    let made: Vec<&str> = page
        .items
        .iter()
        .map(|proposal| proposal.draft.target.as_str())
        .collect();
    assert_eq!(made, ["AGENTS.md"], "once, and only where a person decides");

    let mut too_much = Approved {
        rules,
        ..Approved::default()
    };
    too_much.files.insert(
        "x".repeat(1_000),
        ApprovedFile {
            sha256: "a".repeat(64),
            executable: false,
            text: None,
        },
    );
    let refused = core
        .init_report(
            credentials.init.expose(),
            Report::Approved { approved: too_much },
            t0(),
        )
        .expect_err("too much");
    assert_eq!(refused.status, 422);
    // Where a policy opens what was closed, tedix-init hears of it.
    document.self_modification = domain::policy::SelfModification::default();
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    assert!(fetch(&mut core, &credentials).watch.files.is_some());
}
