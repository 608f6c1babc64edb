use serde_json::json;

use super::*;

fn rules() -> FileRules {
    serde_json::from_value(json!({
        "skills": "review",
        "workspace": [
            {"path": "AGENTS.md", "change": "deny"},
            {"path": "notes/", "change": "deny"},
            {"path": "notes/open", "change": "auto"},
            {"path": "skills/mine", "change": "auto"},
            {"path": "memory/", "change": "auto"},
        ],
    }))
    .unwrap()
}

fn file(content: &str) -> ApprovedFile {
    ApprovedFile {
        sha256: format!("{content:0>64}"),
        executable: false,
        text: Some(content.to_owned()),
    }
}

#[test]
fn each_path_is_held_by_the_strictest_clause_that_is_about_it() {
    use ChangeRule::{Deny, Review};
    for (path, rule) in [
        ("workspace/AGENTS.md", Some(Deny)),
        ("workspace-ops/AGENTS.md", Some(Deny)),
        ("workspaces/AGENTS.md", None),
        ("AGENTS.md", None),
        ("workspace/notes", Some(Deny)),
        ("workspace/notes/a/b", Some(Deny)),
        ("workspace/notes/open/a", None),
        ("workspace/MEMORY.md", None),
        ("workspace/memory/2026-11-22.md", None),
        ("workspace/skills/x/SKILL.md", Some(Review)),
        ("workspace/skills/mine/SKILL.md", Some(Review)),
        ("workspace/.agents/skills/x/SKILL.md", Some(Review)),
        ("skills/x/run.sh", Some(Review)),
        ("agents/main/agent/workshop-skills/x/SKILL.md", Some(Review)),
        ("agents/main/agent/openclaw-agent.sqlite", None),
        ("agents/main/sessions/a.jsonl", None),
        ("plugin-skills/x", None),
    ] {
        assert_eq!(rules().closed(path), rule, "{path}");
    }
    assert!(rules().close_anything());
    assert!(!FileRules::default().close_anything());
    let places = rules().places(&["workspace".to_owned()], &["main".to_owned()]);
    assert_eq!(
        places,
        [
            "agents/main/agent/workshop-skills",
            "skills",
            "workspace/.agents/skills",
            "workspace/AGENTS.md",
            "workspace/notes",
            "workspace/skills",
        ]
    );
}

#[test]
fn only_what_a_clause_opens_is_written_down() {
    for (path, open) in [
        ("workspace/memory/2026-11-22.md", true),
        ("workspace/notes/open/a", true),
        ("workspace/MEMORY.md", false),
        ("workspace/AGENTS.md", false),
        ("workspace/skills/mine/SKILL.md", false),
        ("memory/a", false),
    ] {
        assert_eq!(rules().opens(path), open, "{path}");
    }
    let places = rules().open_places(&["workspace".to_owned()]);
    assert_eq!(
        places,
        [
            "workspace/notes/open",
            "workspace/skills/mine",
            "workspace/memory"
        ]
    );
}

#[test]
fn every_preset_leaves_to_openclaw_what_openclaw_writes_by_itself() {
    for preset in [
        include_str!("../../policy/presets/personal.json"),
        include_str!("../../policy/presets/company.json"),
    ] {
        let policy: Policy = serde_json::from_str(preset).unwrap();
        let rules = FileRules::of(&policy);
        assert!(rules.close_anything());
        for path in [
            "workspace/MEMORY.md",
            "workspace/memory/2026-11-22.md",
            "workspace/USER.md",
            "workspace/BOOTSTRAP.md",
            "workspace/.git/config",
            "workspace/.openclaw/source-origin.json",
            "agents/main/sessions/a.jsonl",
            "state/openclaw.sqlite",
        ] {
            assert_eq!(rules.closed(path), None, "{path}");
        }
    }
}

#[test]
fn what_becomes_closed_is_approved_as_it_is_and_what_becomes_open_is_forgotten() {
    let found = |items: &[(&str, &str)]| -> BTreeMap<String, ApprovedFile> {
        let file = |(path, content): &(&str, &str)| ((*path).to_owned(), file(content));
        items.iter().map(file).collect()
    };
    let mut approved = Approved::default();
    approved.follow(
        &rules(),
        found(&[("workspace/AGENTS.md", "1"), ("workspace/x", "1")]),
    );
    assert_eq!(
        approved.files.keys().collect::<Vec<_>>(),
        ["workspace/AGENTS.md"]
    );
    // The same rules take nothing up, whatever is there.
    let before = approved.clone();
    approved.follow(&rules(), found(&[("workspace/AGENTS.md", "2")]));
    assert_eq!(approved, before);
    let mut other = rules();
    other.skills = None;
    other.workspace = serde_json::from_value(json!([
        {"path": "AGENTS.md", "change": "review"}, {"path": "x", "change": "deny"},
    ]))
    .unwrap();
    approved.follow(
        &other,
        found(&[("workspace/AGENTS.md", "2"), ("workspace/x", "2")]),
    );
    assert_eq!(
        approved.files,
        found(&[("workspace/AGENTS.md", "1"), ("workspace/x", "2")])
    );
    approved.follow(&FileRules::default(), BTreeMap::new());
    assert!(approved.files.is_empty());
}

#[test]
fn differences_are_what_was_added_changed_and_taken_away() {
    let approved = Approved {
        rules: rules(),
        files: BTreeMap::from([
            ("workspace/AGENTS.md".to_owned(), file("1")),
            ("workspace/notes/gone".to_owned(), file("1")),
            ("skills/same/SKILL.md".to_owned(), file("1")),
        ]),
    };
    let found = BTreeMap::from([
        ("workspace/AGENTS.md".to_owned(), file("2").sha256),
        ("skills/same/SKILL.md".to_owned(), file("1").sha256),
        ("skills/new/SKILL.md".to_owned(), file("1").sha256),
        ("workspace/open".to_owned(), file("1").sha256),
    ]);
    let differences = approved.differences(&found);
    assert_eq!(
        differences,
        [
            (
                "skills/new/SKILL.md".to_owned(),
                Change::Added,
                ChangeRule::Review
            ),
            (
                "workspace/AGENTS.md".to_owned(),
                Change::Changed,
                ChangeRule::Deny
            ),
            (
                "workspace/notes/gone".to_owned(),
                Change::Removed,
                ChangeRule::Deny
            ),
        ]
    );
}

#[test]
fn only_what_an_order_can_write_is_proposed() {
    for (path, expected) in [
        ("workspace/skills/x/SKILL.md", Some((Kind::Skill, "x"))),
        ("skills/x/SKILL.md", Some((Kind::Skill, "x"))),
        (
            "agents/main/agent/workshop-skills/x/SKILL.md",
            Some((Kind::Skill, "x")),
        ),
        ("workspace/skills/x/run.sh", None),
        ("workspace/skills/X/SKILL.md", None),
        ("workspace/skills/a/b/SKILL.md", None),
        (
            "workspace/AGENTS.md",
            Some((Kind::WorkspaceFile, "AGENTS.md")),
        ),
        ("workspace/.env", None),
        ("workspace-ops/AGENTS.md", None),
    ] {
        let expected = expected.map(|(kind, target)| (kind, target.to_owned()));
        assert_eq!(proposed_as(path), expected, "{path}");
    }
}

#[test]
fn what_leaves_the_container_is_bounded() {
    let mut approved = Approved {
        rules: rules(),
        files: BTreeMap::new(),
    };
    for number in 0..20 {
        let text = "x".repeat(30_000 + number);
        approved
            .files
            .insert(format!("skills/{number}/SKILL.md"), file("1"));
        approved
            .files
            .get_mut(&format!("skills/{number}/SKILL.md"))
            .unwrap()
            .text = Some(text);
    }
    let bounded = approved.bounded();
    assert!(serde_json::to_string(&bounded).unwrap().len() <= MAX_JSON);
    let kept = |approved: &Approved| approved.files.values().filter(|f| f.text.is_some()).count();
    assert!(kept(&bounded) >= 10 && kept(&bounded) < 20);
    assert_eq!(bounded.files.len(), 20);
    assert!(approved.is_bounded());
    approved.files.insert("x".repeat(MAX_PATH + 1), file("1"));
    assert!(!approved.is_bounded());
}

#[test]
fn approved_json_format_unchanged() {
    let approved = Approved {
        rules: FileRules {
            skills: Some(ChangeRule::Deny),
            workspace: vec![WorkspaceRule {
                path: "AGENTS.md".to_owned(),
                change: ChangeRule::Review,
            }],
        },
        files: BTreeMap::from([(
            "skills/x/run.sh".to_owned(),
            ApprovedFile {
                executable: true,
                ..file("1")
            },
        )]),
    };
    let json = json!({
        "rules": {"skills": "deny", "workspace": [{"path": "AGENTS.md", "change": "review"}]},
        "files": {"skills/x/run.sh": {"sha256": format!("{:0>64}", 1), "executable": true,
            "text": "1"}},
    });
    assert_eq!(serde_json::to_value(&approved).unwrap(), json);
    assert_eq!(serde_json::from_value::<Approved>(json).unwrap(), approved);
}
