use super::*;
use crate::fleet::samples::{at, heartbeat};
use crate::wire::git::{Proposed, ProposedState};

fn pointers(heartbeat: &Heartbeat) -> Vec<String> {
    validate(heartbeat)
        .into_iter()
        .map(|error| error.pointer)
        .collect()
}

#[test]
fn a_healthy_heartbeat_is_accepted() {
    let mut good = heartbeat("a", 1);
    good.pointers.r2 = Some(R2Pointer {
        key: "company/2026/11/snapshot.json".to_owned(),
        bytes: 1,
        sha256: "0".repeat(64),
        at: at(0),
        generation: None,
        state_bytes: None,
        verified_at: None,
    });
    good.pointers.git.push(GitPointer {
        repository: "https://github.com/example/skills.git".to_owned(),
        commit: "a".repeat(40),
        available: Some("b".repeat(40)),
        name: Some("packs/house".to_owned()),
        pinned: Some("a".repeat(40)),
        proposed: Some(proposed("https://github.com/example/skills/pull/7")),
    });
    assert_eq!(validate(&good), []);
}

#[test]
fn what_would_break_a_screen_or_a_log_is_refused() {
    let mut bad = heartbeat("a\nb", u64::MAX);
    bad.tedix_version = "x".repeat(65);
    bad.openclaw_version = Some("1\r\n2".to_owned());
    bad.policy.detail = Some("x".repeat(2_001));
    bad.budget.tokens_used = u64::MAX;
    bad.budget.time_zone = Some("x\ny".to_owned());
    bad.budget.stopped = Some(crate::wire::usage::Stop {
        at: at(0),
        by: "a\u{1b}[0m".to_owned(),
        note: Some("x".repeat(2_001)),
    });
    bad.models = vec![bad.models[0].clone(); 101];
    assert_eq!(
        pointers(&bad),
        [
            "/boot_id",
            "/sequence",
            "/tedix_version",
            "/openclaw_version",
            "/policy/detail",
            "/budget/tokens_used",
            "/budget/time_zone",
            "/budget/stopped/by",
            "/budget/stopped/note",
            "/models"
        ]
    );
}

#[test]
fn pointers_lead_nowhere_they_should_not() {
    for repository in [
        "javascript:alert(1)",
        "ext::sh -c id",
        "--upload-pack=id",
        "http://example.com/a",
        "https://user:secret@example.com/a",
        "https://",
        "https://example.com/\"onclick=1",
        "file:///etc/passwd",
    ] {
        let mut bad = heartbeat("a", 1);
        let commit = "a".repeat(40);
        bad.pointers.git.push(GitPointer {
            repository: repository.to_owned(),
            commit: commit.clone(),
            available: None,
            name: None,
            pinned: None,
            proposed: None,
        });
        assert_eq!(
            pointers(&bad),
            ["/pointers/git/0/repository"],
            "{repository}"
        );
        bad.pointers.git = vec![GitPointer {
            repository: "https://github.com/example/skills".to_owned(),
            commit,
            available: None,
            name: None,
            pinned: None,
            proposed: Some(proposed(repository)),
        }];
        let url = pointers(&bad);
        assert_eq!(url, ["/pointers/git/0/proposed/url"], "{repository}");
    }
    for key in ["", "../personal/x", "a/../b", "/a", "a//b", "."] {
        let mut bad = heartbeat("a", 1);
        let sha256 = "0".repeat(64);
        bad.pointers.r2 = Some(R2Pointer {
            key: key.to_owned(),
            bytes: 1,
            sha256,
            at: at(0),
            generation: None,
            state_bytes: None,
            verified_at: None,
        });
        assert_eq!(pointers(&bad), ["/pointers/r2/key"], "{key}");
    }
}

#[test]
fn origins_are_plain() {
    for (text, origin) in [
        ("https://company.example.com", "https://company.example.com"),
        (
            "https://company.example.com/",
            "https://company.example.com",
        ),
        (
            "https://company.example.com:8443",
            "https://company.example.com:8443",
        ),
        ("http://localhost:8701", "http://localhost:8701"),
    ] {
        assert_eq!(gateway_origin(text).as_deref(), Ok(origin), "{text}");
    }
    for text in [
        "",
        "company.example.com",
        "javascript://company.example.com",
        "javascript:alert(1)",
        "https://user@company.example.com",
        "https://company.example.com/path",
        "https://company.example.com?x",
        "https://company.example.com#x",
        "https://company.example.com:0",
        "https://company.example.com:99999",
        "https://Company.example.com",
        "https://a..b",
        "https://",
        "https:///",
        "https://[::1]",
        "http://company.example.com",
        "http://169.254.169.254",
        "https://company.example.com; script-src *",
        "https://company.example.com\nx",
    ] {
        assert!(gateway_origin(text).is_err(), "{text}");
    }
}

fn proposed(url: &str) -> Proposed {
    Proposed {
        branch: "tedix-claw/0123456789abcdef/packs-house/1".to_owned(),
        state: ProposedState::Open,
        commit: "c".repeat(40).parse().ok(),
        url: Some(url.to_owned()),
        merged_as: None,
        problem: None,
    }
}
