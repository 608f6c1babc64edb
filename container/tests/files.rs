//! Skills and files of the workspace that agents may not change by themselves: what they
//! change is undone, what was approved lasts. OpenClaw is a script.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a lab that cannot be set up fails the test"
)]
#![expect(dead_code, reason = "the lab serves the other tests too")]

mod lab;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use domain::drift::Part;
use domain::drift::files::{Approved, FileWatch};
use domain::proposal::Kind;
use domain::wire::init::{ConfigBundle, Order, Report};
use lab::Lab;
use rustix::process::Signal;
use serde_json::json;

/// AGENTS.md is reviewed, SOUL.md and skills are closed, memory is the agent's.
fn watch(approved: Option<Approved>) -> FileWatch {
    let rules = json!({ "skills": "deny", "workspace": [
        { "path": "AGENTS.md", "change": "review" },
        { "path": "SOUL.md", "change": "deny" },
        { "path": "memory/", "change": "auto" },
    ] });
    FileWatch {
        rules: serde_json::from_value(rules).unwrap(),
        approved,
    }
}

fn bundle(lab: &Lab, approved: Option<Approved>) -> ConfigBundle {
    let mut wanted = lab.bundle(1, &json!({}));
    wanted.watch.files = Some(Box::new(watch(approved)));
    wanted
}

/// OpenClaw's state directory, with files in it.
fn state(lab: &Lab, files: &[(&str, &str)]) -> PathBuf {
    let state = lab.directory.join("data/openclaw");
    for (path, content) in files {
        put(&state, path, content);
    }
    state
}

fn put(state: &Path, path: &str, content: &str) {
    let path = state.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn read(state: &Path, path: &str) -> Option<String> {
    fs::read_to_string(state.join(path)).ok()
}

fn is(state: &Path, path: &str, content: &str) -> bool {
    read(state, path).as_deref() == Some(content)
}

/// What tedix-init last said to be approved.
fn approved(lab: &Lab) -> Option<Approved> {
    let reports = lab.governance.reports();
    reports.into_iter().rev().find_map(|report| match report {
        Report::Approved { approved } => Some(approved),
        _ => None,
    })
}

fn reverted(lab: &Lab, part: Part, path: &str) {
    lab.report(0, path, |report| {
        matches!(report, Report::Drift { part: found, reverted: true, detail }
            if *found == part && detail.contains(path))
    });
}

#[test]
fn what_agents_change_is_put_back_or_proposed_and_what_is_theirs_is_left() {
    let mut lab = Lab::new(&json!({}));
    lab.governance.want(bundle(&lab, None));
    let state = state(
        &lab,
        &[
            ("workspace/AGENTS.md", "agents"),
            ("workspace/SOUL.md", "soul"),
            ("workspace/skills/notes/SKILL.md", "notes"),
        ],
    );
    lab.start();
    lab.applied(0, 1);
    lab.until("what was there counts", || {
        approved(&lab).is_some_and(|approved| approved.files.len() == 3)
    });

    put(&state, "workspace/AGENTS.md", "mine");
    put(&state, "workspace/memory/today.md", "remember");
    put(&state, "workspace/MEMORY.md", "remember");
    fs::remove_file(state.join("workspace/SOUL.md")).unwrap();
    put(&state, "workspace/skills/notes/SKILL.md", "evil");
    put(&state, "workspace/skills/new/SKILL.md", "evil");
    put(&state, "workspace/skills/new/run.sh", "evil");
    put(&state, "skills/managed/SKILL.md", "evil");
    put(
        &state,
        "agents/main/agent/workshop-skills/w/SKILL.md",
        "evil",
    );
    lab.until("all is as it was", || {
        is(&state, "workspace/AGENTS.md", "agents")
            && is(&state, "workspace/SOUL.md", "soul")
            && is(&state, "workspace/skills/notes/SKILL.md", "notes")
            && read(&state, "workspace/skills/new/SKILL.md").is_none()
            && read(&state, "workspace/skills/new/run.sh").is_none()
            && read(&state, "skills/managed/SKILL.md").is_none()
            && read(&state, "agents/main/agent/workshop-skills/w/SKILL.md").is_none()
    });
    assert!(is(&state, "workspace/memory/today.md", "remember"));
    assert!(is(&state, "workspace/MEMORY.md", "remember"));
    reverted(&lab, Part::Workspace, "workspace/SOUL.md");
    reverted(&lab, Part::Skills, "workspace/skills/new/run.sh");
    let (_, undone) = lab.report(0, "a proposal", |report| {
        matches!(report, Report::Undone { .. })
    });
    let Report::Undone {
        change,
        target,
        content,
        ..
    } = undone
    else {
        panic!()
    };
    assert_eq!(
        (change, target.as_str(), content),
        (Kind::WorkspaceFile, "AGENTS.md", json!("mine"))
    );

    // What a person approves stays.
    let mut wanted = bundle(&lab, None);
    wanted.watch.orders = vec![Order {
        id: "p1".to_owned(),
        kind: Kind::WorkspaceFile,
        target: "AGENTS.md".to_owned(),
        content: json!("mine"),
    }];
    lab.governance.want(wanted);
    lab.signal(Signal::HUP);
    lab.report(0, "the order", |report| {
        matches!(report, Report::OrderDone { error: None, .. })
    });
    let count = lab.governance.reports().len();
    lab.applied(count, 1);
    let count = lab.governance.reports().len();
    lab.applied(count, 1);
    assert!(is(&state, "workspace/AGENTS.md", "mine"));
}

#[test]
fn links_folders_and_pipes_do_not_get_around_it() {
    let mut lab = Lab::new(&json!({}));
    lab.governance.want(bundle(&lab, None));
    let state = state(
        &lab,
        &[
            ("workspace/SOUL.md", "soul"),
            ("workspace/skills/notes/SKILL.md", "notes"),
        ],
    );
    let outside = lab.directory.join("outside");
    fs::create_dir_all(outside.join("notes")).unwrap();
    fs::write(outside.join("notes/SKILL.md"), "evil").unwrap();
    fs::write(outside.join("secret"), "root's alone").unwrap();
    lab.start();
    lab.applied(0, 1);
    lab.until("what was there counts", || approved(&lab).is_some());

    // A folder in the place of a file, a link in the place of a folder, and a pipe.
    fs::remove_file(state.join("workspace/SOUL.md")).unwrap();
    put(&state, "workspace/SOUL.md/inside", "evil");
    fs::rename(state.join("workspace/skills"), state.join("elsewhere")).unwrap();
    symlink(&outside, state.join("workspace/skills")).unwrap();
    fs::create_dir_all(state.join("skills/x")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        state.join("skills/x/SKILL.md"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o666),
        0,
    )
    .unwrap();
    fs::create_dir_all(state.join("agents/main")).unwrap();
    symlink(&outside, state.join("agents/main/agent")).unwrap();
    lab.until("all is as it was", || {
        is(&state, "workspace/SOUL.md", "soul")
            && is(&state, "workspace/skills/notes/SKILL.md", "notes")
            && fs::symlink_metadata(state.join("skills/x/SKILL.md")).is_err()
    });
    assert!(
        fs::symlink_metadata(state.join("workspace/skills"))
            .unwrap()
            .is_dir()
    );
    // A hard link to what OpenClaw's user may not read: it goes, and nothing of it is said.
    fs::hard_link(outside.join("secret"), state.join("skills/secret")).unwrap();
    lab.until("the link is gone", || !state.join("skills/secret").exists());
    // The whole workspace as a link.
    fs::rename(state.join("workspace"), state.join("moved")).unwrap();
    symlink(&outside, state.join("workspace")).unwrap();
    lab.until("the workspace is one again", || {
        fs::symlink_metadata(state.join("workspace")).is_ok_and(|found| found.is_dir())
            && is(&state, "workspace/SOUL.md", "soul")
    });
    // What the links led to is as it was.
    assert_eq!(
        fs::read_to_string(outside.join("notes/SKILL.md")).unwrap(),
        "evil"
    );
    assert_eq!(
        fs::read_to_string(outside.join("secret")).unwrap(),
        "root's alone"
    );
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 2);
    let said = format!("{:?}{}", lab.governance.reports(), lab.log());
    assert!(!said.contains("root's alone"));
}

#[test]
fn a_new_container_holds_what_its_snapshot_brings_to_what_was_approved() {
    let mut lab = Lab::new(&json!({}));
    let files = [
        ("workspace/AGENTS.md", "agents"),
        ("workspace/skills/notes/SKILL.md", "notes"),
    ];
    lab.governance.want(bundle(&lab, None));
    let tree = state(&lab, &files);
    lab.start();
    lab.applied(0, 1);
    lab.until("what was there counts", || approved(&lab).is_some());
    let approved = approved(&lab).unwrap();
    lab.stop();
    // The disk is new, but for what a snapshot took a moment after an agent changed it.
    fs::remove_dir_all(lab.directory.join("data/tedix")).unwrap();
    put(&tree, "workspace/AGENTS.md", "mine");
    put(&tree, "workspace/skills/notes/SKILL.md", "evil");
    put(&tree, "workspace/skills/new/SKILL.md", "evil");
    // Templates that OpenClaw begins a workspace with are its own doing.
    put(
        &lab.directory,
        "docs/reference/templates/SOUL.md",
        "---\ntitle: x\n---\n\n# Soul\n",
    );
    put(&tree, "workspace/SOUL.md", "# Soul\n");
    lab.governance.want(bundle(&lab, Some(approved)));
    let from = lab.governance.reports().len();
    lab.start();
    lab.applied(from, 1);
    // Before OpenClaw's first look at them, so there was nothing to wait for.
    assert!(is(&tree, "workspace/AGENTS.md", "agents"));
    assert!(is(&tree, "workspace/skills/notes/SKILL.md", "notes"));
    assert_eq!(read(&tree, "workspace/skills/new/SKILL.md"), None);
    assert!(is(&tree, "workspace/SOUL.md", "# Soul\n"));

    // Once it is there it is held, and its template is no way back to it.
    put(&tree, "workspace/SOUL.md", "mine");
    lab.until("the template is back", || {
        is(&tree, "workspace/SOUL.md", "# Soul\n")
    });
    // A policy that leaves them open leaves them alone, and closes them as they are then.
    let mut open = lab.bundle(2, &json!({}));
    open.watch.files = Some(Box::default());
    lab.governance.want(open);
    lab.signal(Signal::HUP);
    lab.applied(0, 2);
    put(&tree, "workspace/SOUL.md", "mine");
    let from = lab.governance.reports().len();
    lab.applied(from, 2);
    let mut closed = lab.bundle(3, &json!({}));
    closed.watch.files = Some(Box::new(watch(None)));
    lab.governance.want(closed);
    lab.signal(Signal::HUP);
    lab.applied(0, 3);
    let from = lab.governance.reports().len();
    lab.applied(from, 3);
    assert!(is(&tree, "workspace/SOUL.md", "mine"));
}

#[test]
fn what_may_change_by_itself_is_written_down() {
    let mut lab = Lab::new(&json!({}));
    // Looked at with every 60th look.
    lab.set("TEDIX_OBSERVE_EVERY_MS", "50");
    lab.governance.want(bundle(&lab, None));
    let state = state(&lab, &[("workspace/memory/today.md", "one")]);
    lab.start();
    lab.applied(0, 1);
    let mark = |report: &Report| match report {
        Report::Held { held } => held
            .0
            .get(&Part::Workspace)?
            .get("workspace/memory/today.md")
            .cloned(),
        _ => None,
    };
    let (_, first) = lab.report(0, "the file", |report| mark(report).is_some());
    put(&state, "workspace/memory/today.md", "one and two");
    put(&state, "workspace/MEMORY.md", "no clause names it");
    let (_, later) = lab.report(0, "the change", |report| {
        mark(report).is_some_and(|found| Some(found) != mark(&first))
    });
    let Report::Held { held } = later else {
        panic!()
    };
    assert_eq!(held.0[&Part::Workspace].len(), 1);
    assert!(is(&state, "workspace/memory/today.md", "one and two"));
}
