//! Skill packs and workspaces from a real Git server (`git http-backend`), behind what the
//! gateway Worker does at `http://git.internal`. OpenClaw is a script.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a lab that cannot be set up fails the test"
)]
#![expect(dead_code, reason = "the lab serves the other tests too")]

mod git_host;
mod lab;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use domain::drift::files::{Approved, FileRules, FileWatch};
use domain::wire::git::{GitOrder, GitState};
use domain::wire::init::{ConfigBundle, Report};
use git_host::GitHost;
use lab::Lab;
use rustix::process::Signal;
use serde_json::json;

fn lab(host: &GitHost) -> Lab {
    let mut lab = Lab::new(&json!({}));
    lab.set("TEDIX_GIT_URL", &host.url());
    lab
}

fn order(name: &str, commit: &str) -> GitOrder {
    GitOrder {
        name: name.to_owned(),
        commit: commit.parse().unwrap(),
        branch: Some("main".to_owned()),
        path: (name != "workspace").then(|| "skills".to_owned()),
    }
}

fn wanted(lab: &Lab, orders: &[GitOrder]) -> ConfigBundle {
    let mut bundle = lab.bundle(1, &json!({}));
    bundle.watch.git = orders.to_vec();
    bundle
}

/// The first report from a position on in which one source is as it should be.
fn state(lab: &Lab, from: usize, name: &str, so: impl Fn(&GitState) -> bool) -> GitState {
    let fits = |state: &GitState| state.name == name && so(state);
    let (_, report) = lab.report(
        from,
        name,
        |report| matches!(report, Report::Git { states } if states.iter().any(fits)),
    );
    let states = match report {
        Report::Git { states } => states,
        _ => Vec::new(),
    };
    states.into_iter().find(fits).unwrap()
}

fn at(lab: &Lab, name: &str, commit: &str, from: usize) -> GitState {
    state(lab, from, name, |state| {
        state.in_use.as_ref().map(ToString::to_string).as_deref() == Some(commit)
    })
}

fn pack(lab: &Lab, file: &str) -> PathBuf {
    lab.directory.join("data/packs/notes").join(file)
}

#[test]
fn a_skill_pack_is_there_before_openclaw_starts_and_follows_its_pin() {
    let host = GitHost::start();
    let (first, second) = (host.commit("one"), host.commit("two"));
    let mut lab = lab(&host);
    lab.governance
        .want(wanted(&lab, &[order("packs/notes", &first)]));
    lab.start();
    let (running, _) = lab.applied(0, 1);
    let skill = pack(&lab, "hello/SKILL.md");
    assert_eq!(fs::read_to_string(&skill).unwrap(), "one");
    let before = lab.governance.reports();
    let brought = before[..running]
        .iter()
        .any(|report| matches!(report, Report::Git { .. }));
    assert!(brought, "it is there first");
    let file = fs::metadata(&skill).unwrap();
    if rustix::process::geteuid().is_root() {
        assert_eq!(file.uid(), 0, "agents cannot change it");
    }
    assert_eq!(file.mode() & 0o777, 0o644, "and can read it");
    // Links of a repository are plain files here, and nothing of Git's is in it.
    let link = fs::symlink_metadata(pack(&lab, "hello/link")).unwrap();
    assert!(link.is_file());
    assert!(!pack(&lab, ".git").exists());
    let seen = state(&lab, 0, "packs/notes", |state| state.available.is_some());
    assert_eq!(seen.available.unwrap().as_str(), second);
    assert!(
        host.kept(&format!("/packs/notes/cache/{first}")),
        "kept for later"
    );

    let from = lab.governance.reports().len();
    lab.governance
        .want(wanted(&lab, &[order("packs/notes", &second)]));
    lab.signal(Signal::HUP);
    at(&lab, "packs/notes", &second, from);
    assert_eq!(fs::read_to_string(&skill).unwrap(), "two");

    lab.governance.want(wanted(&lab, &[]));
    lab.signal(Signal::HUP);
    lab.until("it is gone", || !pack(&lab, "").exists());
    assert!(
        host.strangers() == 0,
        "every request came with the credential"
    );
    assert!(!lab.log().contains(lab::CREDENTIAL));
}

#[test]
fn a_git_host_that_is_down_stops_no_start() {
    let host = GitHost::start();
    let commit = host.commit("one");
    for round in ["the host answers", "it is down, and the pack was kept"] {
        let mut lab = lab(&host);
        lab.governance
            .want(wanted(&lab, &[order("packs/notes", &commit)]));
        lab.start();
        at(&lab, "packs/notes", &commit, 0);
        let text = fs::read_to_string(pack(&lab, "hello/SKILL.md")).unwrap();
        assert_eq!(text, "one", "{round}");
        host.set_down(true);
    }

    // Neither the host nor a pack that can be trusted: OpenClaw starts without.
    host.damage();
    let mut lab = lab(&host);
    lab.governance
        .want(wanted(&lab, &[order("packs/notes", &commit)]));
    lab.start();
    lab.applied(0, 1);
    let failed = state(&lab, 0, "packs/notes", |state| state.problem.is_some());
    assert_eq!(failed.in_use, None);
    assert!(!pack(&lab, "").exists());

    // It comes when the host does, over the damaged pack.
    host.set_down(false);
    lab.signal(Signal::HUP);
    at(&lab, "packs/notes", &commit, 0);
    assert_eq!(
        fs::read_to_string(pack(&lab, "hello/SKILL.md")).unwrap(),
        "one"
    );
}

#[test]
fn what_is_kept_under_another_commit_s_name_is_not_taken_for_it() {
    let host = GitHost::start();
    let (good, evil) = (host.commit("good"), host.commit("evil"));
    let mut first = lab(&host);
    first
        .governance
        .want(wanted(&first, &[order("packs/notes", &evil)]));
    first.start();
    at(&first, "packs/notes", &evil, 0);
    let name = |commit: &str| format!("/packs/notes/cache/{commit}");
    host.swap(&name(&evil), &name(&good));

    let mut second = lab(&host);
    second
        .governance
        .want(wanted(&second, &[order("packs/notes", &good)]));
    second.start();
    at(&second, "packs/notes", &good, 0);
    let text = fs::read_to_string(pack(&second, "hello/SKILL.md")).unwrap();
    assert_eq!(text, "good");
}

#[test]
fn a_commit_or_a_folder_that_is_not_there_is_said_and_the_one_before_stays() {
    let host = GitHost::start();
    let commit = host.commit("one");
    let mut lab = lab(&host);
    lab.governance
        .want(wanted(&lab, &[order("packs/notes", &commit)]));
    lab.start();
    at(&lab, "packs/notes", &commit, 0);
    let nowhere = GitOrder {
        path: Some("other".to_owned()),
        ..order("packs/notes", &commit)
    };
    for order in [order("packs/notes", &"1".repeat(40)), nowhere] {
        let from = lab.governance.reports().len();
        lab.governance.want(wanted(&lab, &[order]));
        lab.signal(Signal::HUP);
        let failed = state(&lab, from, "packs/notes", |state| state.problem.is_some());
        assert_eq!(failed.in_use.unwrap().as_str(), commit);
        assert_eq!(
            fs::read_to_string(pack(&lab, "hello/SKILL.md")).unwrap(),
            "one"
        );
    }
}

#[test]
fn a_new_workspace_begins_with_its_repository_and_is_the_agents_own_afterwards() {
    let host = GitHost::start();
    let commit = host.commit("one");
    let mut lab = lab(&host);
    lab.governance
        .want(wanted(&lab, &[order("workspace", &commit)]));
    lab.start();
    at(&lab, "workspace", &commit, 0);
    let workspace = lab.directory.join("data/openclaw/workspace");
    let file = workspace.join("skills/hello/SKILL.md");
    assert_eq!(fs::read_to_string(&file).unwrap(), "one");
    if rustix::process::geteuid().is_root() {
        assert_eq!(fs::metadata(&file).unwrap().uid(), 1000);
        assert_eq!(fs::metadata(&workspace).unwrap().uid(), 1000);
    }
    // Another commit is for other gateways' workspaces: this one has begun.
    fs::write(workspace.join("mine"), "kept").unwrap();
    let next = host.commit("two");
    let from = lab.governance.reports().len();
    lab.governance
        .want(wanted(&lab, &[order("workspace", &next)]));
    lab.signal(Signal::HUP);
    lab.applied(from, 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), "one");
    assert_eq!(fs::read_to_string(workspace.join("mine")).unwrap(), "kept");
}

#[test]
fn what_a_workspace_begins_with_counts_as_approved() {
    let host = GitHost::start();
    let commit = host.commit("one");
    let mut lab = lab(&host);
    let rules: FileRules = serde_json::from_value(json!({ "skills": "deny" })).unwrap();
    // A gateway whose files were looked at before, and that begins anew with nothing.
    let approved = Approved {
        rules: rules.clone(),
        ..Approved::default()
    };
    let mut bundle = wanted(&lab, &[order("workspace", &commit)]);
    bundle.watch.files = Some(Box::new(FileWatch {
        rules,
        approved: Some(approved),
    }));
    lab.governance.want(bundle);
    lab.start();
    at(&lab, "workspace", &commit, 0);
    lab.report(0, "it is approved", |report| {
        matches!(report, Report::Approved { approved }
            if approved.files.contains_key("workspace/skills/hello/SKILL.md"))
    });
    let from = lab.governance.reports().len();
    lab.applied(from, 1);
    let skill = lab
        .directory
        .join("data/openclaw/workspace/skills/hello/SKILL.md");
    assert_eq!(fs::read_to_string(skill).unwrap(), "one");
}
