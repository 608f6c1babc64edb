//! Overrides, exceptions and the sections beside tools and budgets: what is refused, and where.

use serde_json::{Value, json};

use crate::policy::{in_force, loosenings, parse_value};

fn document(tools: &Value) -> Value {
    json!({
        "schema": 1,
        "access": {"operators": [{"email": "ada@example.com", "role": "admin"}]},
        "tools": tools,
    })
}

fn pointers(value: Value) -> Vec<String> {
    let faults = parse_value(value).expect_err("must be refused");
    faults.into_iter().map(|fault| fault.pointer).collect()
}

#[test]
fn an_override_that_tightens_is_taken() {
    let tools = json!({
        "profile": "coding",
        "agents": {"ops": {"profile": "minimal", "deny": ["exec"], "exec": "ask"},
                   "docs": {"only": ["read", "write", "group:web"], "subagents": false}},
        "channels": {"telegram": {"deny": ["exec"], "senders": {"123": {"only": ["web_search"]}}}},
    });
    let policy = parse_value(document(&tools)).unwrap();
    assert_eq!(loosenings(&policy), []);
}

#[test]
fn every_override_that_loosens_is_refused_at_its_clause() {
    let tools = json!({
        "profile": "messaging",
        "exec": {"mode": "ask"},
        "subagents": {"allowed": false},
        "agents": {"ops": {
            "profile": "coding", "allow": ["message", "exec"], "exec": "full",
            "elevated": true, "fs": "all", "subagents": true,
        }},
    });
    let expected = ["profile", "allow", "exec", "elevated", "fs", "subagents"]
        .map(|field| format!("/tools/agents/ops/{field}"));
    assert_eq!(pointers(document(&tools)), expected);
}

#[test]
fn an_exception_covers_its_clause_and_no_other_until_it_ends() {
    let tools = json!({
        "agents": {"ops": {"profile": "coding", "fs": "all"}},
        "exceptions": [
            {"clause": "/tools/agents/ops/profile", "reason": "nightly builds", "expires_at": "2026-12-01T00:00:00Z"},
        ],
    });
    assert_eq!(pointers(document(&tools)), ["/tools/agents/ops/fs"]);
    let mut covered = tools;
    covered["agents"]["ops"]["fs"] = Value::Null;
    let policy = parse_value(document(&covered)).unwrap();
    let profile = |now: Option<&str>| {
        let now = now.map(|now| now.parse().unwrap());
        in_force(&policy, now)
            .tools
            .agents
            .values()
            .next()
            .unwrap()
            .profile
    };
    assert!(profile(Some("2026-11-30T23:59:59Z")).is_some());
    assert_eq!(
        [profile(Some("2026-12-01T00:00:00Z")), profile(None)],
        [None, None]
    );
}

#[test]
fn what_the_gateway_denies_no_exception_lifts() {
    let tools = json!({
        "deny": ["group:runtime"],
        "agents": {"ops": {"allow": ["exec"]}},
        "exceptions": [
            {"clause": "/tools/agents/ops/allow", "reason": "x", "expires_at": "2030-01-01T00:00:00Z"},
        ],
    });
    assert_eq!(pointers(document(&tools)), ["/tools/agents/ops/allow/0"]);
}

#[test]
fn faults_of_every_other_section_have_pointers() {
    let mut value = document(&json!({
        "exec": {"allow_commands": ["git", "rm -rf", "/usr/../x"]},
        "subagents": {"max_depth": 9},
        "mcp_servers": {"docs": {"url": "http://example.com"}},
        "agents": {"a": {"only": []}, "b": {"only": ["read"], "allow": ["session_status"]}},
        "channels": {"telegram": {"groups": {"*": {}}, "senders": {"1": {"only": []}}}},
        "exceptions": [{"clause": "/tools/fs", "reason": " ", "expires_at": "2030-01-01T00:00:00Z"}],
    }));
    value["access"]["services"] = json!([{"name": "", "role": "admin"}]);
    value["access"]["approvals"] = json!({
        "targets": [{"channel": "telegram", "to": "1"}, {"channel": "telegram", "to": "1"}],
        "timeout": "PT5S", "answered_by": ["nobody"],
    });
    value["self_modification"] = json!({
        "workspace": [{"path": "../x", "change": "auto"}],
        "protected_keys": ["a..b"], "approvers": ["eve@example.com"], "health_window": "P1D",
    });
    value["persistence"] = json!({
        "snapshots": {"every": "PT1S", "keep": 0},
        "skill_packs": {"a": {"repository": "ext::sh", "commit": "0123456789012345678901234567890123456789"}},
        "workspace": {"repository": "https://example.com/x", "branch": "--upload-pack=x"},
    });
    value["tests"] = json!([{"tool": "group:fs", "sender": "1", "expect": "deny"}]);
    let expected = [
        "/access/services/0/name",
        "/access/approvals/targets/1",
        "/access/approvals/timeout",
        "/access/approvals/answered_by/0",
        "/tools/exec/allow_commands/1",
        "/tools/exec/allow_commands/2",
        "/tools/subagents/max_depth",
        "/tools/mcp_servers/docs/url",
        "/tools/agents/a/only",
        "/tools/agents/b/allow",
        "/tools/channels/telegram/groups/*",
        "/tools/channels/telegram/senders/1/only",
        "/tools/exceptions/0/reason",
        "/self_modification/workspace/0/path",
        "/self_modification/protected_keys/0",
        "/self_modification/approvers/0",
        "/self_modification/health_window",
        "/persistence/snapshots/every",
        "/persistence/snapshots/keep",
        "/persistence/skill_packs/a/repository",
        "/persistence/workspace/branch",
        "/tests/0/tool",
        "/tests/0/channel",
    ];
    assert_eq!(pointers(value), expected);
}
