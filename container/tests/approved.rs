//! What OpenClaw keeps outside its configuration: what nobody approved is undone, what was
//! approved is made. The processes are real; OpenClaw is a script.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a lab that cannot be set up fails the test"
)]
#![expect(dead_code, reason = "the lab serves the other tests too")]

mod lab;

use std::fs;

use domain::drift::jobs::JobRules;
use domain::drift::{Part, Things};
use domain::proposal::Kind;
use domain::wire::devices::{DeviceOrder, DeviceReport, DeviceVerb};
use domain::wire::init::{Order, Report};
use domain::wire::openclaw::{
    ADMIN_RPC_PATH, ADMIN_SCOPE, CLIENT_HEADER, INIT_IDENTITY, SCOPES_HEADER, UNKNOWN_CLIENT,
    USER_HEADER,
};
use lab::Lab;
use rustix::process::Signal;
use serde_json::{Value, json};

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

/// What `cron.list` answers, by name.
fn jobs(lab: &Lab) -> Vec<String> {
    let parameters = json!({ "includeDisabled": true, "limit": 200 });
    let answer = call(lab, &json!({ "method": "cron.list", "params": parameters })).unwrap();
    let name = |job: &Value| {
        let off = if job["enabled"] == false { " off" } else { "" };
        format!("{}{off}", job["name"].as_str().unwrap())
    };
    answer["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(name)
        .collect()
}

fn add(lab: &Lab, name: &str, minutes: u64) {
    let job = json!({ "name": name, "payload": { "kind": "agentTurn", "message": "m" },
                      "schedule": { "kind": "every", "everyMs": minutes * 60_000 } });
    call(lab, &json!({ "method": "cron.add", "params": job })).unwrap();
}

#[test]
fn jobs_that_nobody_approved_go_and_approved_ones_are_made_once() {
    let mut lab = Lab::new(&json!({}));
    let mut wanted = lab.bundle(1, &json!({}));
    wanted.watch.jobs = Some(JobRules {
        accepted: Some(Things::new()),
        ..JobRules::default()
    });
    lab.governance.want(wanted.clone());
    lab.start();
    lab.applied(0, 1);
    // More than one answer of OpenClaw's holds.
    for number in 0..201 {
        add(&lab, &format!("sneaky-{number}"), 60);
    }
    lab.until("they are gone", || jobs(&lab).is_empty());
    let (_, undone) = lab.report(0, "it is told", |report| {
        matches!(report, Report::Undone { .. })
    });
    let Report::Undone {
        change, content, ..
    } = undone
    else {
        panic!()
    };
    assert_eq!(change, Kind::Cron);
    assert_eq!(content["payload"]["message"], "m");

    let order = |id: &str, kind, target: &str, content: Value| Order {
        id: id.to_owned(),
        kind,
        target: target.to_owned(),
        content,
    };
    wanted.watch.orders = vec![
        order(
            "p1",
            Kind::Cron,
            "daily",
            json!({ "payload": { "kind": "agentTurn", "message": "m" },
            "schedule": { "kind": "every", "everyMs": 3_600_000 } }),
        ),
        order("p2", Kind::Skill, "notes", json!("# Notes")),
        order("p3", Kind::WorkspaceFile, "../../etc/passwd", json!("x")),
        order("p4", Kind::Cron, "gone", Value::Null),
    ];
    lab.governance.want(wanted);
    lab.signal(Signal::HUP);
    let mut outcomes = Vec::new();
    for id in ["p1", "p2", "p3", "p4"] {
        let (_, done) = lab.report(
            0,
            id,
            |report| matches!(report, Report::OrderDone { id: done, .. } if done == id),
        );
        let Report::OrderDone { error, job, .. } = done else {
            panic!()
        };
        outcomes.push((error.is_none(), job.is_some()));
    }
    assert_eq!(
        outcomes,
        [(true, true), (true, false), (false, false), (true, false)]
    );
    let skill = lab
        .directory
        .join("data/openclaw/workspace/skills/notes/SKILL.md");
    assert_eq!(fs::read_to_string(skill).unwrap(), "# Notes");
    // It stays, though the gateway Worker has not said yet that it is accepted.
    let seen = lab.governance.reports().len();
    lab.applied(seen, 1);
    assert_eq!(jobs(&lab), ["daily"]);
    let done = |report: &&Report| matches!(report, Report::OrderDone { .. });
    assert_eq!(
        lab.governance.reports().iter().filter(done).count(),
        4,
        "once each"
    );
}

#[test]
fn jobs_beyond_the_limits_are_switched_off() {
    let mut lab = Lab::new(&json!({}));
    let mut wanted = lab.bundle(1, &json!({}));
    wanted.watch.jobs = Some(JobRules {
        accepted: None,
        min_interval_seconds: Some(900),
        max_jobs: Some(1),
    });
    lab.governance.want(wanted);
    lab.start();
    lab.applied(0, 1);
    for (name, minutes) in [("often", 5), ("first", 15), ("second", 60)] {
        add(&lab, name, minutes);
    }
    lab.until("two are off", || {
        jobs(&lab) == ["often off", "first", "second off"]
    });
    lab.report(0, "it is told", |report| {
        matches!(report, Report::Drift { part: Part::Cron, reverted: true, detail } if detail.contains("often"))
    });
}

#[test]
fn devices_with_an_administrator_s_rights_and_planted_plugins_are_taken_away() {
    let device =
        |id: &str, scopes: &[&str]| json!({ "deviceId": id, "role": "operator", "scopes": scopes });
    let devices = json!([
        device("browser", &["operator.read"]),
        device("mighty", &["operator.admin"])
    ]);
    let fake = json!({ "devices": devices });
    let mut lab = Lab::new(&fake);
    let mut wanted = lab.bundle(1, &fake);
    wanted.watch.no_plugins = true;
    lab.governance.want(wanted);
    let state = lab.directory.join("data/openclaw");
    fs::create_dir_all(state.join("workspace/.openclaw/extensions/openai")).unwrap();
    lab.start();
    lab.applied(0, 1);
    for part in [Part::Devices, Part::Plugins] {
        lab.report(0, "it is told", |report| {
            matches!(report, Report::Drift { part: found, reverted: true, .. } if *found == part)
        });
    }
    let left = call(&lab, &json!({ "method": "device.pair.list" })).unwrap();
    assert_eq!(
        left["paired"],
        json!([device("browser", &["operator.read"])])
    );
    assert!(!state.join("workspace/.openclaw/extensions").exists());
}

#[test]
fn what_was_decided_about_devices_is_done_once_and_reported() {
    let request = |id: &str, scope: &str| {
        json!({ "requestId": id, "deviceId": format!("device-{id}"), "role": "operator",
                "scopes": [scope], "ts": 1_790_000_000_000_u64 })
    };
    let fake = json!({
        "devices": [{ "deviceId": "old", "role": "operator", "scopes": ["operator.read"] }],
        "requests": [request("good", "operator.write"), request("mighty", "operator.admin"),
                     request("odd", "operator.read")],
    });
    let mut lab = Lab::new(&fake);
    let mut wanted = lab.bundle(1, &fake);
    lab.governance.want(wanted.clone());
    lab.start();
    lab.applied(0, 1);
    let seen = |lab: &mut Lab, what: &str, wanted: fn(&DeviceReport) -> bool| {
        let (_, found) = lab.report(
            0,
            what,
            |found| matches!(found, Report::Devices { report } if wanted(report)),
        );
        found
    };
    seen(&mut lab, "requests are reported", |report| {
        let excess: Vec<usize> = report.pending.iter().map(|one| one.excess.len()).collect();
        excess == [0, 1, 0] && report.paired.len() == 1
    });

    let order = |id: &str, verb, target: &str| DeviceOrder {
        id: id.to_owned(),
        verb,
        target: target.to_owned(),
    };
    wanted.watch.devices = vec![
        order("d1", DeviceVerb::Approve, "good"),
        order("d2", DeviceVerb::Approve, "mighty"),
        order("d3", DeviceVerb::Reject, "odd"),
        order("d4", DeviceVerb::Reject, "nobody"),
        order("d5", DeviceVerb::Revoke, "old"),
    ];
    lab.governance.want(wanted);
    lab.signal(Signal::HUP);
    let mut outcomes = Vec::new();
    for id in ["d1", "d2", "d3", "d4", "d5"] {
        let (_, done) = lab.report(
            0,
            id,
            |report| matches!(report, Report::DeviceDone { id: done, .. } if done == id),
        );
        let Report::DeviceDone { error, .. } = done else {
            panic!()
        };
        outcomes.push(error);
    }
    assert_eq!(
        outcomes,
        [
            None,
            Some("it asks for operator.admin, which no device may hold".to_owned()),
            None,
            Some("OpenClaw says: unknown requestId".to_owned()),
            None,
        ]
    );
    seen(&mut lab, "the result is reported", |report| {
        let paired = report
            .paired
            .iter()
            .map(|one| one.device.device_id.as_str());
        paired.eq(["device-good"]) && report.pending.len() == 1
    });
    let seen = lab.governance.reports().len();
    lab.applied(seen, 1);
    let done = |report: &&Report| matches!(report, Report::DeviceDone { .. });
    assert_eq!(
        lab.governance.reports().iter().filter(done).count(),
        5,
        "once each"
    );
}
