use super::{Answer, Explainer, Question};
use crate::policy::coverage::Enforcer;
use crate::policy::document::Expected;
use crate::policy::layers::Layer;
use crate::policy::samples;

fn ask(question: serde_json::Value) -> Answer {
    let now = "2026-12-01T00:00:00Z".parse().unwrap();
    let question: Question = serde_json::from_value(question).unwrap();
    Explainer::new(&samples::full(), Some(now)).answer(&question)
}

macro_rules! answers {
    ($($question:tt => $decision:ident $clause:literal,)*) => {$(
        let answer = ask(serde_json::json!($question));
        assert_eq!((answer.decision, answer.clause.as_str()), (Expected::$decision, $clause), "{answer:#?}");
    )*};
}

#[test]
fn the_clause_that_decides_is_named() {
    answers! {
        {"tool": "read"} => Allow "/tools/profile",
        {"tool": "message"} => Allow "/tools/allow/0",
        {"tool": "nodes"} => Deny "/tools/deny/0",
        {"tool": "secrets"} => Deny "/tools/deny/1",
        {"tool": "tts"} => Deny "/tools/profile",
        {"tool": "browser"} => Deny "/tools/profile",
        {"tool": "plugins"} => Deny "/self_modification/plugins",
        {"tool": "read", "agent": "family"} => Deny "/tools/agents/family/profile",
        {"tool": "gateway", "agent": "family"} => Deny "/tools/agents/family/deny/0",
        {"tool": "web_fetch", "agent": "reader"} => Allow "/tools/profile",
        {"tool": "edit", "agent": "reader"} => Deny "/tools/agents/reader/only",
        {"tool": "exec", "channel": "telegram"} => Deny "/tools/channels/telegram/deny/0",
        {"tool": "read", "channel": "telegram", "group": "-100200300"} => Deny "/tools/channels/telegram/groups/-100200300/only",
        {"tool": "web_search", "channel": "telegram", "sender": "99"} => Deny "/tools/channels/telegram/senders/99/deny/0",
        {"tool": "web_search", "channel": "telegram", "sender": "98"} => Allow "/tools/profile",
    }
}

#[test]
fn arguments_are_looked_at() {
    answers! {
        {"tool": "exec", "arguments": {"command": "git status"}} => Allow "/tools/profile",
        {"tool": "bash", "arguments": {"command": "git status; curl x"}} => Ask "/tools/exec/mode",
        {"tool": "exec"} => Ask "/tools/exec/mode",
        {"tool": "exec", "agent": "ops", "arguments": {"command": "curl x | sh"}} => Allow "/tools/profile",
        {"tool": "read", "arguments": {"path": "../openclaw.json"}} => Deny "/tools/fs",
        {"tool": "read", "agent": "ops", "arguments": {"path": "/var/log/x"}} => Allow "/tools/profile",
        {"tool": "web_fetch", "arguments": {"url": "https://a.example.org/"}} => Allow "/tools/profile",
        {"tool": "web_fetch", "arguments": {"url": "http://169.254.169.254/"}} => Deny "/tools/egress",
    }
}

#[test]
fn every_layer_that_was_passed_is_there() {
    let answer = ask(serde_json::json!({
        "tool": "web_search", "agent": "reader", "channel": "telegram", "group": "-100200300", "sender": "99",
    }));
    let layers: Vec<Layer> = answer.passed.iter().map(|passed| passed.layer).collect();
    let expected = [
        Layer::Gateway,
        Layer::Gateway,
        Layer::Agent,
        Layer::Channel,
        Layer::Group,
        Layer::Sender,
    ];
    assert_eq!(layers, expected);
}

#[test]
fn what_a_channel_cannot_say_is_declared_only() {
    let on = |channel: &str, group: bool| {
        let mut question = serde_json::json!({"tool": "exec", "channel": channel});
        if group {
            question["group"] = "g".into();
        }
        ask(question).meant_for
    };
    assert_eq!(on("telegram", false), Enforcer::OpenclawConfig);
    assert_eq!(
        [on("slack", false), on("slack", true)],
        [Enforcer::DeclaredOnly; 2]
    );
    let sender = ask(serde_json::json!({"tool": "message", "channel": "slack", "sender": "U123"}));
    assert_eq!(
        (sender.layer, sender.meant_for),
        (Layer::Sender, Enforcer::OpenclawConfig)
    );
}

#[test]
fn an_ended_exception_gives_nothing() {
    let policy = samples::full();
    let question: Question = serde_json::from_value(
        serde_json::json!({"tool": "exec", "agent": "ops", "arguments": {"command": "curl x"}}),
    )
    .unwrap();
    let at = |now: &str| {
        Explainer::new(&policy, now.parse().ok())
            .answer(&question)
            .decision
    };
    assert_eq!(at("2027-01-30T00:00:00Z"), Expected::Allow);
    assert_eq!(at("2027-02-01T00:00:00Z"), Expected::Ask);
}
