//! The rules over a real SQLite, driven as the shell drives them.

use chrono::{DateTime, TimeDelta, Utc};
use domain::metering::{Operation, Reading, Source, Usage};
use domain::problem::Problem;
use domain::wire::gateway::{ApplyState, SandboxPhase, StartStep};
use domain::wire::init::{ConfigBundle, ConfigIssue, Report};
use serde_json::{Value, json};

use super::*;
use crate::command::{Admission, CallRequest, Caller, Ending, Reply};
use crate::ports::{Answer, Row, SqlValue};
use crate::sandbox::lifecycle::Input;
use crate::sandbox::store::usage;
use crate::settings::tests::settings;

/// SQLite in memory, as the platform's but native.
pub(crate) struct MemoryDb(pub(crate) rusqlite::Connection);

impl MemoryDb {
    pub(crate) fn new() -> Self {
        Self(rusqlite::Connection::open_in_memory().expect("sqlite"))
    }
}

impl Db for MemoryDb {
    fn run(&self, sql: &str, values: &[SqlValue]) -> Result<Vec<Row>, StorageError> {
        let fail = |error: rusqlite::Error| StorageError(error.to_string());
        let mut statement = self.0.prepare(sql).map_err(fail)?;
        let columns = statement.column_count();
        let values = values.iter().map(|value| match value {
            SqlValue::Null => rusqlite::types::Value::Null,
            SqlValue::Int(value) => rusqlite::types::Value::Integer(*value),
            SqlValue::Text(value) => rusqlite::types::Value::Text(value.clone()),
        });
        let rows = statement
            .query_map(rusqlite::params_from_iter(values), |row| {
                (0..columns)
                    .map(|column| row.get::<_, rusqlite::types::Value>(column))
                    .collect()
            })
            .map_err(fail)?;
        rows.map(|row: Result<Vec<_>, _>| {
            let row = row.map_err(fail)?;
            let row = row.into_iter().map(|value| match value {
                rusqlite::types::Value::Null => SqlValue::Null,
                rusqlite::types::Value::Integer(value) => SqlValue::Int(value),
                rusqlite::types::Value::Text(value) => SqlValue::Text(value),
                other => panic!("unexpected {other:?}"),
            });
            Ok(Row(row.collect()))
        })
        .collect()
    }
}

pub(crate) fn t0() -> DateTime<Utc> {
    "2026-11-22T10:00:00Z".parse().expect("a time")
}

pub(crate) fn core() -> Core<MemoryDb> {
    Core::open(MemoryDb::new(), settings(), "boot".to_owned(), t0()).expect("opens")
}

pub(crate) fn reopen(core: Core<MemoryDb>) -> Core<MemoryDb> {
    Core::open(core.db, core.settings, "boot2".to_owned(), t0()).expect("opens")
}

/// A core whose container has been launched; returns the credentials too.
pub(crate) fn launched() -> (Core<MemoryDb>, RunCredentials) {
    let mut core = core();
    core.happen(Input::Start, "ada@example.com", t0())
        .expect("starts");
    assert!(
        core.take_tasks()
            .contains(&Task::Container(Effect::Launch { run: 1 }))
    );
    let credentials = core
        .issue_credentials(1, ([1; 32], [2; 32]))
        .expect("issued");
    (core, credentials)
}

pub(crate) fn fetch(core: &mut Core<MemoryDb>, credentials: &RunCredentials) -> ConfigBundle {
    let reply = core
        .init_config(credentials.init.expose(), t0())
        .expect("config");
    serde_json::from_value(reply.body).expect("bundle")
}

pub(crate) fn observe(
    core: &mut Core<MemoryDb>,
    credentials: &RunCredentials,
    bundle: &ConfigBundle,
) {
    let report = Report::Observed {
        policy_version: bundle.policy_version,
        config_hash: bundle.config_hash.clone(),
        valid: true,
        applied: true,
        openclaw_version: "2026.9.6".to_owned(),
        config: json!({"tools": {}}),
    };
    core.init_report(credentials.init.expose(), report, t0())
        .expect("taken");
}

pub(crate) fn actions(core: &Core<MemoryDb>) -> Vec<String> {
    let page = audit::page(&core.db, None).expect("audit");
    page.items
        .into_iter()
        .rev()
        .map(|entry| format!("{} {}", entry.actor, entry.action))
        .collect()
}

pub(crate) fn deny_exec(core: &Core<MemoryDb>) -> Policy {
    let mut document = core.newest.document.clone();
    document.tools.deny = vec!["exec".parse().expect("tool")];
    document
}

pub(crate) fn call(model: &str, input_tokens: u64, output_tokens: u64) -> CallRequest {
    CallRequest {
        operation: Operation::ChatCompletions,
        model: model.to_owned(),
        input_tokens,
        max_output_tokens: Some(output_tokens),
        agent: None,
        session: None,
        earlier_calls: 0,
        may_wait: false,
    }
}

pub(crate) fn limit(core: &mut Core<MemoryDb>, tokens: u64) {
    let mut document = core.newest.document.clone();
    document.budgets.tokens_per_day = Some(tokens);
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
}

pub(crate) fn used(input_tokens: u64, output_tokens: u64) -> Option<Ending> {
    let usage = Usage {
        input_tokens,
        output_tokens,
        ..Usage::default()
    };
    let reading = Reading {
        usage,
        source: Source::Reported,
    };
    let outcome = domain::wire::usage::CallOutcome::Finished;
    Some(Ending {
        reading,
        first_byte_ms: Some(5),
        total_ms: 9,
        outcome,
    })
}

pub(crate) fn is_admitted(admission: &Admission) -> bool {
    matches!(admission, Admission::Admitted { .. })
}

#[test]
fn a_new_gateway_has_a_first_policy_and_nothing_runs() {
    let core = core();
    assert_eq!(core.newest.version, 1);
    assert_eq!(core.state.status().phase, SandboxPhase::Stopped);
    assert_eq!(core.next_alarm(), None);
    assert_eq!(actions(&core), ["gateway policy.saved"]);
    let reopened = reopen(core);
    assert_eq!(reopened.newest.version, 1);
    assert_eq!(
        actions(&reopened).len(),
        1,
        "opening again saves nothing again"
    );
}

#[test]
fn a_policy_goes_from_pending_to_applied() {
    let (mut core, credentials) = launched();
    assert_eq!(core.apply_state(), ApplyState::Pending);
    let first = fetch(&mut core, &credentials);
    assert_eq!(core.apply_state(), ApplyState::Applying);
    observe(&mut core, &credentials, &first);
    assert_eq!(core.apply_state(), ApplyState::Applied);
    assert!(core.state.is_ready());
    core.take_tasks();

    let document = deny_exec(&core);
    core.save_policy(document, "ada@example.com", Some("no commands"), t0())
        .expect("saved");
    assert_eq!(core.apply_state(), ApplyState::Pending);
    assert_eq!(
        core.take_tasks(),
        [Task::Reload, Task::Container(Effect::Announce)]
    );
    let second = fetch(&mut core, &credentials);
    assert_ne!(first.config_hash, second.config_hash);
    observe(&mut core, &credentials, &first);
    assert_eq!(
        core.apply_state(),
        ApplyState::Applying,
        "the old one is still in force"
    );
    observe(&mut core, &credentials, &second);
    let status = core.policy_status();
    assert_eq!(status.state, ApplyState::Applied);
    assert_eq!(status.effective_version, Some(2));
    assert_eq!(core.effective().expect("effective").version, Some(2));
}

#[test]
fn a_refused_policy_says_why_and_the_old_one_stays_in_force() {
    let (mut core, credentials) = launched();
    let first = fetch(&mut core, &credentials);
    observe(&mut core, &credentials, &first);
    let document = deny_exec(&core);
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    let second = fetch(&mut core, &credentials);
    let issue = ConfigIssue {
        path: "tools".to_owned(),
        message: "no".to_owned(),
    };
    let report = Report::Rejected {
        policy_version: 2,
        config_hash: second.config_hash,
        issues: vec![issue],
    };
    for _ in 0..3 {
        core.init_report(credentials.init.expose(), report.clone(), t0())
            .expect("taken");
    }
    let status = core.policy_status();
    assert_eq!(status.state, ApplyState::Failed);
    assert_eq!(
        status.detail.as_deref(),
        Some("OpenClaw refused it: tools: no")
    );
    assert_eq!(status.effective_version, Some(1));
    let rejections = actions(&core)
        .iter()
        .filter(|a| a.ends_with("policy.rejected"))
        .count();
    assert_eq!(rejections, 1, "the same refusal is written down once");
}

#[test]
fn steps_lead_to_ready_and_an_exit_takes_it_away() {
    let (mut core, credentials) = launched();
    for step in [
        StartStep::Configuring,
        StartStep::Openclaw,
        StartStep::Confirming,
    ] {
        core.init_report(credentials.init.expose(), Report::Step { step }, t0())
            .expect("taken");
        assert_eq!(core.state.status().step, Some(step));
    }
    let bundle = fetch(&mut core, &credentials);
    observe(&mut core, &credentials, &bundle);
    assert!(core.state.is_ready());
    let exit = Report::OpenclawExited {
        code: 137,
        log_tail: "a\nb".to_owned(),
        restart_in_ms: 1000,
    };
    core.init_report(credentials.init.expose(), exit, t0())
        .expect("taken");
    assert!(!core.state.is_ready());
    assert_eq!(
        core.apply_state(),
        ApplyState::Applying,
        "nothing is in force while it is away"
    );
    let page = audit::page(&core.db, None).expect("audit");
    assert!(
        page.items[0].detail.ends_with("1000 ms: a b"),
        "{:?}",
        page.items[0]
    );
}

#[test]
fn only_the_running_container_s_credentials_count() {
    let (mut core, old) = launched();
    let refused = |outcome: Result<Reply, Problem>| outcome.expect_err("refused").status;
    for wrong in ["", "tin_", old.model.expose(), "' or 1=1 --"] {
        assert_eq!(refused(core.init_config(wrong, t0())), 401, "{wrong}");
    }
    core.happen(Input::Restart, "ada@example.com", t0())
        .expect("restarts");
    let exited = Input::Exited {
        run: 1,
        code: Some(0),
        reason: "ended".to_owned(),
    };
    core.happen(exited, GATEWAY, t0()).expect("exits");
    let new = core
        .issue_credentials(2, ([3; 32], [4; 32]))
        .expect("issued");
    assert_eq!(refused(core.init_config(old.init.expose(), t0())), 401);
    assert!(core.init_config(new.init.expose(), t0()).is_ok());
    core.happen(Input::Destroy, "ada@example.com", t0())
        .expect("ends");
    let exited = Input::Exited {
        run: 2,
        code: Some(0),
        reason: "ended".to_owned(),
    };
    core.happen(exited, GATEWAY, t0()).expect("exits");
    assert_eq!(
        refused(core.init_config(new.init.expose(), t0())),
        401,
        "nothing runs any more"
    );
    let noted = actions(&core)
        .iter()
        .filter(|a| a.ends_with("credential.refused"))
        .count();
    assert_eq!(
        noted, 1,
        "a flood of wrong credentials does not fill the audit"
    );
}

#[test]
fn a_running_container_survives_a_restart_of_the_durable_object() {
    let (mut core, credentials) = launched();
    let bundle = fetch(&mut core, &credentials);
    observe(&mut core, &credentials, &bundle);
    let mut core = reopen(core);
    core.awake(true, t0()).expect("awake");
    assert_eq!(
        core.take_tasks(),
        [Task::Container(Effect::Adopt { run: 1 })]
    );
    assert!(core.state.is_ready());
    assert_eq!(core.apply_state(), ApplyState::Applied);
    assert!(core.init_config(credentials.init.expose(), t0()).is_ok());
}

#[test]
fn secrets_are_stored_as_hashes() {
    let (core, credentials) = launched();
    let rows = core
        .db
        .run("SELECT json FROM records", &[])
        .expect("records");
    let text = format!("{rows:?} {:?}", core.secrets);
    assert!(
        !text.contains(credentials.init.expose()) && !text.contains(credentials.model.expose())
    );
}

#[test]
fn a_call_is_checked_reserved_and_settled() {
    let (mut core, credentials) = launched();
    limit(&mut core, 1_000);
    let key = credentials.model.expose();
    let wrong = core
        .admit("tmk_x", &call("m1", 1, 1), "a".into(), t0())
        .expect("answered");
    assert_eq!(wrong, Admission::WrongKey);
    let unknown = core
        .admit(key, &call("m2", 1, 1), "a".into(), t0())
        .expect("answered");
    assert_eq!(unknown, Admission::UnknownModel);
    let first = core
        .admit(key, &call("m1", 400, 500), "a".into(), t0())
        .expect("answered");
    assert!(is_admitted(&first));
    core.settle("a", used(400, 10), t0()).expect("settled");
    core.settle("a", used(400, 10), t0())
        .expect("settling twice counts once");
    assert_eq!(core.budget_status(t0()).expect("budget").tokens_used, 410);
    let page = usage::page(&core.db, None).expect("usage");
    assert_eq!((page.items[0].calls, page.items[0].input_tokens), (1, 400));
}

#[test]
fn calls_that_arrive_together_cannot_pass_the_limit_together() {
    let (mut core, credentials) = launched();
    limit(&mut core, 10_000);
    let key = credentials.model.expose();
    let mut admitted = Vec::new();
    for index in 0..400 {
        let id = format!("c{index}");
        let answer = core.admit(key, &call("m1", 50, 50), id.clone(), t0());
        if let Admission::Admitted { output_tokens, .. } = answer.expect("answered") {
            admitted.push((id, output_tokens.unwrap_or(50)));
        }
    }
    // Near the limit the provider is told to stop earlier.
    assert!((100..=150).contains(&admitted.len()), "{}", admitted.len());
    for (id, made) in &admitted {
        core.settle(id, used(50, *made), t0()).expect("settled");
    }
    let total = core.budget_status(t0()).expect("budget").tokens_used;
    assert!((9_900..=10_066).contains(&total), "{total}");
    limit(&mut core, total);
    let refusal = core
        .admit(key, &call("m1", 1, 1), "z".into(), t0())
        .expect("answered");
    let Admission::Refused {
        message,
        retry_after_seconds,
        ..
    } = refusal
    else {
        panic!("admitted")
    };
    assert!(message.starts_with("Daily budget exhausted"), "{message}");
    assert_eq!(retry_after_seconds, 14 * 3600);
    let lower = message.to_lowercase();
    assert!(
        !["rpm", "tpm", "per minute"]
            .iter()
            .any(|word| lower.contains(word)),
        "{message}"
    );
}

#[test]
fn a_call_that_never_settles_is_charged_in_full_and_frees_its_reservation() {
    let (mut core, credentials) = launched();
    limit(&mut core, 100);
    let key = credentials.model.expose();
    core.admit(key, &call("m1", 60, 50), "lost".into(), t0())
        .expect("answered");
    let later = t0() + TimeDelta::minutes(31);
    core.tick(later).expect("ticks");
    assert_eq!(core.budget_status(later).expect("budget").tokens_used, 76);
    core.settle("lost", used(1, 1), t0()).expect("settled");
    assert_eq!(core.budget_status(later).expect("budget").tokens_used, 76);
}

#[test]
fn a_new_day_starts_at_nothing_and_a_late_settlement_counts_for_its_own_day() {
    let (mut core, credentials) = launched();
    limit(&mut core, 100);
    let key = credentials.model.expose();
    let evening = "2026-11-22T23:59:59Z".parse().expect("a time");
    let morning = "2026-11-23T00:00:00Z".parse().expect("a time");
    core.admit(key, &call("m1", 100, 50), "a".into(), evening)
        .expect("answered");
    assert!(!is_admitted(
        &core
            .admit(key, &call("m1", 1, 1), "b".into(), evening)
            .expect("answered")
    ));
    assert!(is_admitted(
        &core
            .admit(key, &call("m1", 1, 1), "b".into(), morning)
            .expect("answered")
    ));
    core.settle("a", used(50, 50), t0()).expect("settled");
    assert_eq!(core.budget_status(morning).expect("budget").tokens_used, 0);
    assert_eq!(
        core.budget_status(evening).expect("budget").tokens_used,
        100
    );
}

fn enrolled() -> Value {
    json!({
        "gateway_id": "gw_01jd0000000000000000000000", "credential": "tgc_secret",
        "heartbeat_interval_seconds": 15, "issuer": "https://registry.example.com",
        "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "AA"}]},
    })
}

fn join(core: &mut Core<MemoryDb>, answer: Result<Answer, String>) -> Result<(), Problem> {
    let join = serde_json::from_value(json!({
        "registry_url": "https://registry.example.com/", "join_token": "tjt_x",
    }));
    let joining = core.begin_join(&join.expect("body"))?;
    assert_eq!(joining.url, "https://registry.example.com/api/v1/enroll");
    let ada = Principal {
        subject: "ada@example.com".to_owned(),
        role: domain::access::Role::Admin,
        groups: Vec::new(),
    };
    core.finish_join(&joining, answer, &ada, t0()).map(drop)
}

fn answer(status: u16, body: Value) -> Result<Answer, String> {
    Ok(Answer { status, body })
}

#[test]
fn joining_a_registry_starts_the_heartbeat() {
    let mut core = core();
    assert_eq!(core.enrolment().expect_err("none").status, 404);
    assert!(core.begin_beat(t0()).expect("beat").is_none());
    join(&mut core, answer(201, enrolled())).expect("joins");
    let shown = serde_json::to_string(&core.enrolment().expect("enrolment")).expect("json");
    assert!(!shown.contains("tgc_secret"));
    let beat = core.begin_beat(t0()).expect("beat").expect("due");
    assert!(
        beat.url
            .ends_with("/api/v1/gateways/gw_01jd0000000000000000000000/heartbeat")
    );
    assert_eq!(
        (&beat.body["sequence"], &beat.body["boot_id"]),
        (&json!(1), &json!("boot"))
    );
    assert!(
        core.begin_beat(t0()).expect("beat").is_none(),
        "one at a time"
    );
    core.beat_done(answer(200, json!({"interval_seconds": 20})), 0, t0())
        .expect("done");
    assert_eq!(core.next_alarm(), Some(t0() + TimeDelta::seconds(20)));
    assert!(core.enrolment().expect("enrolment").last_error.is_none());
}

#[test]
fn a_registry_that_is_down_is_tried_less_and_less() {
    let mut core = core();
    join(&mut core, answer(201, enrolled())).expect("joins");
    let mut now = t0();
    let mut waits = Vec::new();
    for _ in 0..11 {
        core.begin_beat(now).expect("beat").expect("due");
        core.beat_done(Err("no answer".to_owned()), 0, now)
            .expect("done");
        core.hurry(now);
        let due = core.next_alarm().expect("due");
        waits.push((due - now).num_seconds());
        now = due;
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
    assert_eq!(
        core.enrolment().expect("enrolment").last_error.as_deref(),
        Some("no answer")
    );
    core.begin_beat(now).expect("beat").expect("due");
    core.beat_done(Err("no answer".to_owned()), 255, now)
        .expect("done");
    assert_eq!(
        (core.next_alarm().expect("due") - now).num_seconds(),
        750,
        "spread out"
    );
}

#[test]
fn another_registry_does_not_inherit_the_failures_of_the_one_before() {
    let mut core = core();
    join(&mut core, answer(201, enrolled())).expect("joins");
    for _ in 0..5 {
        let now = core.next_alarm().unwrap_or_else(t0);
        core.begin_beat(now).expect("beat").expect("due");
        core.beat_done(Err("no answer".to_owned()), 0, now)
            .expect("done");
    }
    assert!(core.begin_beat(t0()).expect("beat").is_none());
    join(&mut core, answer(201, enrolled())).expect("joins again");
    assert!(core.begin_beat(t0()).expect("beat").is_some());
}

#[test]
fn what_happens_during_a_heartbeat_is_told_right_after_it() {
    let mut core = core();
    join(&mut core, answer(201, enrolled())).expect("joins");
    core.begin_beat(t0()).expect("beat").expect("due");
    core.hurry(t0());
    core.beat_done(answer(200, json!({"interval_seconds": 20})), 0, t0())
        .expect("done");
    assert!(core.begin_beat(t0()).expect("beat").is_some());
}

#[test]
fn a_heartbeat_whose_end_is_never_heard_of_does_not_stop_the_next() {
    let mut core = core();
    join(&mut core, answer(201, enrolled())).expect("joins");
    core.begin_beat(t0()).expect("beat").expect("due");
    let given_up = t0() + TimeDelta::seconds(30);
    // Not at once: an alarm that is due already would go off for as long as it lasts.
    assert_eq!(core.next_alarm(), Some(given_up));
    assert!(core.begin_beat(t0()).expect("beat").is_none());
    assert!(core.begin_beat(given_up).expect("beat").is_some());
}

#[test]
fn hours_that_are_over_go_to_a_registry_that_takes_them_once() {
    let (mut core, credentials) = launched();
    join(&mut core, answer(201, enrolled())).expect("joins");
    let key = credentials.model.expose().to_owned();
    for (id, minutes) in [("a", 0), ("b", 70), ("c", 130)] {
        let at = t0() + TimeDelta::minutes(minutes);
        core.admit(&key, &call("m1", 1, 1), id.into(), at)
            .expect("answered");
        core.settle(id, used(10, 5), at).expect("settled");
    }
    // 12:10: the hours of 10 and 11 are over, the one of 12 is not.
    let mut now = t0() + TimeDelta::minutes(130);
    let mut beat = |core: &mut Core<MemoryDb>, ack: Value| {
        now += TimeDelta::seconds(10);
        core.hurry(now);
        let beat = core.begin_beat(now).expect("beat").expect("due");
        core.beat_done(answer(200, ack), 0, now).expect("done");
        beat.body["usage"].clone()
    };
    let old = json!({"interval_seconds": 1});
    let takes = |through: Option<&str>| json!({"interval_seconds": 1, "usage_hours": 48, "usage_through": through});
    assert_eq!(beat(&mut core, old.clone()), Value::Null);
    assert_eq!(
        beat(&mut core, takes(None)),
        Value::Null,
        "the one before took none"
    );
    let hours = beat(&mut core, takes(None));
    assert_eq!(
        (&hours[0]["hour"], &hours[1]["hour"], &hours[2]),
        (
            &json!("2026-11-22T10"),
            &json!("2026-11-22T11"),
            &Value::Null
        )
    );
    assert_eq!(hours[0]["totals"]["output_tokens"], 5);
    assert_eq!(
        beat(&mut core, takes(Some("2026-11-22T10"))),
        hours,
        "not taken: again"
    );
    let rest = beat(&mut core, takes(Some("2026-11-22T11")));
    assert_eq!(
        (&rest[0]["hour"], &rest[1]),
        (&hours[1]["hour"], &Value::Null)
    );
    assert_eq!(beat(&mut core, old), Value::Null, "all are taken");
}

#[test]
fn a_registry_s_refusal_is_told_in_its_words() {
    let mut core = core();
    let gone = serde_json::to_value(Problem::gone("The join token was used.")).expect("json");
    let problem = join(&mut core, answer(410, gone)).expect_err("refused");
    assert_eq!(
        (problem.status, problem.detail.as_str()),
        (409, "The registry refused: The join token was used.")
    );
    for odd in [
        answer(200, json!({})),
        answer(200, Value::Null),
        answer(500, Value::Null),
        Err("reset".into()),
    ] {
        assert_eq!(join(&mut core, odd).expect_err("refused").status, 502);
    }
    let mut no_keys = enrolled();
    no_keys["jwks"]["keys"] = json!([]);
    assert_eq!(
        join(&mut core, answer(201, no_keys))
            .expect_err("refused")
            .status,
        502
    );
    assert!(core.enrolment().is_err());
}

#[test]
fn a_registry_s_token_names_a_person_of_the_policy() {
    use domain::access::ed25519::TokenKey;
    let key = TokenKey::from_seed("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").expect("seed");
    let mut core = core();
    let mint = |subject: &str, audience: &str, now: i64| Caller::Registry {
        token: key.mint("https://registry.example.com", audience, subject, "j", now),
    };
    let id = "gw_01jd0000000000000000000000";
    let now = t0().timestamp();
    let status = |core: &Core<MemoryDb>, caller: &Caller| {
        core.principal(caller, t0())
            .map(|who| who.subject)
            .map_err(|problem| problem.status)
    };
    assert_eq!(
        status(&core, &mint("ada@example.com", id, now)),
        Err(401),
        "not enrolled"
    );
    let mut body = enrolled();
    body["jwks"]["keys"] = json!([key.public()]);
    join(&mut core, answer(201, body)).expect("joins");
    assert_eq!(
        status(&core, &mint("Ada@example.com", id, now)),
        Ok("ada@example.com".to_owned())
    );
    assert_eq!(status(&core, &mint("eve@example.com", id, now)), Err(403));
    assert_eq!(
        status(&core, &mint("ada@example.com", "gw_other", now)),
        Err(401)
    );
    assert_eq!(
        status(&core, &mint("ada@example.com", id, now - 3600)),
        Err(401)
    );
    let service = Caller::Service {
        name: "ci".to_owned(),
    };
    assert_eq!(status(&core, &service), Err(403));

    // Eve is in a group that the policy names, and the registry's token says so.
    let mut document = core.newest().document.clone();
    document.access.groups = serde_json::from_value(json!([
        { "group": "gateway-admins", "role": "admin" }
    ]))
    .expect("groups");
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    let member = |groups: &[&str]| {
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        let holder = domain::access::ed25519::Holder {
            email: "eve@example.com",
            groups: &groups,
        };
        Caller::Registry {
            token: key.mint_for("https://registry.example.com", id, holder, "j", now),
        }
    };
    let eve = core
        .principal(&member(&["gateway-admins"]), t0())
        .expect("an admin");
    assert_eq!(
        (eve.subject.as_str(), eve.role),
        ("eve@example.com", domain::access::Role::Admin)
    );
    assert_eq!(status(&core, &member(&["others"])), Err(403));
    assert_eq!(
        status(&core, &mint("eve@example.com", id, now)),
        Err(403),
        "an old token"
    );
    let Caller::Registry { token } = member(&["others"]) else {
        panic!()
    };
    let oversized = Caller::Registry {
        token: format!("{token}{}", "A".repeat(16 * 1024)),
    };
    assert_eq!(status(&core, &oversized), Err(401));
}

#[test]
fn tracking_json_format_unchanged() {
    let (mut core, credentials) = launched();
    let mut bundle = fetch(&mut core, &credentials);
    bundle.config_hash = "00ff".to_owned();
    observe(&mut core, &credentials, &bundle);
    core.tracking.acknowledged = None;
    insta::assert_json_snapshot!(core.tracking, @r#"
    {
      "acknowledged": null,
      "observed": {
        "at": "2026-11-22T10:00:00Z",
        "version": 1,
        "hash": "00ff",
        "valid": true,
        "applied": true,
        "config": {
          "tools": {}
        }
      },
      "confirmed": {
        "at": "2026-11-22T10:00:00Z",
        "since": "2026-11-22T10:00:00Z",
        "version": 1,
        "hash": "00ff"
      },
      "good": {
        "at": "2026-11-22T10:00:00Z",
        "since": "2026-11-22T10:00:00Z",
        "version": 1,
        "hash": "00ff"
      },
      "rejected": null,
      "failures": [],
      "openclaw_version": "2026.9.6"
    }
    "#);
}

#[test]
fn a_gateway_from_before_the_audit_chain_begins_one_that_holds_its_old_entries() {
    let db = MemoryDb::new();
    // As the first release left it.
    crate::sandbox::schema::migrate_to(&db, 1).expect("migrated");
    let text = r"INSERT INTO audit (at, actor, action, detail) VALUES
        ('2026-11-20T09:00:00+00:00', 'gateway', 'policy.saved', 'version 1'),
        ('2026-11-20T09:00:01+00:00', 'ada@example.com', 'sandbox.start_asked', '')";
    db.0.execute_batch(text).expect("entries");
    let core = Core::open(db, settings(), "boot".to_owned(), t0()).expect("opens");
    let entries = audit::page(&core.db, None).expect("audit").items;
    let actions: Vec<&str> = entries
        .iter()
        .rev()
        .map(|entry| entry.action.as_str())
        .collect();
    assert_eq!(
        actions,
        [
            "policy.saved",
            "sandbox.start_asked",
            "audit.chain_started",
            "policy.saved"
        ]
    );
    let verdict = audit::verify(&core.db, None).expect("verdict");
    assert!(verdict.intact && verdict.before_chain == 2, "{verdict:?}");
    core.db
        .0
        .execute_batch("UPDATE audit SET detail = 'x' WHERE seq = 1")
        .expect("altered");
    assert!(!audit::verify(&core.db, None).expect("verdict").intact);
}

#[test]
fn an_entry_says_where_it_came_from_and_what_the_gateway_does_itself_does_not() {
    let mut core = core();
    let origin = domain::audit::Origin {
        door: domain::audit::Door::Public,
        address: Some("203.0.113.9".to_owned()),
        agent: Some("curl".to_owned()),
    };
    core.asked_from(Some(origin.clone()), |core| {
        core.happen(Input::Start, "ada@example.com", t0())
    })
    .expect("starts");
    core.note(GATEWAY, "usage.estimated", "", t0())
        .expect("noted");
    let entries = audit::page(&core.db, None).expect("audit").items;
    assert_eq!(
        entries[0].origin.as_ref().map(|o| o.door),
        Some(domain::audit::Door::Gateway)
    );
    assert_eq!(entries[1].origin.as_ref(), Some(&origin));
}

fn reject(
    core: &mut Core<MemoryDb>,
    credentials: &RunCredentials,
    bundle: &ConfigBundle,
) -> String {
    let issue = ConfigIssue {
        path: "tools".to_owned(),
        message: "no".to_owned(),
    };
    let report = Report::Rejected {
        policy_version: bundle.policy_version,
        config_hash: bundle.config_hash.clone(),
        issues: vec![issue],
    };
    let reply = core
        .init_report(credentials.init.expose(), report, t0())
        .expect("taken");
    reply.body["desired_hash"]
        .as_str()
        .expect("a hash")
        .to_owned()
}

fn next_run(core: &mut Core<MemoryDb>, run: u64) -> RunCredentials {
    core.happen(Input::Restart, "gateway", t0())
        .expect("restarts");
    let exited = Input::Exited {
        run: run - 1,
        code: Some(0),
        reason: "ended".to_owned(),
    };
    core.happen(exited, GATEWAY, t0()).expect("exits");
    core.issue_credentials(run, ([3; 32], [4; 32]))
        .expect("issued")
}

#[test]
fn what_fails_goes_back_and_after_three_failures_waits_for_an_operator() {
    let (mut core, mut credentials) = launched();
    let first = fetch(&mut core, &credentials);
    observe(&mut core, &credentials, &first);
    let document = deny_exec(&core);
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    for run in 2..=4 {
        let second = fetch(&mut core, &credentials);
        assert_eq!(second.policy_version, 2, "each run tries it");
        assert_eq!(reject(&mut core, &credentials, &second), first.config_hash);
        let again = fetch(&mut core, &credentials);
        assert_eq!(
            (again.policy_version, &again.config_hash),
            (1, &first.config_hash)
        );
        observe(&mut core, &credentials, &again);
        let status = core.policy_status();
        assert_eq!(
            (status.state, status.effective_version),
            (ApplyState::Failed, Some(1))
        );
        credentials = next_run(&mut core, run);
    }
    let mut core = reopen(core);
    assert_eq!(
        fetch(&mut core, &credentials).policy_version,
        1,
        "not tried again"
    );
    assert_eq!(core.apply_state(), ApplyState::Failed);
    assert!(
        core.policy_status()
            .detail
            .expect("why")
            .contains("not tried again")
    );
    let count = |core: &Core<MemoryDb>, action: &str| {
        actions(core)
            .iter()
            .filter(|noted| noted.ends_with(action))
            .count()
    };
    assert_eq!(
        (
            count(&core, "policy.rejected"),
            count(&core, "policy.rolled_back")
        ),
        (3, 3)
    );
    assert_eq!(count(&core, "policy.held"), 1);
    let versions = policies::page(&core.db, None).expect("versions").items;
    assert_eq!(
        versions[0].failure.as_deref(),
        Some("OpenClaw refused it: tools: no")
    );
    assert_eq!(versions[1].failure, None);
    core.forgive(t0()).expect("an operator starts it");
    assert!(core.take_tasks().contains(&Task::Reload));
    assert_eq!(fetch(&mut core, &credentials).policy_version, 2);
}

#[test]
fn a_configuration_is_good_once_it_stayed_healthy_for_the_window() {
    let (mut core, credentials) = launched();
    let first = fetch(&mut core, &credentials);
    observe(&mut core, &credentials, &first);
    let loosened = |core: &Core<MemoryDb>, tokens: u64| {
        let mut document = core.newest.document.clone();
        document.tools.allow = vec![format!("web_{tokens}").parse().expect("tool")];
        document
    };
    let document = loosened(&core, 1);
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    let second = fetch(&mut core, &credentials);
    assert!(!second.watch.keep_when_unhealthy && second.watch.health_window_seconds.is_some());
    observe(&mut core, &credentials, &second);
    assert_eq!(core.apply_state(), ApplyState::Applied);
    assert_eq!(
        reject(&mut core, &credentials, &second),
        first.config_hash,
        "within the window"
    );

    let document = deny_exec(&core);
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    let third = fetch(&mut core, &credentials);
    assert!(
        third.watch.keep_when_unhealthy,
        "an agent cannot undo a tightening by ending OpenClaw"
    );
    observe(&mut core, &credentials, &third);
    let later = t0() + core.health_window();
    let report = Report::Observed {
        policy_version: 3,
        config_hash: third.config_hash.clone(),
        valid: true,
        applied: true,
        openclaw_version: "2026.9.6".to_owned(),
        config: json!({}),
    };
    core.init_report(credentials.init.expose(), report, later)
        .expect("taken");
    let document = loosened(&core, 2);
    core.save_policy(document, "ada@example.com", None, later)
        .expect("saved");
    let fourth = fetch(&mut core, &credentials);
    assert_eq!(reject(&mut core, &credentials, &fourth), third.config_hash);
}

#[test]
fn an_agent_proposes_with_the_container_s_key_and_a_restart_loses_nothing() {
    let (mut core, credentials) = launched();
    let draft = || domain::proposal::Draft {
        kind: domain::proposal::Kind::ConfigKey,
        target: "/tools/deny".to_owned(),
        content: json!(["exec"]),
        reason: "not needed".to_owned(),
    };
    for wrong in ["", credentials.init.expose(), "tmk_x"] {
        let problem = core
            .propose_as_agent(wrong, draft(), t0())
            .expect_err("refused");
        assert_eq!(problem.status, 401, "{wrong}");
    }
    let made = core
        .propose_as_agent(credentials.model.expose(), draft(), t0())
        .expect("made");
    assert_eq!(
        (made.state, made.author.as_str()),
        (domain::proposal::State::Pending, "agent")
    );
    let mut core = reopen(core);
    let key = credentials.model.expose();
    assert_eq!(
        core.proposal_for_agent(key, &made.id, t0()).expect("kept"),
        made
    );
    let late = core.proposal(&made.id, made.expires_at).expect("kept");
    assert_eq!(late.state, domain::proposal::State::Expired);
    for _ in 0..200 {
        if let Err(problem) = core.propose_as_agent(key, draft(), t0()) {
            assert_eq!(problem.status, 429);
            return;
        }
    }
    panic!("an agent can fill the ledger");
}
