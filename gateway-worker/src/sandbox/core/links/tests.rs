//! What generations are said to lie around a change, and that none is lost.

use domain::access::Role;
use domain::problem::Problem;
use domain::proposal::{Draft, Health, Kind, Proposal};
use domain::wire::init::Report;
use domain::wire::snapshots::Snapshot;
use domain::wire::state::StateReport;
use serde_json::{Value, json};

use crate::sandbox::core::Principal;
use crate::sandbox::core::snapshots::tests::{Run, minutes, snapshot};
use crate::sandbox::core::tests::t0;
use crate::sandbox::lifecycle::Input;

/// A gateway with one generation, whose agents may write files of their workspace.
fn running() -> Run {
    let mut run = Run::new();
    run.take(&[], t0());
    run.ready(None, t0());
    run.commit(1, None, minutes(1));
    run
}

fn propose(run: &mut Run, kind: Kind, target: &str, content: Value) -> Result<Proposal, Problem> {
    let draft = Draft {
        kind,
        target: target.to_owned(),
        content,
        reason: "why".to_owned(),
    };
    run.core.propose("agent", draft, minutes(2))
}

/// A note in the workspace, which the agents may write.
fn note(run: &mut Run) -> String {
    let made = propose(run, Kind::WorkspaceFile, "notes/a.md", json!("x")).expect("taken");
    carry_out(run, &made.id, None);
    made.id
}

fn carry_out(run: &mut Run, id: &str, error: Option<&str>) {
    let report = Report::OrderDone {
        id: id.to_owned(),
        error: error.map(str::to_owned),
        job: None,
    };
    run.core
        .init_report(&run.credential, report, minutes(3))
        .expect("taken");
}

fn links(run: &Run, id: &str) -> (Option<u64>, Option<u64>) {
    let found = run.core.proposal(id, minutes(9)).expect("there");
    (found.generation_before, found.generation_after)
}

fn restart(run: &mut Run, from: u64) {
    run.exited(minutes(5));
    run.core
        .happen(Input::Start, "test", minutes(6))
        .expect("starts");
    run.launched();
    let listed: Vec<u64> = (1..=from).collect();
    run.take(&listed, minutes(6));
    run.ready(Some(from), minutes(6));
}

#[test]
fn what_the_container_made_is_saved_at_once_and_linked() {
    let mut run = running();
    let id = note(&mut run);
    assert_eq!(links(&run, &id), (Some(1), None));
    let order = run.order(minutes(3)).expect("ordered").id;
    // One that was begun before does not hold it.
    run.commit(2, None, minutes(3));
    assert_eq!(links(&run, &id), (Some(1), None));
    run.commit(3, Some(order), minutes(3));
    assert_eq!(links(&run, &id), (Some(1), Some(3)));
    run.commit(4, None, minutes(8));
    assert_eq!(links(&run, &id), (Some(1), Some(3)), "the first that does");
}

#[test]
fn a_change_that_changed_nothing_is_in_the_generation_that_is_there() {
    let mut run = running();
    let id = note(&mut run);
    let order = run.order(minutes(3)).map(|order| order.id);
    let report = |order| StateReport::Unchanged {
        generation: 1,
        order,
    };
    run.report(report(None), minutes(4));
    assert_eq!(links(&run, &id), (Some(1), None), "it was asked before");
    run.report(report(order), minutes(4));
    assert_eq!(links(&run, &id), (Some(1), Some(1)));
}

#[test]
fn what_failed_has_nothing_after_it() {
    let mut run = running();
    let made = propose(&mut run, Kind::WorkspaceFile, "a/b.md", json!("x")).expect("taken");
    carry_out(&mut run, &made.id, Some("a is a link"));
    assert_eq!(run.order(minutes(3)), None);
    run.commit(2, None, minutes(4));
    assert_eq!(links(&run, &made.id), (Some(1), None));
}

#[test]
fn a_version_of_the_policy_lies_between_generations_under_the_old_and_the_new() {
    let mut run = running();
    let made = propose(&mut run, Kind::ConfigKey, "/tools/deny", json!(["exec"])).expect("taken");
    let oli = Principal {
        subject: "oli@example.com".to_owned(),
        role: Role::Admin,
        groups: Vec::new(),
    };
    let decided = run
        .core
        .decide_proposal(&oli, &made.id, true, None, minutes(2))
        .expect("approved");
    assert_eq!(decided.generation_before, Some(1));
    let version = decided.policy_version.expect("saved");
    let mut taken_under = |generation, version| {
        let at = minutes(4);
        let snapshot = Snapshot {
            policy_version: Some(version),
            ..snapshot(generation, None, at)
        };
        run.commit_snapshot(snapshot, at);
        links(&run, &made.id)
    };
    assert_eq!(taken_under(2, version - 1), (Some(1), None));
    assert_eq!(taken_under(3, version), (Some(2), Some(3)));
    assert_eq!(taken_under(4, version + 1), (Some(2), Some(3)));
}

#[test]
fn what_no_generation_holds_is_made_again_in_the_next_container() {
    let mut run = running();
    let lost = note(&mut run);
    restart(&mut run, 1);
    let found = run.core.proposal(&lost, minutes(7)).expect("there");
    assert_eq!(found.health, Some(Health::Unknown));
    let orders = run.core.orders().expect("read");
    assert_eq!(orders.len(), 1, "{orders:?}");
    carry_out(&mut run, &lost, None);
    assert_eq!(links(&run, &lost), (Some(1), None));
    run.commit(2, None, minutes(8));
    assert_eq!(links(&run, &lost), (Some(1), Some(2)));
    restart(&mut run, 2);
    assert!(run.core.orders().expect("read").is_empty(), "it is there");
}

#[test]
fn an_admin_who_goes_back_does_not_get_it_again() {
    let mut run = running();
    note(&mut run);
    run.core
        .choose_snapshot(1, None, "ada@example.com", minutes(4))
        .expect("chosen");
    run.exited(minutes(4));
    run.launched();
    run.take(&[1], minutes(5));
    run.ready(Some(1), minutes(5));
    assert!(run.core.orders().expect("read").is_empty());
}

#[test]
fn unsaved_changes_json_format_unchanged() {
    let pinned = r#"[{"proposal":"p1","at":"2026-11-22T10:00:00Z","order":3},{"proposal":"p2","at":"2026-11-22T10:00:00Z","policy_version":7}]"#;
    let read: Vec<super::Unsaved> = serde_json::from_str(pinned).expect("reads");
    assert_eq!(serde_json::to_string(&read).expect("prints"), pinned);
}
