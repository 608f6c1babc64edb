use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use proptest::prelude::{Strategy, any, prop, prop_oneof, proptest};

use super::*;
use crate::prices::Price;

fn t0() -> DateTime<Utc> {
    "2026-11-22T10:00:00Z".parse().expect("a time")
}

fn day(offset: i64) -> NaiveDate {
    (t0() + TimeDelta::days(offset)).date_naive()
}

fn ask(input: u64, most: u64) -> Ask<'static> {
    Ask {
        day: day(0),
        agent: None,
        input_tokens: input,
        most_output: most,
        learnt_output: None,
        price: None,
        may_wait: false,
        expires_at: t0() + TimeDelta::minutes(3),
    }
}

fn tokens(limit: u64) -> Limits {
    Limits {
        tokens: Some(limit),
        micro_usd: None,
    }
}

fn amount(tokens: u64) -> Amount {
    Amount {
        tokens,
        micro_usd: 0,
    }
}

/// What became of 400 calls.
#[derive(Debug, Default)]
struct Storm {
    admitted: u64,
    /// Got less output than they would have made.
    cut: u64,
    used: u64,
}

/// 400 calls, 64 at a time: the oldest ends whenever there is no place, and whenever
/// a call that may wait is told to.
fn storm(limit: u64, (input, output, most): (u64, u64, u64), may_wait: bool) -> Storm {
    let (mut ledger, mut learnt) = (Ledger::default(), Learnt::default());
    let mut open = std::collections::VecDeque::new();
    let mut storm = Storm::default();
    let settle = |ledger: &mut Ledger, learnt: &mut Learnt, (id, granted): (String, u64)| {
        let made = output.min(granted);
        ledger.settle(&id, amount(input + made)).expect("under way");
        *learnt = learnt.with(input, input, made, Some(granted));
    };
    for call in 0..400 {
        if open.len() == 64
            && let Some(oldest) = open.pop_front()
        {
            settle(&mut ledger, &mut learnt, oldest);
        }
        loop {
            let ask = Ask {
                learnt_output: learnt.output_tokens(),
                may_wait,
                ..ask(input, most)
            };
            let taken = ledger
                .used(day(0), None)
                .plus(ledger.reserved(day(0), None));
            let free = limit.saturating_sub(taken.tokens);
            match ledger.reserve(&format!("{call}"), &ask, tokens(limit), Limits::default()) {
                Ok(grant) => {
                    storm.admitted += 1;
                    storm.cut += u64::from(grant.output_tokens < output);
                    open.push_back((format!("{call}"), grant.output_tokens));
                    break;
                }
                Err(refusal) if refusal.wait => {
                    assert!(may_wait, "only one that may wait is told to");
                    let oldest = open.pop_front().expect("somebody holds what it needs");
                    settle(&mut ledger, &mut learnt, oldest);
                }
                Err(_) => {
                    assert!(free * 20 < limit, "refused with {free} of {limit} free");
                    break;
                }
            }
        }
    }
    for rest in open {
        settle(&mut ledger, &mut learnt, rest);
    }
    assert_eq!(ledger.reserved(day(0), None), Amount::default());
    storm.used = ledger.used(day(0), None).tokens;
    storm
}

/// Input and output of each call, and the most output that it may make.
const STORMS: [(u64, u64, u64); 7] = [
    (50, 50, 50),
    (50, 50, 4_096),
    (10, 20, 16_000),
    (1_000, 50, 16_000),
    (50, 1_000, 16_000),
    (9_000, 300, 16_000),
    (14_000, 600, 16_000),
];

#[test]
fn a_budget_worth_100_calls_neither_overshoots_nor_starves() {
    for call @ (input, output, _) in STORMS {
        let limit = 100 * (input + output);
        let storm = storm(limit, call, true);
        assert!(storm.used <= limit, "{storm:?} of {limit}: {call:?}");
        assert!(storm.used * 100 >= limit * 99, "{storm:?}: {call:?}");
        assert_eq!((storm.admitted, storm.cut), (100, 0), "{call:?}");
    }
}

#[test]
fn calls_that_cannot_wait_do_not_starve_either() {
    for call @ (input, output, _) in STORMS {
        let limit = 100 * (input + output);
        let storm = storm(limit, call, false);
        let bound = limit + input + MIN_OUTPUT_TOKENS;
        assert!(storm.used <= bound, "{storm:?} of {limit}: {call:?}");
        // Answers that have to be cut are cut, so what is used is less.
        assert!(storm.used * 100 >= limit * 87, "{storm:?}: {call:?}");
        assert!(storm.admitted >= 94, "{storm:?}: {call:?}");
    }
}

#[test]
fn a_call_waits_only_for_what_others_hold() {
    let mut ledger = Ledger::default();
    let patient = Ask {
        may_wait: true,
        learnt_output: Some(400),
        ..ask(100, 500)
    };
    let reserve = |ledger: &mut Ledger, id: &str, ask: &Ask<'_>| {
        ledger.reserve(id, ask, tokens(1_000), Limits::default())
    };
    let output = |grant: Result<Grant, Refusal>| grant.map(|grant| grant.output_tokens);
    assert_eq!(output(reserve(&mut ledger, "a", &patient)), Ok(400));
    let wait = reserve(
        &mut ledger,
        "b",
        &Ask {
            input_tokens: 200,
            ..patient
        },
    );
    assert!(wait.expect_err("held by the first").wait);
    // One that has waited long enough takes what is there.
    let impatient = Ask {
        may_wait: false,
        input_tokens: 200,
        ..patient
    };
    assert_eq!(output(reserve(&mut ledger, "b", &impatient)), Ok(300));
    ledger.settle("a", amount(500)).expect("under way");
    ledger.settle("b", amount(500)).expect("under way");
    let refusal = reserve(&mut ledger, "c", &patient).expect_err("all is used");
    assert!(!refusal.wait, "nothing will be free again today");
}

#[test]
fn without_a_limit_everything_is_given() {
    let mut ledger = Ledger::default();
    let grant = ledger.reserve(
        "a",
        &ask(1_000, 8_000),
        Limits::default(),
        Limits::default(),
    );
    assert_eq!(
        grant.map(|grant| (grant.output_tokens, grant.amount.tokens)),
        Ok((8_000, 9_000))
    );
}

#[test]
fn a_limit_of_nothing_refuses_everything() {
    let refusal = Ledger::default().reserve("a", &ask(0, 1), tokens(0), Limits::default());
    assert_eq!(refusal.map_err(|refusal| refusal.limit), Err(0));
}

#[test]
fn near_the_limit_the_output_is_cut_to_what_is_left() {
    let mut ledger = Ledger::default();
    ledger
        .reserve("a", &ask(880, 0), tokens(1_000), Limits::default())
        .expect("fits");
    let learnt = Ask {
        learnt_output: Some(400),
        ..ask(20, 500)
    };
    let grant = ledger
        .reserve("b", &learnt, tokens(1_000), Limits::default())
        .expect("fits");
    assert_eq!(grant.output_tokens, 100);
    assert!(
        ledger
            .reserve("c", &ask(1, 1), tokens(1_000), Limits::default())
            .is_err()
    );
    ledger.settle("b", amount(30)).expect("under way");
    assert!(
        ledger
            .reserve("c", &ask(1, 1), tokens(1_000), Limits::default())
            .is_ok()
    );
}

#[test]
fn one_large_call_is_let_through_while_five_percent_are_free_and_no_second() {
    let mut ledger = Ledger::default();
    ledger
        .reserve("a", &ask(940, 0), tokens(1_000), Limits::default())
        .expect("fits");
    let grant = ledger.reserve("b", &ask(400, 500), tokens(1_000), Limits::default());
    assert_eq!(
        grant.map(|grant| grant.output_tokens),
        Ok(MIN_OUTPUT_TOKENS)
    );
    let refusal = ledger.reserve("c", &ask(1, 1), tokens(1_000), Limits::default());
    let refusal = refusal.expect_err("refused");
    assert_eq!(
        (refusal.used, refusal.reserved),
        (0, 940 + 400 + MIN_OUTPUT_TOKENS)
    );
}

#[test]
fn a_call_needs_room_in_every_account_and_every_unit() {
    let price = Some(Price {
        input: 1_000_000,
        output: 2_000_000,
        ..Price::default()
    });
    let main = Ask {
        agent: Some("main"),
        price,
        ..ask(100, 100)
    };
    let money = Limits {
        tokens: None,
        micro_usd: Some(250),
    };
    let mut ledger = Ledger::default();
    let grant = ledger
        .reserve("a", &main, tokens(10_000), money)
        .expect("fits");
    assert_eq!((grant.output_tokens, grant.amount.micro_usd), (16, 132));
    assert_eq!(
        ledger.reserved(day(0), None),
        ledger.reserved(day(0), Some("main"))
    );
    ledger
        .settle(
            "a",
            Amount {
                tokens: 116,
                micro_usd: 245,
            },
        )
        .expect("under way");
    let refusal = ledger
        .reserve("b", &main, tokens(10_000), money)
        .expect_err("refused");
    assert_eq!(
        (refusal.account.as_deref(), refusal.unit),
        (Some("main"), Unit::MicroUsd)
    );
    let other = Ask {
        agent: Some("other"),
        ..main
    };
    assert!(ledger.reserve("b", &other, tokens(10_000), money).is_ok());
}

#[test]
fn a_call_counts_for_the_day_it_started_in() {
    let mut ledger = Ledger::default();
    ledger
        .reserve("a", &ask(50, 50), tokens(100), Limits::default())
        .expect("fits");
    let tomorrow = Ask {
        day: day(1),
        ..ask(50, 50)
    };
    assert!(
        ledger
            .reserve("b", &tomorrow, tokens(100), Limits::default())
            .is_ok()
    );
    ledger.settle("a", amount(77)).expect("under way");
    assert_eq!(ledger.used(day(0), None).tokens, 77);
    assert_eq!(ledger.used(day(1), None).tokens, 0);
    ledger.forget_before(day(1));
    assert_eq!(ledger.used(day(0), None).tokens, 0);
}

#[test]
fn what_expires_counts_in_full_and_settles_no_more() {
    let mut ledger = Ledger::default();
    ledger
        .reserve("a", &ask(60, 40), tokens(1_000), Limits::default())
        .expect("fits");
    ledger
        .reserve("b", &ask(60, 40), tokens(1_000), Limits::default())
        .expect("fits");
    let later = t0() + TimeDelta::minutes(10);
    assert!(ledger.renew("b", later + TimeDelta::seconds(1)));
    let expired = ledger.expire(later);
    assert_eq!(
        expired
            .iter()
            .map(|(id, _)| id.as_str())
            .collect::<Vec<_>>(),
        ["a"]
    );
    let held = expired[0].1.amount.tokens;
    assert_eq!(ledger.used(day(0), None).tokens, held);
    assert!(ledger.settle("a", amount(1)).is_none() && !ledger.renew("a", later));
    assert!(ledger.release("b").is_some());
    assert_eq!(ledger.used(day(0), None).tokens, held);
}

#[test]
fn a_restored_ledger_goes_on_as_before() {
    let mut ledger = Ledger::default();
    ledger
        .reserve("a", &ask(60, 40), tokens(1_000), Limits::default())
        .expect("fits");
    ledger.settle("a", amount(70)).expect("under way");
    let main = Ask {
        agent: Some("main"),
        ..ask(60, 40)
    };
    ledger
        .reserve("b", &main, tokens(1_000), Limits::default())
        .expect("fits");
    let hold = ledger.hold_of("b").expect("held").clone();
    let restored = Ledger::restore([((day(0), None), amount(70))], [("b".to_owned(), hold)]);
    assert_eq!(restored, ledger);
    assert_eq!(
        (restored.under_way(None), restored.under_way(Some("main"))),
        (1, 1)
    );
}

#[test]
fn a_soft_limit_warns_once() {
    let mut ledger = Ledger::default();
    let mut warned = 0;
    for call in 0..10 {
        let id = call.to_string();
        ledger
            .reserve(&id, &ask(10, 0), tokens(100), Limits::default())
            .expect("fits");
        ledger.settle(&id, amount(10)).expect("under way");
        warned += ledger
            .crossed(day(0), None, tokens(100), 80, amount(10))
            .len();
    }
    assert_eq!(warned, 1);
}

#[test]
fn what_is_learnt_follows_the_calls() {
    let mut learnt = Learnt::default();
    assert_eq!(
        (learnt.output_tokens(), learnt.input_tokens(10)),
        (None, 10)
    );
    for _ in 0..40 {
        learnt = learnt.with(100, 250, 200, Some(4_096));
    }
    let estimate = learnt.output_tokens().expect("learnt");
    assert!((200..=210).contains(&estimate), "{estimate}");
    assert_eq!(learnt.input_tokens(100), 250);
    let cut = learnt
        .with(100, 100, 210, Some(210))
        .output_tokens()
        .expect("learnt");
    assert!(cut > 400, "an answer that was cut asks for more: {cut}");
    let absurd = learnt
        .with(u64::MAX, u64::MAX, u64::MAX, None)
        .with(8, u64::MAX, 0, None);
    assert!(absurd.output_tokens().is_some() && absurd.input_tokens(10) <= 80);
}

#[test]
fn extensions_add_until_they_end() {
    let extension = Extension {
        id: "x".to_owned(),
        agent: Some("main".to_owned()),
        tokens: 50,
        micro_usd: 7,
        until: t0() + TimeDelta::hours(1),
        granted_by: "ada@example.com".to_owned(),
        granted_at: t0(),
        note: None,
    };
    let all = [extension.clone()];
    let limits = |agent, at| effective_limits(tokens(100), agent, &all, at);
    assert_eq!(limits(Some("main"), t0()), tokens(150));
    assert_eq!(limits(None, t0()), tokens(100));
    assert_eq!(
        limits(Some("main"), t0() + TimeDelta::hours(1)),
        tokens(100)
    );
    assert_eq!(extension.check(t0()), Ok(()));
    for (wrong, error) in [
        (
            Extension {
                tokens: 0,
                micro_usd: 0,
                ..extension.clone()
            },
            ExtensionError::Nothing,
        ),
        (
            Extension {
                tokens: u64::MAX,
                ..extension.clone()
            },
            ExtensionError::TooMuch,
        ),
        (
            Extension {
                until: t0(),
                ..extension.clone()
            },
            ExtensionError::Until,
        ),
        (
            Extension {
                until: t0() + TimeDelta::days(8),
                ..extension
            },
            ExtensionError::Until,
        ),
    ] {
        assert_eq!(wrong.check(t0()), Err(error));
    }
}

#[derive(Debug, Clone)]
enum Step {
    Reserve {
        input: u64,
        most: u64,
        learnt: Option<u64>,
        agent: bool,
        may_wait: bool,
    },
    /// Settles with a share of what it held, in percent: more than all of it where
    /// its input was estimated too low.
    Settle {
        which: prop::sample::Index,
        percent: u64,
    },
    Release {
        which: prop::sample::Index,
    },
    Renew {
        which: prop::sample::Index,
    },
    Clock {
        seconds: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let which = any::<prop::sample::Index>;
    prop_oneof![
        4 => (0u64..3_000, 0u64..9_000, prop::option::of(16u64..4_000), any::<bool>(), any::<bool>())
            .prop_map(|(input, most, learnt, agent, may_wait)| {
                Step::Reserve { input, most, learnt, agent, may_wait }
            }),
        2 => (which(), 0u64..=130).prop_map(|(which, percent)| Step::Settle { which, percent }),
        1 => which().prop_map(|which| Step::Release { which }),
        1 => which().prop_map(|which| Step::Renew { which }),
        1 => (0i64..300).prop_map(|seconds| Step::Clock { seconds }),
    ]
}

proptest! {
    /// In any order: what is held is the sum of the calls under way, nothing is
    /// counted twice or lost, no limit is passed by more than the bound (one call, and
    /// what calls used beyond their estimate), nothing is refused while 5 % of every
    /// limit is free, and nobody waits for nothing.
    #[test]
    fn the_ledger_holds_its_bound(
        limit in 1u64..200_000,
        agent_limit in 1u64..100_000,
        micro_usd in 1u64..400_000,
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let price = Some(Price { input: 1_000_000, output: 3_000_000, ..Price::default() });
        let gateway = Limits { tokens: Some(limit), micro_usd: Some(micro_usd) };
        let agent = tokens(agent_limit);
        let mut ledger = Ledger::default();
        let mut now = t0();
        let mut open: Vec<(String, Amount)> = Vec::new();
        let mut counted = Amount::default();
        let mut beyond = Amount::default();
        let mut largest = 0;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Reserve { input, most, learnt, agent: named, may_wait } => {
                    largest = largest.max(input + MIN_OUTPUT_TOKENS);
                    let ask = Ask {
                        agent: named.then_some("main"),
                        learnt_output: learnt,
                        price,
                        may_wait,
                        expires_at: now + TimeDelta::seconds(120),
                        ..ask(input, most)
                    };
                    let id = number.to_string();
                    match ledger.reserve(&id, &ask, gateway, agent) {
                        Ok(grant) => {
                            assert!(grant.output_tokens <= most);
                            open.push((id, grant.amount));
                        }
                        Err(refusal) if refusal.wait => {
                            assert!(may_wait && refusal.reserved > 0, "{refusal:?}");
                            assert!(refusal.used < refusal.limit, "{refusal:?}");
                        }
                        Err(refusal) => {
                            let taken = refusal.used.saturating_add(refusal.reserved);
                            let free = refusal.limit.saturating_sub(taken);
                            assert!(free == 0 || free < refusal.limit / 20, "{refusal:?}");
                        }
                    }
                }
                Step::Settle { which, percent } if !open.is_empty() => {
                    let (id, held) = open.swap_remove(which.index(open.len()));
                    let used = Amount {
                        tokens: held.tokens * percent / 100,
                        micro_usd: held.micro_usd * percent / 100,
                    };
                    assert!(ledger.settle(&id, used).is_some());
                    assert!(ledger.settle(&id, used).is_none());
                    counted = counted.plus(used);
                    beyond = beyond.plus(used.minus(held));
                }
                Step::Release { which } if !open.is_empty() => {
                    let (id, _) = open.swap_remove(which.index(open.len()));
                    assert!(ledger.release(&id).is_some());
                }
                Step::Renew { which } if !open.is_empty() => {
                    let (id, _) = &open[which.index(open.len())];
                    assert!(ledger.renew(id, now + TimeDelta::seconds(120)));
                }
                Step::Clock { seconds } => {
                    now += TimeDelta::seconds(seconds);
                    for (id, hold) in ledger.expire(now) {
                        counted = counted.plus(hold.amount);
                        open.retain(|(other, _)| *other != id);
                    }
                }
                _ => {}
            }
            let held = open.iter().fold(Amount::default(), |sum, (_, held)| sum.plus(*held));
            assert_eq!(ledger.reserved(day(0), None), held);
            assert_eq!(ledger.used(day(0), None), counted);
            let total = counted.plus(held);
            let bound = limit + largest + beyond.tokens;
            assert!(total.tokens <= bound, "{total:?} of {limit}");
            let bound = micro_usd + largest * 3 + beyond.micro_usd;
            assert!(total.micro_usd <= bound, "{total:?} of {micro_usd}");
            let main = ledger.used(day(0), Some("main")).plus(ledger.reserved(day(0), Some("main")));
            let bound = agent_limit + largest + beyond.tokens;
            assert!(main.tokens <= bound, "{main:?} of {agent_limit}");
        }
    }
}
