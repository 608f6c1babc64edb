use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Role;
use domain::policy::Policy;
use domain::wire::usage::{BrowserReport, RefusalReason, StopModels};
use serde_json::{Value, json};

use super::{BrowserVerdict, LEASE};
use crate::command::{BrowserAsk, BrowserTicket};
use crate::sandbox::core::tests::{MemoryDb, launched, t0};
use crate::sandbox::core::{Core, Principal, Task};
use crate::sandbox::lifecycle::Input;
use crate::sandbox::store::audit;

type TestCore = Core<MemoryDb>;

/// A core with a running container and the given browser limits; the container's key.
fn with_browser(limits: Value) -> (TestCore, String) {
    let (mut core, credentials) = launched();
    save(&mut core, limits, t0());
    (core, credentials.model.expose().to_owned())
}

fn save(core: &mut TestCore, limits: Value, now: DateTime<Utc>) {
    let mut document = serde_json::to_value(&core.newest.document).expect("json");
    document["budgets"] = json!({"time_zone": "Europe/Berlin"});
    if !limits.is_null() {
        document["budgets"]["browser"] = limits;
    }
    let document: Policy = serde_json::from_value(document).expect("a policy");
    core.save_policy(document, "ada@example.com", None, now)
        .expect("saved");
    core.take_tasks();
}

fn after(seconds: i64) -> DateTime<Utc> {
    t0() + TimeDelta::seconds(seconds)
}

/// Opens a session of its own; its id is also what the service calls it.
fn open(core: &mut TestCore, key: &str, id: &str, now: DateTime<Utc>) -> Result<(), (u16, String)> {
    let verdict = core
        .browser_asked(key, &BrowserAsk::Open, id.to_owned(), now)
        .map_err(|problem| (problem.status, problem.detail))?;
    let session = id.to_owned();
    assert_eq!(verdict, BrowserVerdict::Opening { session });
    core.browser_opened(id, Some(format!("up-{id}")), now)
        .expect("opened");
    Ok(())
}

/// Speaks of a session every ten seconds, until it has ended or the time is over.
fn stay(core: &mut TestCore, id: &str, from: i64, to: i64) -> Option<String> {
    (from..=to).step_by(10).find_map(|at| {
        let renewal = core.renew_browser(id, true, after(at)).expect("renewed");
        renewal.ended
    })
}

fn report(core: &TestCore, now: DateTime<Utc>) -> BrowserReport {
    let report = core.budgets(now).expect("budgets").browser;
    report.expect("there is something to say")
}

fn refusals(core: &mut TestCore) -> Vec<(RefusalReason, u64)> {
    let rows = core.refusals("2026-11-01", "2026-11-30").expect("rows");
    rows.iter().map(|row| (row.reason, row.calls)).collect()
}

#[test]
fn without_the_clause_there_is_no_browser() {
    let (mut core, key) = with_browser(Value::Null);
    for ask in [BrowserAsk::Find, BrowserAsk::Share, BrowserAsk::Open] {
        let problem = core
            .browser_asked(&key, &ask, "s1".to_owned(), t0())
            .expect_err("refused");
        assert_eq!(problem.status, 403);
    }
    let problem = core
        .browser_asked("tmk_wrong", &BrowserAsk::Find, "s1".to_owned(), t0())
        .expect_err("refused");
    assert_eq!(problem.status, 401);
    assert_eq!(core.budgets(t0()).expect("budgets").browser, None);
    let counted = [(RefusalReason::NoBrowser, 3), (RefusalReason::WrongKey, 1)];
    assert_eq!(refusals(&mut core), counted);
}

#[test]
fn one_session_is_shared_and_others_open_beside_it() {
    let (mut core, key) = with_browser(json!({"sessions": 2}));
    let find = |core: &mut TestCore| {
        let verdict = core.browser_asked(&key, &BrowserAsk::Find, "no".to_owned(), t0());
        verdict.expect("allowed")
    };
    let nothing = BrowserVerdict::Ticket(BrowserTicket::default());
    assert_eq!(find(&mut core), nothing);
    assert_eq!(report(&core, t0()).sessions, 0, "looking opens nothing");
    open(&mut core, &key, "s1", t0()).expect("opens");
    let ticket = BrowserVerdict::Ticket(BrowserTicket {
        session: "s1".to_owned(),
        upstream: "up-s1".to_owned(),
    });
    assert_eq!(find(&mut core), ticket);
    for ask in [
        BrowserAsk::Share,
        BrowserAsk::Attach {
            session: "s1".to_owned(),
        },
    ] {
        let verdict = core.browser_asked(&key, &ask, "s2".to_owned(), t0());
        assert_eq!(verdict.expect("there"), ticket);
    }
    let gone = BrowserAsk::Attach {
        session: "s9".to_owned(),
    };
    let problem = core.browser_asked(&key, &gone, "s2".to_owned(), t0());
    assert_eq!(problem.expect_err("not there").status, 404);
    open(&mut core, &key, "s2", t0()).expect("opens");
    let (status, words) = open(&mut core, &key, "s3", t0()).expect_err("refused");
    assert_eq!(status, 429);
    assert!(words.contains("2 browser sessions are open"), "{words}");
    assert_eq!(refusals(&mut core), [(RefusalReason::BrowserSessions, 1)]);
}

#[test]
fn the_day_has_so_many_sessions_and_one_that_did_not_open_is_none() {
    let (mut core, key) = with_browser(json!({"sessions_per_day": 2}));
    open(&mut core, &key, "s1", t0()).expect("opens");
    let asked = core.browser_asked(&key, &BrowserAsk::Open, "s2".to_owned(), t0());
    asked.expect("allowed");
    let problem = core.browser_opened("s2", None, t0()).expect_err("failed");
    assert_eq!(problem.status, 503);
    open(&mut core, &key, "s3", t0()).expect("opens");
    let (status, words) = open(&mut core, &key, "s4", t0()).expect_err("refused");
    assert_eq!(status, 429);
    assert!(words.contains("2 of 2 sessions"), "{words}");
    assert!(
        words.contains("2026-11-23 00:00 (Europe/Berlin)"),
        "{words}"
    );
    // The day of the policy's zone begins an hour before that of UTC.
    open(&mut core, &key, "s5", after(13 * 3_600)).expect("opens");
    assert_eq!(
        refusals(&mut core),
        [
            (RefusalReason::BrowserSessionsPerDay, 1),
            (RefusalReason::Provider, 1)
        ]
    );
}

#[test]
fn a_session_that_did_not_open_leaves_nothing_due() {
    let (mut core, key) = with_browser(json!({"minutes_per_day": 1}));
    let asked = core.browser_asked(&key, &BrowserAsk::Open, "a".to_owned(), t0());
    assert!(matches!(asked, Ok(BrowserVerdict::Opening { .. })));
    assert_eq!(core.browser_due_at(), Some(after(60)));
    let problem = core.browser_opened("a", None, after(1));
    assert_eq!(problem.map_err(|problem| problem.status), Err(503));
    assert_eq!(core.browser_due_at(), None);
    // Nor does a time that an earlier life of the object worked out.
    core.browser.used_up_at = Some(after(60));
    core.look_after_browser(after(61)).expect("no fault");
    assert_eq!(core.browser_due_at(), None);
}

#[test]
fn minutes_that_are_used_up_close_what_is_open() {
    let (mut core, key) = with_browser(json!({"minutes_per_day": 2}));
    open(&mut core, &key, "s1", t0()).expect("opens");
    assert_eq!(stay(&mut core, "s1", 10, 50), None);
    open(&mut core, &key, "s2", after(60)).expect("opens");
    // Two use what is left twice as fast: the alarm is then, not at the end of a lease.
    let due = core.next_alarm().expect("an alarm");
    assert!(due <= after(90), "{due}");
    assert_eq!(report(&core, after(70)).seconds, 80);
    core.tick(after(90)).expect("ticks");
    assert!(core.take_tasks().contains(&Task::CloseBrowsers));
    assert_eq!(core.browsers_to_close(), ["up-s1", "up-s2"]);
    let why = stay(&mut core, "s1", 95, 95).expect("it has ended");
    assert!(why.contains("2 of 2 minutes are used"), "{why}");
    let (status, _) = open(&mut core, &key, "s3", after(100)).expect_err("refused");
    assert_eq!(status, 429);
    let noted = audit::page(&core.db, None).expect("audit").items;
    assert!(noted.iter().any(|entry| entry.action == "browser.closed"));
    // An operator allows more.
    save(&mut core, json!({"minutes_per_day": 3}), after(110));
    open(&mut core, &key, "s4", after(110)).expect("opens");
}

#[test]
fn a_session_that_nobody_speaks_of_is_given_up_and_costs_no_more() {
    let (mut core, key) = with_browser(json!({}));
    open(&mut core, &key, "s1", t0()).expect("opens");
    assert_eq!(core.next_alarm().map(|at| at <= t0() + LEASE), Some(true));
    // Somebody is connected and asks nothing.
    let renewal = core.renew_browser("s1", false, after(30)).expect("renewed");
    assert_eq!(renewal.ended, None);
    core.tick(after(1_000)).expect("ticks");
    assert_eq!(core.browsers_to_close(), ["up-s1"]);
    let told = report(&core, after(1_000));
    assert_eq!((told.open, told.sessions, told.seconds), (0, 1, 60));
}

#[test]
fn what_is_open_and_used_survives_the_object() {
    let (mut core, key) = with_browser(json!({"minutes_per_day": 2}));
    open(&mut core, &key, "s1", t0()).expect("opens");
    stay(&mut core, "s1", 10, 50);
    let now = after(80);
    let mut core = Core::open(core.db, core.settings, "later".to_owned(), now).expect("opens");
    assert!(
        core.next_alarm().expect("an alarm") <= now,
        "it looks at once"
    );
    assert_eq!(stay(&mut core, "s1", 80, 110), None);
    assert_eq!(report(&core, after(110)).seconds, 110);
    let why = stay(&mut core, "s1", 120, 130).expect("it has ended");
    assert!(why.contains("minutes"), "{why}");
    assert_eq!(core.browsers_to_close(), ["up-s1"]);
}

#[test]
fn midnight_in_the_policy_s_zone_begins_another_day() {
    let (mut core, key) = with_browser(json!({"minutes_per_day": 2}));
    // 23:59 in Berlin.
    let late = 12 * 3_600 + 59 * 60;
    open(&mut core, &key, "s1", after(late)).expect("opens");
    assert_eq!(stay(&mut core, "s1", late, late + 170), None);
    assert_eq!(report(&core, after(late + 170)).seconds, 110);
    let why = stay(&mut core, "s1", late + 180, late + 180);
    assert!(why.is_some(), "the second day has two minutes of its own");
}

#[test]
fn an_operator_the_policy_and_the_container_s_end_close_everything() {
    let ada = Principal {
        subject: "ada@example.com".to_owned(),
        role: Role::Admin,
        groups: Vec::new(),
    };
    let (mut core, key) = with_browser(json!({}));
    open(&mut core, &key, "s1", t0()).expect("opens");
    core.stop_models(StopModels::default(), &ada, after(5))
        .expect("stopped");
    assert!(core.take_tasks().contains(&Task::CloseBrowsers));
    assert_eq!(core.browsers_to_close(), ["up-s1"]);
    let why = stay(&mut core, "s1", 6, 6).expect("it has ended");
    assert!(why.contains("ada@example.com"), "{why}");
    let (status, _) = open(&mut core, &key, "s2", after(7)).expect_err("refused");
    assert_eq!(status, 503);
    assert_eq!(refusals(&mut core), [(RefusalReason::Stopped, 1)]);
    core.resume_models(&ada, after(8)).expect("resumed");
    // What the service opened after everything was stopped is closed again.
    let asked = core.browser_asked(&key, &BrowserAsk::Open, "s3".to_owned(), after(9));
    asked.expect("allowed");
    core.stop_models(StopModels::default(), &ada, after(10))
        .expect("stopped");
    let late = core.browser_opened("s3", Some("up-s3".to_owned()), after(11));
    assert_eq!(late.expect_err("too late").status, 503);
    assert_eq!(core.browsers_to_close(), ["up-s3"]);
    core.resume_models(&ada, after(12)).expect("resumed");
    open(&mut core, &key, "s4", after(13)).expect("opens");
    save(&mut core, Value::Null, after(14));
    assert_eq!(core.browsers_to_close(), ["up-s4"]);
    save(&mut core, json!({}), after(15));
    open(&mut core, &key, "s5", after(16)).expect("opens");
    let reason = "it was ended".to_owned();
    let run = core.state().run;
    let exited = Input::Exited {
        run,
        code: None,
        reason,
    };
    core.happen(exited, "gateway", after(17)).expect("exits");
    assert_eq!(core.browsers_to_close(), ["up-s5"]);
}
