//! What is asked of devices, from the request to the result.

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Role;
use domain::drift::{Held, Part};
use domain::problem::Problem;
use domain::wire::devices::{
    ActionState, DeviceAction, DeviceFacts, DeviceReport, DeviceVerb, PairedDevice, PairingRequest,
};
use domain::wire::init::{Report, ReportAck};

use crate::sandbox::core::tests::{MemoryDb, actions, fetch, launched, reopen, t0};
use crate::sandbox::core::{Core, Principal, RunCredentials, Task};
use crate::sandbox::lifecycle::Input;

fn person(role: Role) -> Principal {
    Principal {
        subject: "ada@example.com".to_owned(),
        role,
        groups: Vec::new(),
    }
}

fn later(minutes: i64) -> DateTime<Utc> {
    t0() + TimeDelta::minutes(minutes)
}

fn facts(id: &str) -> DeviceFacts {
    DeviceFacts {
        device_id: id.to_owned(),
        ..DeviceFacts::default()
    }
}

fn seen() -> DeviceReport {
    let request = |id: &str, device: &str, excess: &[&str]| PairingRequest {
        request_id: id.to_owned(),
        device: facts(device),
        requested_at: t0(),
        excess: excess.iter().map(|odd| (*odd).to_owned()).collect(),
    };
    DeviceReport {
        pending: vec![
            request("r-1", "phone", &[]),
            request("r-2", "node", &["the role node"]),
        ],
        paired: vec![PairedDevice {
            device: facts("laptop"),
            approved_via: None,
            approved_at: None,
            connected: true,
        }],
    }
}

fn report(core: &mut Core<MemoryDb>, credentials: &RunCredentials, report: Report) -> ReportAck {
    let reply = core
        .init_report(credentials.init.expose(), report, t0())
        .expect("taken");
    serde_json::from_value(reply.body).expect("ack")
}

/// A container runs and has said what OpenClaw says.
fn running() -> (Core<MemoryDb>, RunCredentials) {
    let (mut core, credentials) = launched();
    fetch(&mut core, &credentials);
    report(&mut core, &credentials, Report::Devices { report: seen() });
    core.take_tasks();
    (core, credentials)
}

fn decide(
    core: &mut Core<MemoryDb>,
    role: Role,
    verb: DeviceVerb,
    id: &str,
) -> Result<DeviceAction, Problem> {
    core.decide_device(&person(role), verb, id, Some("why".to_owned()), t0())
}

fn done(id: &str, error: Option<&str>) -> Report {
    Report::DeviceDone {
        id: id.to_owned(),
        error: error.map(str::to_owned),
    }
}

#[test]
fn an_approval_reaches_openclaw_once_and_its_result_is_kept() {
    let (mut core, credentials) = running();
    let action = decide(&mut core, Role::Admin, DeviceVerb::Approve, "r-1").expect("asked");
    assert_eq!(
        (action.id.as_str(), action.state),
        ("d1", ActionState::Waiting)
    );
    assert!(core.take_tasks().contains(&Task::Reload));
    let again = decide(&mut core, Role::Admin, DeviceVerb::Reject, "r-1").expect_err("asked");
    assert_eq!(again.status, 409);

    let mut core = reopen(core);
    let orders = fetch(&mut core, &credentials).watch.devices;
    assert_eq!(orders.len(), 1);
    assert_eq!(
        orders.first().map(|order| order.target.as_str()),
        Some("r-1")
    );
    let ack = report(&mut core, &credentials, Report::Devices { report: seen() });
    assert_eq!(ack.orders, 1, "a lost signal is made up for");
    let ack = report(&mut core, &credentials, done("d1", None));
    assert_eq!(ack.orders, 0);
    report(&mut core, &credentials, done("d1", Some("too late")));
    assert!(fetch(&mut core, &credentials).watch.devices.is_empty());
    let shown = core.devices(t0()).expect("read").actions;
    assert_eq!(
        shown.iter().map(|action| action.state).collect::<Vec<_>>(),
        [ActionState::Done]
    );
    for entry in [
        "tedix-init device.requested",
        "ada@example.com device.approval_asked",
        "tedix-init device.approved",
    ] {
        let count = actions(&core)
            .iter()
            .filter(|action| *action == entry)
            .count();
        assert_eq!(count, 1, "{entry}");
    }
}

#[test]
fn a_change_that_somebody_asked_for_is_no_drift() {
    let held = |hash: &str| {
        let device = |id: &str| (id.to_owned(), hash.to_owned());
        let devices = [device("phone"), device("other")].into();
        Report::Held {
            held: Held([(Part::Devices, devices)].into()),
        }
    };
    let (mut core, credentials) = running();
    report(&mut core, &credentials, held("before"));
    decide(&mut core, Role::Admin, DeviceVerb::Approve, "r-1").expect("asked");
    report(&mut core, &credentials, done("d1", None));
    report(&mut core, &credentials, held("after"));
    let drift = |action: &&String| action.ends_with("drift.found");
    assert_eq!(
        actions(&core).iter().filter(drift).count(),
        1,
        "the other's"
    );
}

#[test]
fn what_openclaw_refuses_is_said() {
    let (mut core, credentials) = running();
    decide(&mut core, Role::Operator, DeviceVerb::Reject, "r-2").expect("asked");
    report(
        &mut core,
        &credentials,
        done("d1", Some("unknown requestId")),
    );
    let shown = core.devices(t0()).expect("read");
    let action = shown.actions.first().expect("kept");
    assert_eq!(
        (action.state, action.detail.as_deref()),
        (ActionState::Failed, Some("unknown requestId"))
    );
    assert!(actions(&core).contains(&"tedix-init device.failed".to_owned()));
}

#[test]
fn granting_takes_an_admin_and_nobody_grants_too_much_or_too_late() {
    use DeviceVerb::{Approve, Reject, Revoke};
    let (mut core, _) = running();
    let mut status = |role, verb, id, at| {
        let outcome = core.decide_device(&person(role), verb, id, None, at);
        outcome.map_err(|problem| problem.status).map(drop)
    };
    for verb in [Approve, Reject, Revoke] {
        assert_eq!(
            status(Role::Viewer, verb, "r-1", t0()),
            Err(403),
            "{verb:?}"
        );
    }
    assert_eq!(status(Role::Operator, Approve, "r-1", t0()), Err(403));
    assert_eq!(status(Role::Admin, Approve, "r-2", t0()), Err(409));
    assert_eq!(status(Role::Admin, Approve, "r-9", t0()), Err(404));
    assert_eq!(status(Role::Admin, Approve, "r-1", later(5)), Err(404));
    assert_eq!(status(Role::Operator, Revoke, "laptop", later(60)), Ok(()));
}

#[test]
fn while_nothing_runs_a_device_is_revoked_and_nothing_is_granted() {
    let (mut core, _) = running();
    core.happen(Input::Destroy, "test", t0()).expect("ends");
    let exited = Input::Exited {
        run: core.state().run,
        code: None,
        reason: "ended".to_owned(),
    };
    core.happen(exited, "test", t0()).expect("ended");
    let shown = core.devices(t0()).expect("read");
    assert!(shown.pending.is_empty());
    assert_eq!(shown.paired.first().map(|one| one.connected), Some(false));
    let refused = decide(&mut core, Role::Admin, DeviceVerb::Approve, "r-1").expect_err("asleep");
    assert_eq!(refused.status, 404);
    decide(&mut core, Role::Operator, DeviceVerb::Revoke, "laptop").expect("asked");

    core.happen(Input::Start, "test", t0()).expect("starts");
    let credentials = core
        .issue_credentials(core.state().run, ([7; 32], [8; 32]))
        .expect("issued");
    let orders = fetch(&mut core, &credentials).watch.devices;
    assert_eq!(
        orders.first().map(|order| order.verb),
        Some(DeviceVerb::Revoke)
    );
}

#[test]
fn decisions_that_wait_are_bounded_and_old_results_go_first() {
    let (mut core, credentials) = running();
    let mut many = seen();
    let laptop = many.paired.first().cloned().expect("one");
    many.paired = (0..60)
        .map(|n| PairedDevice {
            device: facts(&format!("laptop-{n}")),
            ..laptop.clone()
        })
        .collect();
    report(&mut core, &credentials, Report::Devices { report: many });
    for n in 0..50 {
        let id = format!("laptop-{n}");
        decide(&mut core, Role::Operator, DeviceVerb::Revoke, &id).expect("asked");
    }
    let refused = decide(&mut core, Role::Operator, DeviceVerb::Revoke, "laptop-50");
    assert_eq!(refused.expect_err("too many").status, 429);
    report(&mut core, &credentials, done("d7", None));
    decide(&mut core, Role::Operator, DeviceVerb::Revoke, "laptop-50").expect("asked");
    let shown = core.devices(t0()).expect("read").actions;
    assert_eq!(shown.first().map(|action| action.id.as_str()), Some("d51"));
    assert!(shown.iter().all(|action| action.id != "d7"));
}

#[test]
fn a_report_that_is_too_large_is_refused() {
    let (mut core, credentials) = running();
    let mut odd = seen();
    odd.paired = odd.paired.iter().cycle().take(201).cloned().collect();
    let report = Report::Devices { report: odd };
    let refused = core
        .init_report(credentials.init.expose(), report.clone(), t0())
        .expect_err("refused");
    assert_eq!(refused.status, 422);
    assert_eq!(core.devices(t0()).expect("read").paired.len(), 1);
    let stranger = core
        .init_report("tic_no", report, t0())
        .expect_err("refused");
    assert_eq!(stranger.status, 401);
}
