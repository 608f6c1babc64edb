use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{is_bounded, is_open, read, target};
use crate::wire::devices::{ActionState, DeviceAction, DeviceReport, DeviceVerb};

const ASKED_MS: i64 = 1_790_000_000_000;

fn asked() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ASKED_MS).unwrap()
}

/// As OpenClaw 2026.9.6 answers.
fn answer() -> Value {
    json!({
        "pending": [
            {"requestId": "r-1", "deviceId": "d1", "publicKey": "k", "displayName": "Phone\n<b>",
             "platform": "ios", "clientId": "webchat", "remoteIp": "192.0.2.7", "role": "operator",
             "scopes": ["operator.read", "operator.approvals"], "ts": ASKED_MS},
            {"requestId": "r-2", "deviceId": "d3", "roles": ["node"], "ts": ASKED_MS},
            {"deviceId": "nameless", "ts": ASKED_MS},
        ],
        "paired": [
            {"deviceId": "d1", "operatorLabel": "Ada's", "displayName": "Phone", "roles": ["operator"],
             "scopes": ["operator.read"], "approvedVia": "trusted-proxy", "approvedAtMs": ASKED_MS,
             "connected": true, "tokens": [{"role": "operator", "scopes": ["operator.read"]}]},
            {"deviceId": "d2"},
        ],
    })
}

fn report() -> DeviceReport {
    read(&answer()).unwrap()
}

#[test]
fn what_openclaw_says_is_read_and_bounded() {
    let report = report();
    assert!(is_bounded(&report));
    let asked = "2026-09-21T14:13:20Z";
    let expected = json!({
        "pending": [
            {"request_id": "r-1", "device_id": "d1", "name": "Phone<b>", "platform": "ios",
             "client": "webchat", "address": "192.0.2.7", "roles": ["operator"],
             "scopes": ["operator.read", "operator.approvals"], "requested_at": asked},
            {"request_id": "r-2", "device_id": "d3", "roles": ["node"], "requested_at": asked,
             "excess": ["the role node"]},
        ],
        "paired": [
            {"device_id": "d1", "name": "Ada's", "roles": ["operator"], "scopes": ["operator.read"],
             "approved_via": "trusted-proxy", "approved_at": asked, "connected": true},
            {"device_id": "d2", "connected": false},
        ],
    });
    assert_eq!(json!(report), expected);
    assert_eq!(read(&json!({"pending": []})), None);
    assert_eq!(read(&Value::Null), None);
    let many: Vec<Value> = (0..1_000)
        .map(|n| json!({"deviceId": format!("d{n}")}))
        .collect();
    let long = "x".repeat(5_000);
    let hostile = json!({"pending": [{"requestId": "r", "deviceId": "d", "displayName": long,
        "scopes": [long], "ts": ASKED_MS}], "paired": many});
    assert!(is_bounded(&read(&hostile).unwrap()));
}

#[test]
fn a_report_beyond_the_bounds_is_not_kept() {
    let odd: [fn(&mut DeviceReport); 4] = [
        |r| r.pending[0].device.name = Some("x".repeat(201)),
        |r| r.pending[0].request_id = "../x".to_owned(),
        |r| r.paired[0].device.device_id = String::new(),
        |r| r.paired = vec![r.paired[0].clone(); 201],
    ];
    for change in odd {
        let mut report = report();
        change(&mut report);
        assert!(!is_bounded(&report));
    }
}

fn waiting(target: &str) -> DeviceAction {
    DeviceAction {
        id: "d1".to_owned(),
        verb: DeviceVerb::Reject,
        target: target.to_owned(),
        device_id: "d1".to_owned(),
        by: "ada@example.com".to_owned(),
        at: asked(),
        note: None,
        state: ActionState::Waiting,
        detail: None,
        settled_at: None,
    }
}

#[test]
fn only_what_waits_is_decided_and_only_once() {
    use DeviceVerb::{Approve, Reject, Revoke};
    let report = report();
    let status = |verb, id, actions: &[DeviceAction], seconds| {
        let now = asked() + TimeDelta::seconds(seconds);
        target(&report, actions, verb, id, now).map_err(|problem| problem.status)
    };
    assert_eq!(status(Approve, "r-1", &[], 299), Ok("d1".to_owned()));
    assert_eq!(status(Reject, "r-2", &[], 0), Ok("d3".to_owned()));
    assert_eq!(status(Revoke, "d2", &[], 9_999), Ok("d2".to_owned()));
    assert_eq!(status(Approve, "r-1", &[], 300), Err(404), "it has ended");
    assert_eq!(status(Approve, "r-2", &[], 0), Err(409), "a node");
    assert_eq!(
        status(Approve, "d1", &[], 0),
        Err(404),
        "a device is no request"
    );
    assert_eq!(
        status(Revoke, "r-1", &[], 0),
        Err(404),
        "a request is no device"
    );
    assert_eq!(status(Approve, "r-1", &[waiting("r-1")], 0), Err(409));
    let mut settled = waiting("r-1");
    settled.state = ActionState::Failed;
    assert_eq!(status(Approve, "r-1", &[settled], 0), Ok("d1".to_owned()));
    assert!(!is_open(
        &report.pending[0],
        asked() + TimeDelta::minutes(5)
    ));
}

#[test]
fn action_json_format_unchanged() {
    let action = DeviceAction {
        note: Some("why".to_owned()),
        detail: Some("gone".to_owned()),
        settled_at: Some(asked()),
        ..waiting("r-1")
    };
    let stored = json!({
        "id": "d1", "verb": "reject", "target": "r-1", "device_id": "d1",
        "by": "ada@example.com", "at": "2026-09-21T14:13:20Z", "note": "why",
        "state": "waiting", "detail": "gone", "settled_at": "2026-09-21T14:13:20Z",
    });
    assert_eq!(json!(action), stored);
    assert_eq!(
        serde_json::from_value::<DeviceAction>(stored).unwrap(),
        action
    );
}
