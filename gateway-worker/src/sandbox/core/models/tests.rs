//! Admission, settlement and reports over a real SQLite.

use chrono::{DateTime, TimeDelta, Utc};
use domain::metering::{AccountFault, Dialect, ErrorKind, Reading, Source, Usage};
use domain::policy::Policy;
use domain::wire::usage::{CallOutcome, GrantExtension, RefusalReason, StopModels};
use serde_json::{Value, json};

use crate::command::{Admission, CallRequest, Ending};
use crate::sandbox::core::tests::{MemoryDb, call, launched, t0, used};
use crate::sandbox::core::{Core, Principal};
use crate::sandbox::store::calls::{self, GroupBy};
use crate::sandbox::store::{audit, usage};

type TestCore = Core<MemoryDb>;

/// A core with a running container and the given budgets; the key of its models.
fn with_budgets(budgets: Value) -> (TestCore, String) {
    let (mut core, credentials) = launched();
    let mut document = serde_json::to_value(&core.newest.document).expect("json");
    document["budgets"] = budgets;
    let document: Policy = serde_json::from_value(document).expect("a policy");
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    (core, credentials.model.expose().to_owned())
}

fn reopened(core: TestCore, now: DateTime<Utc>) -> TestCore {
    Core::open(core.db, core.settings, "later".to_owned(), now).expect("opens")
}

fn of_agent(agent: &str, session: &str) -> CallRequest {
    CallRequest {
        agent: Some(agent.to_owned()),
        session: Some(session.to_owned()),
        ..call("m1", 50, 50)
    }
}

fn refused(admission: Admission) -> (ErrorKind, String, u32) {
    match admission {
        Admission::Refused {
            kind,
            message,
            retry_after_seconds,
        } => (kind, message, retry_after_seconds),
        other => panic!("not refused: {other:?}"),
    }
}

fn ada() -> Principal {
    Principal {
        subject: "ada@example.com".to_owned(),
        role: domain::access::Role::Admin,
        groups: Vec::new(),
    }
}

/// Words that OpenClaw 2026.9.6 takes for a limit that will not lift soon: it shows
/// the message and neither retries nor sleeps. It shows it as it is when it says when
/// the limit ends, and is short.
fn is_shown_once(message: &str) -> bool {
    let lower = message.to_lowercase();
    let hint = ["resets", "quota"].iter().any(|word| lower.contains(word));
    if !hint || message.len() > 300 {
        return false;
    }
    let shown = ["daily", "usage limit"]
        .iter()
        .any(|word| lower.contains(word));
    shown
        && !["rpm", "tpm", "per minute", "insufficient", "billing"]
            .iter()
            .any(|w| lower.contains(w))
}

#[test]
fn four_hundred_calls_at_once_use_a_budget_worth_a_hundred_and_no_more() {
    for most in [Some(50), Some(1_000), None] {
        let (mut core, key) = with_budgets(json!({"tokens_per_day": 10_000}));
        let (mut open, mut admitted) = (std::collections::VecDeque::new(), 0);
        let settle = |core: &mut TestCore, (id, made): (String, u64)| {
            core.settle(&id, used(50, made), t0()).expect("settled");
        };
        for index in 0..400 {
            if open.len() == 64
                && let Some(oldest) = open.pop_front()
            {
                settle(&mut core, oldest);
            }
            let id = format!("c{index}");
            let ask = CallRequest {
                max_output_tokens: most,
                may_wait: true,
                ..call("m1", 50, 0)
            };
            loop {
                match core.admit(&key, &ask, id.clone(), t0()).expect("answered") {
                    Admission::Admitted { output_tokens, .. } => {
                        admitted += 1;
                        let granted = output_tokens.or(most).unwrap_or(u64::MAX);
                        assert!(granted >= 50, "{granted} for {most:?}");
                        open.push_back((id, granted.min(50)));
                        break;
                    }
                    Admission::Wait => {
                        let oldest = open.pop_front().expect("somebody holds what it needs");
                        settle(&mut core, oldest);
                    }
                    _ => {
                        let account = core.budgets(t0()).expect("budgets").accounts[0].tokens;
                        let taken = account.used + account.reserved;
                        assert!(taken + 500 > 10_000, "{account:?}");
                        break;
                    }
                }
            }
        }
        for rest in open {
            settle(&mut core, rest);
        }
        let account = core.budgets(t0()).expect("budgets").accounts[0].tokens;
        assert_eq!((account.used, account.reserved), (10_000, 0), "{most:?}");
        assert_eq!(admitted, 100, "{most:?}");
    }
}

#[test]
fn what_is_held_survives_a_restart_and_expires() {
    let (mut core, key) = with_budgets(json!({"tokens_per_day": 1_000}));
    core.admit(&key, &of_agent("main", "s"), "a".into(), t0())
        .expect("answered");
    let held = core.budgets(t0()).expect("budgets").accounts[0]
        .tokens
        .reserved;
    assert!(held > 0);
    let mut core = reopened(core, t0());
    assert_eq!(
        core.budgets(t0()).expect("budgets").accounts[0]
            .tokens
            .reserved,
        held
    );
    let later = t0() + TimeDelta::seconds(40);
    assert!(core.renew("a", later).expect("answered").go_on);
    let mut core = reopened(core, later);
    let due = later + TimeDelta::minutes(1);
    assert_eq!(
        core.next_alarm(),
        Some(due),
        "it expires without being asked"
    );
    core.tick(due - TimeDelta::seconds(1)).expect("ticks");
    assert_eq!(
        core.budgets(later).expect("budgets").accounts[0]
            .tokens
            .reserved,
        held,
        "renewed"
    );
    core.tick(due).expect("ticks");
    let account = core.budgets(later).expect("budgets").accounts[0].tokens;
    assert_eq!((account.used, account.reserved), (held, 0));
    let page = calls::page(core.db(), None).expect("calls");
    assert_eq!(page.items[0].outcome, CallOutcome::Lost);
    let rows = core
        .db()
        .0
        .query_row("SELECT COUNT(*) FROM live_calls", [], |row| row.get(0));
    assert_eq!(rows, Ok(0));
}

#[test]
fn a_refusal_tells_what_when_and_how_and_is_shown_once() {
    let (mut core, key) = with_budgets(json!({
        "tokens_per_day": 100, "time_zone": "Europe/Berlin",
    }));
    core.admit(&key, &call("m1", 50, 50), "a".into(), t0())
        .expect("answered");
    core.settle("a", used(60, 40), t0()).expect("settled");
    let answer = core
        .admit(&key, &call("m1", 1, 1), "b".into(), t0())
        .expect("answered");
    let (kind, message, seconds) = refused(answer);
    // 10:00 UTC is 11:00 in Berlin.
    assert_eq!((kind, seconds), (ErrorKind::Budget, 13 * 3_600));
    insta::assert_snapshot!(message, @"Daily budget exhausted: 100 tokens of 100 tokens of this gateway are used. The daily limit resets at 2026-11-23 00:00 (Europe/Berlin); an operator can extend it until then.");
    assert!(is_shown_once(&message));
    let midnight = t0() + TimeDelta::hours(13);
    let answer = core
        .admit(&key, &call("m1", 1, 1), "b".into(), midnight)
        .expect("answered");
    assert!(matches!(answer, Admission::Admitted { .. }), "{answer:?}");
}

/// The day on which the clocks go forward has 23 hours, that on which they go back 25.
#[test]
fn a_spent_day_ends_at_midnight_when_the_clocks_change_too() {
    for (begins, ends) in [
        ("2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z"),
        ("2027-10-30T22:00:00Z", "2027-10-31T23:00:00Z"),
    ] {
        let (mut core, key) = with_budgets(json!({
            "tokens_per_day": 100, "time_zone": "Europe/Berlin",
        }));
        let at = |text: &str| -> DateTime<Utc> { text.parse().expect("a time") };
        let second = TimeDelta::seconds(1);
        let (begins, ends) = (at(begins), at(ends));
        let mut spend = |id: &str, now: DateTime<Utc>| {
            let ask = call("m1", 50, 50);
            let answer = core.admit(&key, &ask, id.into(), now).expect("answered");
            if let Admission::Admitted { .. } = answer {
                core.settle(id, used(60, 40), now).expect("settled");
            }
            answer
        };
        let admitted = |answer: Admission| matches!(answer, Admission::Admitted { .. });
        // The last second of the day before is that day's.
        assert!(admitted(spend("a", begins - second)) && admitted(spend("b", begins)));
        for now in [begins + second, ends - second] {
            let (kind, message, seconds) = refused(spend("c", now));
            let left = (ends - now).num_seconds();
            assert_eq!(
                (kind, i64::from(seconds)),
                (ErrorKind::Budget, left),
                "{now}"
            );
            assert!(message.contains("00:00 (Europe/Berlin)"), "{message}");
        }
        assert!(admitted(spend("d", ends)), "{ends}");
    }
}

#[test]
fn refused_calls_are_counted_by_reason_and_not_written_one_by_one() {
    let (mut core, key) = with_budgets(json!({
        "agents": {"main": {"tokens_per_day": 100}}, "calls_per_task": 5,
    }));
    let written = |core: &TestCore| -> i64 {
        let count = "SELECT COALESCE(SUM(calls), 0) FROM refusals";
        let count = core.db().0.query_row(count, [], |row| row.get(0));
        count.expect("counts")
    };
    core.admit(&key, &of_agent("main", "s"), "a".into(), t0())
        .expect("answered");
    core.settle("a", used(60, 40), t0()).expect("settled");
    for _ in 0..1_000 {
        refused(
            core.admit(&key, &of_agent("Main", "s"), "b".into(), t0())
                .expect("answered"),
        );
    }
    assert_eq!(written(&core), 0);
    let due = core.next_alarm().expect("they are written down soon");
    assert!(due <= t0() + TimeDelta::seconds(2), "{due}");
    core.tick(due).expect("ticks");
    assert_eq!(written(&core), 1_000);
    let later = t0() + TimeDelta::minutes(1);
    let mut ask = |key: &str, ask: &CallRequest| core.admit(key, ask, "c".into(), later);
    ask("wrong", &of_agent("anybody", "s")).expect("answered");
    ask(&key, &call("other", 1, 1)).expect("answered");
    let late = CallRequest {
        earlier_calls: 5,
        ..of_agent("quick", "s")
    };
    ask(&key, &late).expect("answered");
    core.admit(&key, &call("m1", 1, 1), "d".into(), later)
        .expect("answered");
    core.settle("d", None, later).expect("released");
    // Whatever the container calls itself, only so many agents are told apart.
    for index in 0..500 {
        let ask = CallRequest {
            earlier_calls: 5,
            ..of_agent(&format!("a{index}"), "s")
        };
        core.admit(&key, &ask, "e".into(), later).expect("answered");
    }
    let rows = core.refusals("2026-11-22", "2026-11-22").expect("rows");
    assert!(rows.len() < 220, "{}", rows.len());
    assert_eq!(rows.iter().map(|row| row.calls).sum::<u64>(), 1_504);
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (row.agent.as_deref().unwrap_or("-"), row.reason, row.calls))
        .filter(|(agent, ..)| !agent.starts_with('a'))
        .collect();
    assert_eq!(
        rows,
        [
            ("-", RefusalReason::CallsPerTask, 302),
            ("-", RefusalReason::Provider, 1),
            ("-", RefusalReason::UnknownModel, 1),
            ("-", RefusalReason::WrongKey, 1),
            ("main", RefusalReason::Budget, 1_000),
            ("quick", RefusalReason::CallsPerTask, 1),
        ]
    );
    let mut core = reopened(core, later);
    core.tick(t0() + TimeDelta::days(100)).expect("ticks");
    assert_eq!(written(&core), 0);
}

#[test]
fn a_fault_of_the_account_at_a_provider_is_in_the_audit_once() {
    let (mut core, key) = with_budgets(json!({}));
    let noted = |core: &TestCore| {
        let entries = audit::page(core.db(), None).expect("audit").items;
        let noted = entries
            .into_iter()
            .filter(|e| e.action == "provider.refused");
        noted.map(|entry| entry.detail).collect::<Vec<_>>()
    };
    let refuse = |core: &mut TestCore, fault, at| {
        core.admit(&key, &call("m1", 1, 1), "a".into(), at)
            .expect("answered");
        core.refused_by_provider("a", fault, at).expect("released");
        // Whatever is heard of it again.
        core.refused_by_provider("a", fault, at).expect("released");
    };
    let works = |core: &mut TestCore, at| {
        core.admit(&key, &call("m1", 1, 1), "a".into(), at)
            .expect("answered");
        core.settle("a", used(1, 1), at).expect("settled");
    };
    for _ in 0..100 {
        refuse(&mut core, Some(AccountFault::Credit), t0());
    }
    refuse(&mut core, None, t0());
    let credit = "openai says that the gateway's account is out of credit";
    assert_eq!(noted(&core), [credit]);
    // Not again by an object that starts, nor where calls go through in between.
    core.tick(t0() + TimeDelta::seconds(2)).expect("ticks");
    let mut core = reopened(core, t0());
    refuse(&mut core, Some(AccountFault::Credit), t0());
    for _ in 0..10 {
        works(&mut core, t0());
        refuse(&mut core, Some(AccountFault::Credit), t0());
    }
    assert_eq!(noted(&core).len(), 1);
    // Another fault, and the same when it was over for a while.
    refuse(&mut core, Some(AccountFault::Key), t0());
    assert_eq!(noted(&core)[0], "openai does not accept the gateway's key");
    let later = t0() + TimeDelta::minutes(11);
    refuse(&mut core, Some(AccountFault::Credit), later);
    assert_eq!(noted(&core).len(), 2);
    works(&mut core, later);
    refuse(&mut core, Some(AccountFault::Credit), later);
    assert_eq!(noted(&core).len(), 3);
    let rows = core.refusals("2026-11-22", "2026-11-22").expect("rows");
    let refused: u64 = rows.iter().map(|row| row.calls).sum();
    assert_eq!((rows[0].reason, refused), (RefusalReason::Provider, 115));
    assert_eq!(core.models.ledger.under_way(None), 0);
}

#[test]
fn what_is_told_of_an_account_is_shown_once() {
    for fault in [AccountFault::Key, AccountFault::Credit] {
        for dialect in [Dialect::Openai, Dialect::Anthropic] {
            let message = fault.message(dialect);
            assert!(is_shown_once(&message), "{message}");
        }
    }
}

#[test]
fn an_extension_lifts_the_limit_until_it_ends() {
    let (mut core, key) = with_budgets(json!({"tokens_per_day": 100}));
    core.admit(&key, &call("m1", 50, 50), "a".into(), t0())
        .expect("answered");
    core.settle("a", used(60, 40), t0()).expect("settled");
    let until = t0() + TimeDelta::hours(1);
    let grant = GrantExtension {
        agent: None,
        tokens: 50,
        cost_micro_usd: 0,
        until,
        note: None,
    };
    core.extend(grant.clone(), &ada(), t0()).expect("granted");
    let mut core = reopened(core, t0());
    let answer = core
        .admit(&key, &call("m1", 1, 1), "b".into(), t0())
        .expect("answered");
    assert!(matches!(answer, Admission::Admitted { .. }));
    core.settle("b", None, t0()).expect("released");
    refused(
        core.admit(&key, &call("m1", 1, 1), "c".into(), until)
            .expect("answered"),
    );
    for wrong in [
        GrantExtension {
            until: t0(),
            ..grant.clone()
        },
        GrantExtension {
            tokens: 0,
            ..grant.clone()
        },
        GrantExtension {
            agent: Some("nobody".to_owned()),
            ..grant.clone()
        },
        GrantExtension {
            note: Some("x".repeat(501)),
            ..grant
        },
    ] {
        assert_eq!(
            core.extend(wrong, &ada(), t0())
                .expect_err("refused")
                .status,
            422
        );
    }
    let entries = audit::page(core.db(), None).expect("audit").items;
    assert_eq!(
        entries
            .iter()
            .filter(|entry| entry.action == "budget.extended")
            .count(),
        1
    );
}

#[test]
fn one_agent_s_limit_leaves_the_others_alone() {
    let (mut core, key) = with_budgets(json!({
        "tokens_per_day": 10_000,
        "agents": {"main": {"tokens_per_day": 100, "models": ["openai/m1"]}, "other": {"models": []}},
    }));
    core.admit(&key, &of_agent("Main", "s"), "a".into(), t0())
        .expect("answered");
    core.settle("a", used(60, 40), t0()).expect("settled");
    let (kind, message, _) = refused(
        core.admit(&key, &of_agent("main", "s"), "b".into(), t0())
            .expect("answered"),
    );
    assert!(
        kind == ErrorKind::Budget && message.contains("of agent main"),
        "{message}"
    );
    let free = core
        .admit(&key, &of_agent("third", "s"), "b".into(), t0())
        .expect("answered");
    assert!(matches!(free, Admission::Admitted { .. }));
    let (kind, message, _) = refused(
        core.admit(&key, &of_agent("other", "s"), "c".into(), t0())
            .expect("answered"),
    );
    assert!(
        kind == ErrorKind::Limit
            && message.contains("the policy does not allow openai/m1.")
            && is_shown_once(&message),
        "{message}"
    );
}

#[test]
fn a_model_without_a_price_follows_the_policy() {
    let budgets = json!({"cost_per_day_micro_usd": 1_000});
    let (mut core, key) = with_budgets(budgets.clone());
    let (kind, message, _) = refused(
        core.admit(&key, &call("m1", 5, 5), "a".into(), t0())
            .expect("answered"),
    );
    assert!(
        kind == ErrorKind::Limit && is_shown_once(&message),
        "{message}"
    );
    let mut counting = budgets;
    counting["unpriced_models"] = json!("count");
    let (mut core, key) = with_budgets(counting);
    core.admit(&key, &call("m1", 5, 5), "a".into(), t0())
        .expect("answered");
    core.settle("a", used(5, 5), t0()).expect("settled");
    let page = calls::page(core.db(), None).expect("calls");
    assert_eq!(page.items[0].cost_micro_usd, None, "unknown is not nothing");
}

#[test]
fn a_cost_limit_counts_what_the_model_costs() {
    let (mut core, key) = with_budgets(json!({"cost_per_day_micro_usd": 1_000}));
    let own = r#"{"openai/m1": {"input": 1000000, "cached_input": 100000, "output": 5000000}}"#;
    let prices = core
        .settings
        .prices
        .clone()
        .with_overrides(own)
        .expect("prices");
    core.settings.prices = prices;
    core.admit(&key, &call("m1", 100, 100), "a".into(), t0())
        .expect("answered");
    let mut ending = used(200, 100).expect("used");
    ending.reading.usage.cached_input_tokens = 100;
    core.settle("a", Some(ending), t0()).expect("settled");
    let account = core.budgets(t0()).expect("budgets").accounts[0].cost_micro_usd;
    assert_eq!(
        (account.limit, account.used, account.reserved),
        (Some(1_000), 610, 0)
    );
}

#[test]
fn caps_on_tasks_concurrency_and_pace() {
    let (mut core, key) = with_budgets(json!({
        "calls_per_task": 3, "concurrent_calls": 2, "calls_per_minute": 4, "max_output_tokens": 70,
    }));
    let long = CallRequest {
        earlier_calls: 3,
        ..of_agent("main", "s")
    };
    let (kind, message, _) = refused(core.admit(&key, &long, "x".into(), t0()).expect("answered"));
    assert!(
        kind == ErrorKind::Limit && is_shown_once(&message),
        "{message}"
    );
    let ask = CallRequest {
        max_output_tokens: Some(900),
        ..call("m1", 1, 0)
    };
    for id in ["a", "b"] {
        let answer = core.admit(&key, &ask, id.into(), t0()).expect("answered");
        assert_eq!(
            answer,
            Admission::Admitted {
                call: id.into(),
                output_tokens: Some(70)
            }
        );
    }
    let (kind, message, seconds) =
        refused(core.admit(&key, &ask, "c".into(), t0()).expect("answered"));
    assert!(
        kind == ErrorKind::Busy && !is_shown_once(&message) && seconds <= 2,
        "{message}"
    );
    for id in ["a", "b"] {
        core.settle(id, used(1, 1), t0()).expect("settled");
    }
    let mut core = reopened(core, t0() + TimeDelta::seconds(5));
    for id in ["c", "d"] {
        let at = t0() + TimeDelta::seconds(5);
        assert!(matches!(
            core.admit(&key, &ask, id.into(), at),
            Ok(Admission::Admitted { .. })
        ));
        core.settle(id, used(1, 1), at).expect("settled");
    }
    let at = t0() + TimeDelta::seconds(30);
    let (kind, _, seconds) = refused(core.admit(&key, &ask, "e".into(), at).expect("answered"));
    assert_eq!((kind, seconds), (ErrorKind::Busy, 31));
    let at = t0() + TimeDelta::seconds(61);
    assert!(matches!(
        core.admit(&key, &ask, "e".into(), at),
        Ok(Admission::Admitted { .. })
    ));
}

#[test]
fn the_kill_switch_stops_everything_until_it_is_lifted() {
    let (mut core, key) = with_budgets(json!({}));
    core.admit(&key, &call("m1", 1, 1), "a".into(), t0())
        .expect("answered");
    let stop = StopModels {
        note: Some("runaway".to_owned()),
    };
    core.stop_models(stop.clone(), &ada(), t0())
        .expect("stopped");
    core.stop_models(stop, &ada(), t0()).expect("twice is once");
    let mut core = reopened(core, t0());
    assert!(!core.renew("a", t0()).expect("answered").go_on);
    let mut ending = used(1, 1).expect("used");
    ending.outcome = CallOutcome::Cut;
    core.settle("a", Some(ending), t0()).expect("settled");
    assert_eq!(
        calls::page(core.db(), None).expect("calls").items[0].outcome,
        CallOutcome::Stopped
    );
    let (kind, message, _) = refused(
        core.admit(&key, &call("m1", 1, 1), "b".into(), t0())
            .expect("answered"),
    );
    assert!(
        kind == ErrorKind::Limit && is_shown_once(&message),
        "{message}"
    );
    assert!(core.budgets(t0()).expect("budgets").stopped.is_some());
    let told = core.budget_status(t0()).expect("budget").stopped;
    assert_eq!(told.and_then(|stop| stop.note).as_deref(), Some("runaway"));
    let odd = StopModels {
        note: Some("\u{1b}[0m".to_owned()),
    };
    assert!(core.stop_models(odd, &ada(), t0()).is_err());
    core.resume_models(&ada(), t0()).expect("resumed");
    let mut core = reopened(core, t0());
    let answer = core
        .admit(&key, &call("m1", 1, 1), "b".into(), t0())
        .expect("answered");
    assert!(matches!(answer, Admission::Admitted { .. }));
    let entries = audit::page(core.db(), None).expect("audit").items;
    let actions: Vec<&str> = entries
        .iter()
        .rev()
        .map(|entry| entry.action.as_str())
        .collect();
    assert!(
        actions.ends_with(&["models.stopped", "models.resumed"]),
        "{actions:?}"
    );
}

#[test]
fn a_soft_limit_is_noted_once_a_day() {
    let (mut core, key) = with_budgets(json!({"tokens_per_day": 1_000, "soft_limit_percent": 50}));
    for (id, at) in [("a", 0), ("b", 0), ("c", 0), ("d", 24)] {
        let at = t0() + TimeDelta::hours(at);
        core.admit(&key, &call("m1", 100, 100), id.into(), at)
            .expect("answered");
        core.settle(id, used(200, 100), at).expect("settled");
    }
    let entries = audit::page(core.db(), None).expect("audit").items;
    let warnings: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.action == "budget.soft_limit")
        .map(|entry| entry.detail.as_str())
        .collect();
    let words = "600 tokens of 1000 tokens are used: 50 % of the tokens a day of the gateway";
    assert_eq!(warnings, [words]);
}

#[test]
fn an_absurd_report_is_cut_and_noted() {
    let (mut core, key) = with_budgets(json!({}));
    core.admit(&key, &call("m1", 10, 10), "a".into(), t0())
        .expect("answered");
    core.settle("a", used(99_000_000, 98_000_000), t0())
        .expect("settled");
    let row = &calls::page(core.db(), None).expect("calls").items[0];
    assert_eq!(
        (row.usage.input_tokens, row.usage.output_tokens),
        (100_000, 1_000)
    );
    assert!(row.estimated);
    let entries = audit::page(core.db(), None).expect("audit").items;
    assert!(
        entries
            .iter()
            .any(|entry| entry.action == "usage.implausible")
    );
}

#[test]
fn usage_is_grouped_by_whatever_is_asked_for() {
    let (mut core, key) = with_budgets(json!({}));
    for (id, agent, session) in [
        ("a", "main", "s1"),
        ("b", "main", "s2"),
        ("c", "other", "s3"),
    ] {
        core.admit(&key, &of_agent(agent, session), id.into(), t0())
            .expect("answered");
        let usage = Usage {
            input_tokens: 100,
            output_tokens: 10,
            cached_input_tokens: 40,
            cache_write_tokens: 0,
            reasoning_tokens: 3,
        };
        let reading = Reading {
            usage,
            source: Source::Reported,
        };
        let outcome = CallOutcome::Finished;
        let ending = Ending {
            reading,
            first_byte_ms: Some(5),
            total_ms: 9,
            outcome,
        };
        core.settle(id, Some(ending), t0()).expect("settled");
    }
    let report =
        |by: &[GroupBy]| calls::report(core.db(), by, "2026-11-22", "2026-11-22").expect("report");
    let agents = report(&[GroupBy::Agent]);
    assert_eq!(agents.len(), 2);
    assert_eq!(
        (agents[0].agent.as_deref(), agents[0].totals.calls),
        (Some("main"), 2)
    );
    assert_eq!(
        (
            agents[0].totals.cached_input_tokens,
            agents[0].totals.unpriced_calls
        ),
        (80, 2)
    );
    let hours = report(&[GroupBy::Hour, GroupBy::Model]);
    let hour = (
        hours[0].hour.as_deref(),
        hours[0].model.as_deref(),
        hours[0].totals.input_tokens,
    );
    assert_eq!(hour, (Some("2026-11-22T10"), Some("openai/m1"), 300));
    let sessions = report(&[GroupBy::Session, GroupBy::Hour]);
    assert_eq!(
        sessions
            .iter()
            .filter_map(|row| row.session.as_deref())
            .count(),
        3
    );
    assert_eq!(sessions[0].hour.as_deref(), Some("2026-11-22T10"));
    assert!(
        calls::report(core.db(), &[GroupBy::Day], "2026-11-23", "2026-11-30")
            .expect("report")
            .is_empty()
    );
    assert_eq!(
        usage::page(core.db(), None).expect("usage").items[0].calls,
        3
    );
}

#[test]
fn what_is_old_is_removed() {
    let (mut core, key) = with_budgets(json!({}));
    core.admit(&key, &call("m1", 1, 1), "a".into(), t0())
        .expect("answered");
    core.settle("a", used(1, 1), t0()).expect("settled");
    let counts = |core: &TestCore| {
        ["calls", "usage_hours", "accounts", "usage"].map(|table| {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            core.db()
                .0
                .query_row(&sql, [], |row| row.get::<_, u32>(0))
                .expect("count")
        })
    };
    assert_eq!(counts(&core), [1, 1, 1, 1]);
    core.tick(t0() + TimeDelta::days(8)).expect("ticks");
    assert_eq!(counts(&core), [0, 1, 1, 1]);
    core.tick(t0() + TimeDelta::days(100)).expect("ticks");
    assert_eq!(counts(&core), [0, 0, 0, 1]);
}
