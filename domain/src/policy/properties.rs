//! Properties that hold for every document, over documents made at random.

use std::sync::LazyLock;

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};

use super::compile::{CompileContext, compile_at};
use super::document::Expected;
use super::explain::{Explainer, Question};
use super::{Policy, hash, in_force, loosenings, parse, parse_value, save_faults, warnings};

mod openclaw;

const NOW: &str = "2026-12-01T00:00:00Z";

fn pattern() -> impl Strategy<Value = String> {
    let tools = prop::sample::select(
        super::catalog::TOOLS
            .iter()
            .map(|tool| tool.name)
            .collect::<Vec<_>>(),
    );
    let groups = prop::sample::select(
        super::tools::GROUPS
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>(),
    );
    let globs = prop::sample::select(vec![
        "*",
        "web_*",
        "ba*",
        "cron",
        "bash",
        "apply-patch",
        "*_search",
        "memory_*",
        "docs__*",
        "lobster",
        "s*",
    ]);
    prop_oneof![4 => tools, 1 => groups, 1 => globs].prop_map(str::to_owned)
}

fn patterns(most: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::btree_set(pattern(), 0..most).prop_map(|set| set.into_iter().collect())
}

fn layer() -> impl Strategy<Value = Value> {
    (prop::option::weighted(0.3, patterns(4)), patterns(3)).prop_map(|(only, deny)| match only {
        Some(only) if !only.is_empty() => json!({"only": only, "deny": deny}),
        _ => json!({"deny": deny}),
    })
}

fn profile() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["minimal", "messaging", "coding", "full"])
}

fn mode() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["deny", "allowlist", "ask", "auto", "full"])
}

fn agent() -> impl Strategy<Value = Value> {
    (
        layer(),
        prop::option::of(profile()),
        prop::option::of(mode()),
        patterns(3),
        prop::option::of(any::<bool>()),
        prop::option::of(prop::sample::select(vec!["workspace", "all"])),
    )
        .prop_map(|(mut own, profile, mode, allow, flag, fs)| {
            if own.get("only").is_none() {
                own["allow"] = json!(allow);
            }
            for (key, value) in [
                ("profile", json!(profile)),
                ("exec", json!(mode)),
                ("subagents", json!(flag)),
                ("elevated", json!(flag)),
                ("fs", json!(fs)),
            ] {
                if !value.is_null() {
                    own[key] = value;
                }
            }
            own
        })
}

/// Documents of the right shape; some loosen without an exception.
fn document() -> impl Strategy<Value = Value> {
    let rule = prop::option::of(prop::sample::select(vec!["deny", "review", "auto"]));
    let tools = (
        profile(),
        patterns(4),
        patterns(4),
        prop::option::of(mode()),
        prop::option::of(any::<bool>()),
    );
    let agents = (agent(), agent());
    let channels = (layer(), layer(), layer(), layer());
    (
        tools,
        agents,
        channels,
        (rule.clone(), rule.clone(), rule),
        any::<bool>(),
    )
        .prop_map(
            |(
                (profile, allow, deny, mode, subagents),
                (main, ops),
                (telegram, group, sender, slack),
                rules,
                ends,
            )| {
                let mut telegram = telegram;
                telegram["groups"] = json!({"g1": group});
                telegram["senders"] = json!({"s1": sender});
                let mut value = json!({
                    "schema": 1,
                    "access": {"operators": [{"email": "ada@example.com", "role": "admin"}]},
                    "tools": {
                        "profile": profile, "allow": allow, "deny": deny,
                        "agents": {"main": main, "ops": ops},
                        "channels": {"telegram": telegram, "slack": slack},
                    },
                });
                if let Some(mode) = mode {
                    value["tools"]["exec"] = json!({"mode": mode, "allow_commands": ["git"]});
                }
                if let Some(allowed) = subagents {
                    value["tools"]["subagents"] = json!({"allowed": allowed});
                }
                for (key, rule) in [("skills", rules.0), ("cron", rules.1), ("plugins", rules.2)] {
                    if let Some(rule) = rule {
                        value["self_modification"][key] = json!(rule);
                    }
                }
                // Half of the exceptions hold at NOW.
                let end = if ends {
                    "2027-01-01T00:00:00Z"
                } else {
                    "2026-01-01T00:00:00Z"
                };
                let raw: Option<Policy> = serde_json::from_value(value.clone()).ok();
                let exceptions: Vec<Value> = raw.iter().flat_map(loosenings).map(|found| {
                json!({"clause": found.clause, "reason": "because", "expires_at": end})
            }).collect();
                value["tools"]["exceptions"] = json!(exceptions);
                value
            },
        )
}

/// Documents that are valid.
fn valid() -> impl Strategy<Value = Policy> {
    document().prop_filter_map("a document that is refused", |value| {
        parse_value(value).ok()
    })
}

/// Every tool, for agents and places that the documents name and that they do not.
static QUESTIONS: LazyLock<Vec<Question>> = LazyLock::new(questions);

fn questions() -> Vec<Question> {
    let mut questions = Vec::new();
    let foreign = ["lobster", "docs__search", "bash", "cron"];
    for tool in super::catalog::TOOLS
        .iter()
        .map(|tool| tool.name)
        .chain(foreign)
    {
        for agent in ["main", "ops", "other"] {
            for place in [
                json!({}),
                json!({"channel": "telegram"}),
                json!({"channel": "telegram", "sender": "s1"}),
                json!({"channel": "telegram", "group": "g1", "sender": "s1"}),
                json!({"channel": "telegram", "group": "g2"}),
                json!({"channel": "slack", "sender": "s1"}),
            ] {
                let mut question = place;
                question["tool"] = json!(tool);
                question["agent"] = json!(agent);
                questions.push(serde_json::from_value(question).unwrap());
            }
        }
    }
    questions
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 24, ..Default::default() })]

    #[test]
    fn what_is_printed_reads_back_the_same(policy in valid()) {
        let text = serde_json::to_string(&policy).unwrap();
        let read = parse(&text).unwrap();
        prop_assert_eq!(&read, &policy);
        prop_assert_eq!(hash(&read), hash(&policy));
    }

    #[test]
    fn without_exceptions_no_override_gives_more_than_the_gateway(policy in valid()) {
        let strict = in_force(&policy, None);
        let mut bare = policy.clone();
        bare.tools.agents.clear();
        bare.tools.channels.clear();
        bare.tools.exceptions.clear();
        let (with, without) = (Explainer::new(&strict, None), Explainer::new(&bare, None));
        prop_assert!(loosenings(&strict).is_empty());
        for question in QUESTIONS.iter() {
            let (own, gateway) = (with.answer(question), without.answer(question));
            prop_assert!(own.decision >= gateway.decision, "{question:?}: {own:#?}\n{gateway:#?}");
        }
    }

    #[test]
    fn what_the_gateway_denies_no_exception_lifts(policy in valid()) {
        let explainer = Explainer::new(&policy, NOW.parse().ok());
        for question in QUESTIONS.iter() {
            let denied = policy.tools.deny.iter().any(|deny| super::catalog::takes_away(deny.as_str(), question.tool.as_str()));
            prop_assert!(!denied || explainer.answer(question).decision == Expected::Deny);
        }
    }

    #[test]
    fn explanations_agree_with_the_compiled_configuration(policy in valid()) {
        let context = CompileContext { models: &[], public_url: "https://company.example.com" };
        let now = NOW.parse().unwrap();
        let config = compile_at(&policy, context, now, "2026.9.6").unwrap();
        let explainer = Explainer::new(&policy, Some(now));
        for question in QUESTIONS.iter() {
            let answer = explainer.answer(question);
            // What OpenClaw has no rule for is said to be declared only.
            let by_channel = answer.meant_for == super::coverage::Enforcer::DeclaredOnly;
            // An agent outside OpenClaw's roster does not run.
            let entries = config["agents"]["entries"].as_object();
            let runs = |id: &str| entries.is_none_or(|entries| entries.contains_key(id));
            if by_channel || !question.agent.as_ref().is_some_and(|agent| runs(agent.as_str())) {
                continue;
            }
            let has = openclaw::has_tool(&config, question);
            prop_assert_eq!(has, answer.decision != Expected::Deny || openclaw::only_by_exec_mode(&answer), "{:?}: {:#?}\n{:#}", question, answer, config["tools"]);
        }
    }

    #[test]
    fn the_order_of_lists_decides_nothing(policy in valid()) {
        let mut turned = policy.clone();
        turned.tools.deny.reverse();
        turned.tools.allow.reverse();
        turned.tools.exceptions.reverse();
        let now = NOW.parse().ok();
        let (one, other) = (Explainer::new(&policy, now), Explainer::new(&turned, now));
        for question in QUESTIONS.iter() {
            prop_assert_eq!(one.answer(question).decision, other.answer(question).decision);
        }
    }
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 1000, ..Default::default() })]

    #[test]
    fn a_thousand_odd_documents_are_taken_or_refused_whole(mut value in document(), at in 0_usize..40, odd in odd()) {
        disturb(&mut value, &mut { at }, &odd);
        if let Ok(policy) = parse_value(value) {
            let now = NOW.parse().unwrap();
            let context = CompileContext { models: &[], public_url: "https://company.example.com" };
            prop_assert!(compile_at(&policy, context, now, "2026.9.6").is_ok());
            let _ = (warnings(&policy), save_faults(&policy, now, false), super::coverage::coverage(&policy));
            prop_assert_eq!(parse(&serde_json::to_string(&policy).unwrap()), Ok(policy));
        }
    }
}

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,20}".prop_map(Value::from),
        prop::collection::vec(".{0,6}", 0..3).prop_map(|list| json!(list)),
        Just(json!({"x": {}})),
    ]
}

/// Puts something odd in place of the value that is `at` steps into the document.
fn disturb(value: &mut Value, at: &mut usize, odd: &Value) {
    if *at == 0 {
        *value = odd.clone();
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Object(map) => map.values_mut().for_each(|inner| disturb(inner, at, odd)),
        Value::Array(list) => list.iter_mut().for_each(|inner| disturb(inner, at, odd)),
        _ => {}
    }
}
