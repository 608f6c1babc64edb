//! When a gateway sleeps, and what wakes it.

use chrono::{DateTime, TimeDelta, Utc};
use domain::wire::devices::{DeviceFacts, DeviceReport, PairedDevice};
use domain::wire::gateway::SandboxPhase;
use domain::wire::init::Report;

use crate::sandbox::core::tests::{MemoryDb, actions, launched, reopen, t0};
use crate::sandbox::core::{Core, RunCredentials};
use crate::sandbox::lifecycle::Input;

fn minutes(minutes: i64) -> DateTime<Utc> {
    t0() + TimeDelta::minutes(minutes)
}

/// A gateway that runs, and sleeps after half an hour.
fn ready() -> (Core<MemoryDb>, RunCredentials) {
    let (mut core, credentials) = launched();
    let mut document = core.newest().document.clone();
    document.persistence.sleep_after = "PT30M".parse().ok();
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    core.happen(Input::Observed, "test", t0()).expect("ready");
    (core, credentials)
}

fn report(core: &mut Core<MemoryDb>, credentials: &RunCredentials, report: Report) {
    core.init_report(credentials.init.expose(), report, t0())
        .expect("taken");
}

fn exited(core: &mut Core<MemoryDb>, at: DateTime<Utc>) {
    let exited = Input::Exited {
        run: core.state().run,
        code: Some(0),
        reason: "it ended".to_owned(),
    };
    core.happen(exited, "test", at).expect("ends");
}

fn phase_at(core: &mut Core<MemoryDb>, at: DateTime<Utc>) -> SandboxPhase {
    core.tick(at).expect("ticks");
    core.state().status().phase
}

#[test]
fn it_sleeps_when_nobody_needs_it_and_a_visit_wakes_it() {
    let (mut core, _) = ready();
    assert_eq!(core.next_alarm().map(|at| at <= minutes(30)), Some(true));
    assert_eq!(phase_at(&mut core, minutes(29)), SandboxPhase::Ready);
    core.needed(minutes(29));
    assert_eq!(phase_at(&mut core, minutes(58)), SandboxPhase::Ready);
    assert_eq!(phase_at(&mut core, minutes(59)), SandboxPhase::Stopping);
    exited(&mut core, minutes(60));
    let status = core.state().status();
    assert_eq!(
        (status.phase, status.retry_at),
        (SandboxPhase::Asleep, None)
    );
    assert!(actions(&core).contains(&"gateway sandbox.slept".to_owned()));

    let mut core = reopen(core);
    assert_eq!(phase_at(&mut core, minutes(9_000)), SandboxPhase::Asleep);
    core.happen(Input::Wake, "test", minutes(9_001))
        .expect("wakes");
    assert_eq!(core.state().status().phase, SandboxPhase::Starting);
}

#[test]
fn a_visit_while_it_goes_to_sleep_brings_it_back() {
    let (mut core, _) = ready();
    assert_eq!(phase_at(&mut core, minutes(30)), SandboxPhase::Stopping);
    core.happen(Input::Wake, "test", minutes(30))
        .expect("noted");
    exited(&mut core, minutes(31));
    assert_eq!(core.state().status().phase, SandboxPhase::Starting);
}

#[test]
fn it_is_there_before_the_next_scheduled_job_runs() {
    let (mut core, credentials) = ready();
    let at = Some(minutes(120));
    report(&mut core, &credentials, Report::NextRun { at });
    assert_eq!(phase_at(&mut core, minutes(30)), SandboxPhase::Stopping);
    exited(&mut core, minutes(31));
    assert_eq!(core.state().status().retry_at, Some(minutes(117)));
    assert_eq!(core.next_alarm().map(|at| at <= minutes(117)), Some(true));
    assert_eq!(phase_at(&mut core, minutes(116)), SandboxPhase::Asleep);
    assert_eq!(phase_at(&mut core, minutes(117)), SandboxPhase::Starting);
    assert!(actions(&core).contains(&"gateway sandbox.woken".to_owned()));
}

#[test]
fn it_does_not_sleep_for_a_moment_nor_wait_for_a_job_that_is_over() {
    let (mut core, credentials) = ready();
    let at = Some(minutes(40));
    report(&mut core, &credentials, Report::NextRun { at });
    assert_eq!(phase_at(&mut core, minutes(30)), SandboxPhase::Ready);
    // The job ran, and nothing came after it: half an hour later it sleeps.
    assert_eq!(phase_at(&mut core, minutes(69)), SandboxPhase::Ready);
    assert_eq!(phase_at(&mut core, minutes(70)), SandboxPhase::Stopping);
    exited(&mut core, minutes(71));
    assert_eq!(core.state().status().retry_at, None);
}

#[test]
fn an_open_page_keeps_it_awake() {
    let (mut core, credentials) = ready();
    let page = |connected| Report::Devices {
        report: DeviceReport {
            pending: Vec::new(),
            paired: vec![PairedDevice {
                device: DeviceFacts {
                    device_id: "laptop".to_owned(),
                    ..DeviceFacts::default()
                },
                approved_via: None,
                approved_at: None,
                connected,
            }],
        },
    };
    report(&mut core, &credentials, page(true));
    assert_eq!(phase_at(&mut core, minutes(30)), SandboxPhase::Ready);
    report(&mut core, &credentials, page(false));
    assert_eq!(phase_at(&mut core, minutes(59)), SandboxPhase::Ready);
    assert_eq!(phase_at(&mut core, minutes(60)), SandboxPhase::Stopping);
}

#[test]
fn without_the_clause_it_never_sleeps() {
    let (mut core, _) = launched();
    core.happen(Input::Observed, "test", t0()).expect("ready");
    assert_eq!(phase_at(&mut core, minutes(100_000)), SandboxPhase::Ready);
}

#[test]
fn an_operator_stops_and_starts_what_is_asleep() {
    for (input, expected) in [
        (Input::Start, SandboxPhase::Starting),
        (Input::Restart, SandboxPhase::Starting),
        (Input::Stop, SandboxPhase::Stopped),
        (Input::Destroy, SandboxPhase::Stopped),
    ] {
        let (mut core, _) = ready();
        core.tick(minutes(30)).expect("ticks");
        exited(&mut core, minutes(31));
        core.happen(input.clone(), "ada@example.com", minutes(32))
            .expect("allowed");
        assert_eq!(core.state().status().phase, expected, "{input:?}");
    }
}
