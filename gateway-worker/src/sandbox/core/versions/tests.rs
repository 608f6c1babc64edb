//! A change of version from the request to what the next container is told.

use chrono::{DateTime, TimeDelta, Utc};
use domain::problem::Problem;
use domain::upgrade::Verdict;
use domain::wire::gateway::SandboxPhase;
use domain::wire::init::{ConfigIssue, Report};
use domain::wire::snapshots::Snapshot;
use domain::wire::state::{LeaseGrant, Restore};

use crate::sandbox::core::snapshots::tests::{Run, minutes, snapshot};
use crate::sandbox::core::tests::{actions, reopen, t0};
use crate::sandbox::core::{Core, Task};
use crate::sandbox::lifecycle::{Effect, Input};

const OLD: &str = "2026.9.5";
const NEW: &str = "2026.9.6";

fn at(seconds: i64) -> DateTime<Utc> {
    t0() + TimeDelta::seconds(seconds)
}

fn by(version: &str, generation: u64, when: DateTime<Utc>) -> Snapshot {
    Snapshot {
        openclaw_version: Some(version.into()),
        ..snapshot(generation, None, when)
    }
}

/// A gateway that runs the image's own 2026.9.6 and has one generation.
fn gateway() -> Run {
    let mut run = Run::new();
    run.offered = vec![NEW.into(), OLD.into()];
    let grant = run.take(&[], t0());
    assert_eq!(grant.openclaw_version.as_deref(), Some(NEW));
    run.ready(None, t0());
    observe(&mut run, NEW, t0());
    run.commit_snapshot(by(NEW, 1, t0()), t0());
    run
}

fn observe(run: &mut Run, version: &str, when: DateTime<Utc>) {
    let bundle = run.core.offered().clone();
    assert_eq!(bundle.config["meta"]["lastTouchedVersion"], version);
    let report = Report::Observed {
        policy_version: bundle.policy_version,
        config_hash: bundle.config_hash,
        valid: true,
        applied: true,
        openclaw_version: version.into(),
        config: serde_json::json!({}),
    };
    let credential = run.credential.clone();
    run.core
        .init_report(&credential, report, when)
        .expect("taken");
}

fn openclaw_ends(run: &mut Run, when: DateTime<Utc>) {
    let report = Report::OpenclawExited {
        code: 1,
        log_tail: "newer schema".into(),
        restart_in_ms: 1_000,
    };
    let credential = run.credential.clone();
    run.core
        .init_report(&credential, report, when)
        .expect("taken");
}

fn choose(run: &mut Run, version: Option<&str>, when: DateTime<Utc>) -> Result<(), Problem> {
    let tag = run.core.openclaw_status().revision;
    let who = ("ada@example.com", Some("why not"));
    run.core.choose_version(version, tag, who, when)
}

/// The container that was told to end has saved itself and ended; the next one asks.
fn next(run: &mut Run, saved: Option<Snapshot>, when: DateTime<Utc>) -> LeaseGrant {
    assert!(is_told_to_end(&mut run.core));
    if let Some(saved) = saved {
        run.commit_snapshot(saved, when);
    }
    run.exited(when);
    run.launched();
    run.take(&[], when)
}

fn is_told_to_end(core: &mut Core<impl crate::ports::Db>) -> bool {
    core.take_tasks()
        .contains(&Task::Container(Effect::Terminate))
}

#[test]
fn another_version_is_tried_on_what_was_saved_and_kept_after_the_window() {
    let mut run = gateway();
    choose(&mut run, Some(OLD), at(10)).expect("chosen");
    let grant = next(&mut run, Some(by(NEW, 2, at(11))), at(12));
    assert_eq!(grant.openclaw_version.as_deref(), Some(OLD));
    assert_eq!(
        grant.restore,
        Restore::Newest {
            candidates: vec![2, 1]
        }
    );
    // Asked again, because the answer was lost or the lease was.
    assert_eq!(run.take(&[], at(12)).openclaw_version.as_deref(), Some(OLD));
    run.ready(Some(2), at(13));
    let trial = run.core.openclaw_status().trial.expect("a trial");
    assert_eq!(
        (trial.from.as_str(), trial.generation, trial.way_back),
        (NEW, Some(2), true)
    );
    assert_eq!(
        choose(&mut run, None, at(14)).expect_err("busy").status,
        409
    );

    observe(&mut run, OLD, at(20));
    run.commit_snapshot(by(OLD, 3, at(21)), at(21));
    let window = run.core.health_window();
    observe(&mut run, OLD, at(20) + window - TimeDelta::seconds(1));
    assert!(run.core.openclaw_status().trial.is_some());
    observe(&mut run, OLD, at(20) + window);
    let status = run.core.openclaw_status();
    assert_eq!((status.trial, status.problem), (None, None));
    assert_eq!(status.last.map(|last| last.result), Some(Verdict::Kept));
    assert_eq!(run.core.state().status().phase, SandboxPhase::Ready);
    let actions = actions(&run.core);
    for action in [
        "ada@example.com openclaw.version_asked",
        "gateway openclaw.trial_began",
        "gateway openclaw.version_kept",
    ] {
        assert!(actions.contains(&action.to_owned()), "{actions:?}");
    }
    // An admin may still go back, while there is a generation to go back to.
    assert_eq!(status.back.map(|back| back.generation), Some(Some(2)));
    let tag = run.core.openclaw_status().revision;
    let who = ("ada@example.com", None);
    run.core.go_back(tag, who, minutes(9)).expect("goes back");
    let grant = next(&mut run, Some(by(OLD, 4, minutes(9))), minutes(9));
    assert_eq!(grant.openclaw_version.as_deref(), Some(NEW));
    assert_eq!(grant.restore, Restore::Chosen { generation: 2 });
    assert_eq!(run.core.openclaw_status().trial, None);
    let last = run.core.openclaw_status().last.expect("an end");
    assert_eq!((last.result, last.left), (Verdict::Back, Some(4)));
}

#[test]
fn what_keeps_ending_goes_back_by_itself_and_leaves_nothing_unsaved() {
    let mut run = gateway();
    choose(&mut run, Some(OLD), at(10)).expect("chosen");
    next(&mut run, Some(by(NEW, 2, at(11))), at(12));
    run.ready(Some(2), at(13));
    openclaw_ends(&mut run, at(14));
    openclaw_ends(&mut run, at(15));
    // The Durable Object goes and comes back in the middle.
    run.core = reopen(run.core);
    run.core.awake(true, at(15)).expect("awake");
    run.core.take_tasks();
    openclaw_ends(&mut run, at(16));
    let grant = next(&mut run, Some(by(OLD, 3, at(17))), at(18));
    assert_eq!(grant.openclaw_version.as_deref(), Some(NEW));
    assert_eq!(grant.restore, Restore::Chosen { generation: 2 });
    let status = run.core.openclaw_status();
    assert_eq!((status.trial, status.choice), (None, None));
    assert!(status.problem.expect("said").contains("2026.9.5 was tried"));
    let last = status.last.expect("an end");
    assert_eq!((last.result, last.left), (Verdict::Back, Some(3)));
    run.ready(Some(2), at(19));
    observe(&mut run, NEW, at(20));
    run.commit_snapshot(by(NEW, 4, at(21)), at(21));

    // The next start is an ordinary one.
    let restart = Input::Restart;
    run.core
        .happen(restart, "ada@example.com", at(22))
        .expect("restarts");
    let grant = next(&mut run, None, at(23));
    assert_eq!(grant.openclaw_version.as_deref(), Some(NEW));
    assert_eq!(
        grant.restore,
        Restore::Newest {
            candidates: vec![4, 3, 2, 1]
        }
    );
    let failed = "gateway openclaw.version_failed".to_owned();
    assert!(actions(&run.core).contains(&failed));
}

#[test]
fn one_that_never_gets_ready_refuses_or_loses_its_container_goes_back() {
    let ends: [fn(&mut Run); 3] = [
        |run| {
            let due = run.core.next_alarm().expect("an alarm");
            assert!(due <= at(13 + domain::upgrade::READY_SECONDS), "{due}");
            run.core
                .tick(at(13 + domain::upgrade::READY_SECONDS))
                .expect("ticks");
            assert!(is_told_to_end(&mut run.core));
            run.exited(at(400));
        },
        |run| {
            let bundle = run.core.offered().clone();
            let report = Report::Rejected {
                policy_version: bundle.policy_version,
                config_hash: bundle.config_hash,
                issues: vec![ConfigIssue {
                    path: "tools".into(),
                    message: "unknown key".into(),
                }],
            };
            let credential = run.credential.clone();
            run.core
                .init_report(&credential, report, at(14))
                .expect("taken");
            assert!(is_told_to_end(&mut run.core));
            run.exited(at(400));
        },
        |run| {
            for again in 0..2 {
                run.exited(at(20 + 10 * again));
                run.core.tick(at(28 + 10 * again)).expect("ticks");
                run.launched();
                let grant = run.take(&[], at(28 + 10 * again));
                assert_eq!(grant.openclaw_version.as_deref(), Some(OLD));
                run.ready(Some(2), at(29 + 10 * again));
            }
            run.exited(at(400));
        },
    ];
    for end in ends {
        let mut run = gateway();
        choose(&mut run, Some(OLD), at(10)).expect("chosen");
        next(&mut run, Some(by(NEW, 2, at(11))), at(12));
        let report = domain::wire::state::StateReport::Restored {
            generation: Some(2),
            took_ms: 1,
        };
        run.report(report, at(13));
        end(&mut run);
        run.launched();
        let grant = run.take(&[], at(401));
        assert_eq!(grant.openclaw_version.as_deref(), Some(NEW));
        assert_eq!(grant.restore, Restore::Chosen { generation: 2 });
    }
}

#[test]
fn a_new_image_is_a_trial_and_without_the_old_version_only_reports() {
    for (image, way_back) in [
        (vec!["2026.9.7".into(), NEW.into()], true),
        (vec!["2026.9.7".into()], false),
    ] {
        let mut run = gateway();
        run.offered = image;
        run.core
            .happen(Input::Restart, "ada@example.com", at(30))
            .expect("restarts");
        let grant = next(&mut run, Some(by(NEW, 2, at(31))), at(32));
        assert_eq!(grant.openclaw_version.as_deref(), Some("2026.9.7"));
        run.ready(Some(2), at(33));
        for second in 34..37 {
            openclaw_ends(&mut run, at(second));
        }
        if way_back {
            let grant = next(&mut run, None, at(40));
            assert_eq!(grant.openclaw_version.as_deref(), Some(NEW));
            continue;
        }
        assert!(!is_told_to_end(&mut run.core));
        let problem = run.core.openclaw_status().problem.expect("said");
        assert!(problem.contains("does not offer 2026.9.6"), "{problem}");
        // The next image brings it: back with what it had, once.
        run.offered = vec![NEW.into()];
        run.core
            .happen(Input::Restart, "ada@example.com", at(50))
            .expect("restarts");
        let grant = next(&mut run, Some(by("2026.9.7", 3, at(51))), at(52));
        assert_eq!(grant.openclaw_version.as_deref(), Some(NEW));
        assert_eq!(grant.restore, Restore::Chosen { generation: 2 });
        run.ready(Some(2), at(53));
        run.commit_snapshot(by(NEW, 4, at(54)), at(54));
        run.core
            .happen(Input::Restart, "ada@example.com", at(55))
            .expect("restarts");
        let grant = next(&mut run, None, at(56));
        assert!(matches!(grant.restore, Restore::Newest { .. }));
    }
}

#[test]
fn an_older_tedix_init_is_told_nothing() {
    let mut run = Run::new();
    let grant = run.take(&[], t0());
    assert_eq!(grant.openclaw_version, None);
    assert_eq!(
        choose(&mut run, Some(OLD), t0())
            .expect_err("unknown")
            .status,
        409
    );
}

#[test]
fn a_decision_names_what_it_was_made_from_and_what_is_offered() {
    let mut run = gateway();
    let tag = run.core.openclaw_status().revision;
    let who = ("ada@example.com", None);
    let stale = run.core.choose_version(Some(OLD), tag + 1, who, at(1));
    let stale = stale.expect_err("stale");
    assert_eq!((stale.status, stale.current_version), (412, Some(tag)));
    let unknown = run.core.choose_version(Some("2026.9.4"), tag, who, at(1));
    let unknown = unknown.expect_err("not offered");
    assert_eq!(
        (unknown.status, unknown.errors[0].pointer.as_str()),
        (422, "/version")
    );
    assert!(unknown.errors[0].detail.contains("2026.9.6, 2026.9.5"));
    assert_eq!(
        run.core
            .go_back(tag, who, at(1))
            .expect_err("nowhere")
            .status,
        409
    );
    // What runs already needs no container.
    run.core
        .choose_version(Some(NEW), tag, who, at(1))
        .expect("chosen");
    assert!(!is_told_to_end(&mut run.core));
    assert_eq!(run.core.openclaw_status().revision, tag + 1);
}

#[test]
fn a_gateway_does_not_fall_asleep_during_a_trial() {
    let mut run = gateway();
    let mut document = run.core.newest().document.clone();
    document.persistence.sleep_after = serde_json::from_value("PT15M".into()).expect("a time");
    run.core
        .save_policy(document, "ada@example.com", None, at(5))
        .expect("saved");
    choose(&mut run, Some(OLD), at(10)).expect("chosen");
    next(&mut run, Some(by(NEW, 2, at(11))), at(12));
    run.ready(Some(2), at(13));
    run.core.tick(minutes(60)).expect("ticks");
    assert_ne!(run.core.state().status().phase, SandboxPhase::Asleep);
}
