//! From a proposal to a pull request, and from a merged one to the commit in use.

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Role;
use domain::git::change::is_ours;
use domain::policy::CommitId;
use domain::proposal::{AGENT, Draft, Kind, Proposal, State};
use domain::wire::git::{ProposedState, SourceStatus};
use domain::wire::init::Report;
use serde_json::{Value, json};

use super::Pulls;
use crate::forge::Outcome;
use crate::forge::tests::Host;
use crate::sandbox::core::tests::{MemoryDb, actions, launched, reopen, t0};
use crate::sandbox::core::{Core, Principal};

const LINE: &str = "0123456789abcdef0123456789abcdef";

/// A gateway with a skill pack and a workspace from a host.
fn gateway(host: &Host, promote: &str) -> Core<MemoryDb> {
    let (mut core, _) = launched();
    let repository = host.repository();
    let clause = |more: Value| {
        let mut clause = json!({"repository": repository, "commit": host.head(),
            "branch": "main", "pull_requests": "github", "promote": promote});
        let more = more.as_object().cloned().unwrap_or_default();
        clause.as_object_mut().expect("an object").extend(more);
        clause
    };
    let mut document = core.newest().document.clone();
    document.persistence = serde_json::from_value(json!({
        "skill_packs": {"house": clause(json!({"path": "skills"}))},
        "workspace": clause(json!({"pull_requests": "gitlab"})),
    }))
    .expect("a clause");
    document.self_modification =
        serde_json::from_value(json!({"workspace": [{"path": "AGENTS.md", "change": "review"}]}))
            .expect("a clause");
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    core
}

fn ada() -> Principal {
    Principal {
        subject: "ada@example.com".to_owned(),
        role: Role::Admin,
        groups: vec![],
    }
}

fn later(seconds: i64) -> DateTime<Utc> {
    t0() + TimeDelta::seconds(seconds)
}

fn propose(core: &mut Core<MemoryDb>, kind: Kind, target: &str, content: Value) -> Proposal {
    let draft = Draft {
        kind,
        target: target.to_owned(),
        content,
        reason: "It burns. Fixes #1".to_owned(),
    };
    core.propose(AGENT, draft, t0()).expect("taken")
}

/// Does all that is due, as the shell does; how many jobs that were.
fn work(core: &mut Core<MemoryDb>, host: &Host, now: DateTime<Utc>) -> usize {
    let mut jobs = 0;
    while let Some(job) = core.begin_pull(LINE, now).expect("no fault") {
        assert_eq!(
            core.begin_pull(LINE, now).expect("no fault"),
            None,
            "one at a time"
        );
        let outcome = host.run(&job);
        core.pull_done(&job, outcome, now).expect("no fault");
        jobs += 1;
        assert!(jobs < 50, "it never ends");
    }
    jobs
}

fn source(core: &Core<MemoryDb>, name: &str) -> SourceStatus {
    let sources = core.git_status().expect("a status");
    let found = sources.into_iter().find(|source| source.name == name);
    found.expect("the source")
}

fn state(core: &Core<MemoryDb>, id: &str) -> State {
    core.proposal(id, t0()).expect("a proposal").state
}

#[test]
fn a_proposal_for_a_skill_of_a_pack_is_decided_at_the_host_and_its_merge_is_the_next_pin() {
    let host = Host::new();
    let mut core = gateway(&host, "merged");
    let version = core.newest().version;
    let first = propose(&mut core, Kind::Skill, "house/cook", json!("Fry it.\n"));
    assert_eq!(first.state, State::Pending);
    assert_eq!(work(&mut core, &host, t0()), 1);
    let proposed = source(&core, "packs/house").proposed.expect("proposed");
    assert_eq!(proposed.state, ProposedState::Open);
    assert!(is_ours(&proposed.branch), "{}", proposed.branch);
    let url = "https://git.example.com/acme/skills/pull/1";
    assert_eq!(proposed.url.as_deref(), Some(url));
    let commit = proposed.commit.expect("a commit");
    assert_eq!(
        host.show(commit.as_str(), "skills/cook/SKILL.md"),
        "Fry it."
    );
    let message = host.git(&["log", "-1", "--format=%B", commit.as_str()]);
    assert!(
        message.contains("It burns. Fixes 1") && message.contains("Proposal p1"),
        "{message}"
    );
    let found = core.proposal("p1", t0()).expect("there");
    assert_eq!(found.pull_request.as_deref(), Some(url));

    let ada = ada();
    let denied = core.decide_proposal(&ada, "p1", true, None, t0());
    assert_eq!(denied.map_err(|problem| problem.status), Err(409));

    // Looked at again and again, less and less often; nothing changes.
    let mut core = reopen(core);
    assert_eq!(work(&mut core, &host, later(10)), 0);
    assert_eq!(work(&mut core, &host, later(16)), 1);
    assert_eq!(work(&mut core, &host, later(40)), 0);

    let merged = host.merge(1);
    assert_eq!(work(&mut core, &host, later(60)), 1);
    assert_eq!(core.newest().version, version + 1);
    let pack = source(&core, "packs/house");
    assert_eq!(pack.pinned, merged);
    assert_eq!(source(&core, "workspace").pinned.as_str().len(), 40);
    assert_ne!(
        source(&core, "workspace").pinned,
        merged,
        "that one is another clause"
    );
    assert_eq!(pack.proposed.expect("kept").merged_as, Some(merged));
    assert_eq!(state(&core, "p1"), State::Approved);
    assert!(actions(&core).ends_with(&[
        "gateway git.pull_request_merged".to_owned(),
        "gateway policy.saved".to_owned(),
    ]));
    assert_eq!(work(&mut core, &host, later(60)), 0);
    assert_eq!(core.pulls_due_at(), None, "nothing is left to do");

    // What comes next gets a branch of its own.
    propose(&mut core, Kind::Skill, "house/cook", json!("Bake it.\n"));
    assert_eq!(work(&mut core, &host, later(70)), 1);
    let next = source(&core, "packs/house").proposed.expect("proposed");
    assert!(
        next.branch.ends_with("/2") && next.branch != proposed.branch,
        "{}",
        next.branch
    );
    assert_eq!(host.pulls(), 2);
    assert_eq!(host.faults(), [""; 0]);
}

#[test]
fn where_the_policy_is_silent_a_merge_is_available_and_people_promote_it() {
    let host = Host::new();
    let mut core = gateway(&host, "manual");
    let pinned = host.head();
    propose(&mut core, Kind::Skill, "house/cook", json!("Fry it.\n"));
    work(&mut core, &host, t0());
    let version = core.newest().version;
    let merged = host.merge(1);
    work(&mut core, &host, later(20));
    let pack = source(&core, "packs/house");
    assert_eq!((pack.pinned, pack.available), (pinned, Some(merged)));
    assert_eq!(core.newest().version, version);
    assert_eq!(host.faults(), [""; 0]);
}

#[test]
fn changes_of_the_workspace_go_into_one_merge_request() {
    let host = Host::new();
    let mut core = gateway(&host, "manual");
    propose(
        &mut core,
        Kind::WorkspaceFile,
        "AGENTS.md",
        json!("Be kind.\n"),
    );
    propose(&mut core, Kind::Skill, "clean", json!("Sweep.\n"));
    propose(
        &mut core,
        Kind::WorkspaceFile,
        "AGENTS.md",
        json!("Be kind.\n"),
    );
    assert_eq!(work(&mut core, &host, t0()), 3);
    let proposed = source(&core, "workspace").proposed.expect("proposed");
    assert_eq!(
        proposed.url.as_deref(),
        Some("https://git.example.com/acme/skills/-/merge_requests/1")
    );
    let commits = host.git(&["rev-list", "--count", &format!("main..{}", proposed.branch)]);
    assert_eq!(commits, "2", "the same change is one commit");
    assert_eq!(host.show(&proposed.branch, "AGENTS.md"), "Be kind.");
    assert_eq!(
        host.show(&proposed.branch, "skills/clean/SKILL.md"),
        "Sweep."
    );
    assert_eq!((host.pulls(), host.faults()), (1, vec![]));
}

#[test]
fn what_was_rejected_or_overtaken_here_is_not_promoted_by_a_merge() {
    for overtaken in [false, true] {
        let host = Host::new();
        let mut core = gateway(&host, "merged");
        let proposal = propose(&mut core, Kind::Skill, "house/cook", json!("Fry it.\n"));
        work(&mut core, &host, t0());
        if overtaken {
            let other: CommitId = "b".repeat(40).parse().expect("a commit");
            let document = &core.newest().document;
            let next = domain::git::change::pinned_at(document, "packs/house", &other);
            core.save_policy(next.expect("named"), "ada@example.com", None, t0())
                .expect("saved");
        } else {
            let ada = ada();
            core.decide_proposal(&ada, &proposal.id, false, None, t0())
                .expect("rejected");
        }
        let version = core.newest().version;
        host.merge(1);
        work(&mut core, &host, later(20));
        assert_eq!(core.newest().version, version, "overtaken: {overtaken}");
        let problem = source(&core, "packs/house").proposed.expect("kept").problem;
        assert!(problem.is_some_and(|why| why.contains("not in use")));
        assert!(actions(&core).contains(&"gateway git.not_promoted".to_owned()));
    }
}

#[test]
fn a_closed_pull_request_rejects_and_the_next_change_begins_anew() {
    let host = Host::new();
    let mut core = gateway(&host, "merged");
    propose(&mut core, Kind::Skill, "house/cook", json!("Fry it.\n"));
    work(&mut core, &host, t0());
    host.close(1);
    work(&mut core, &host, later(20));
    assert_eq!(state(&core, "p1"), State::Rejected);
    propose(&mut core, Kind::Skill, "house/cook", json!("Bake it.\n"));
    work(&mut core, &host, later(30));
    let proposed = source(&core, "packs/house").proposed.expect("proposed");
    assert!(proposed.branch.ends_with("/2"));
    assert_eq!(
        host.show(&format!("{}^", proposed.branch), "skills/cook/SKILL.md"),
        "Boil it."
    );
}

#[test]
fn a_host_that_is_down_is_asked_again_and_an_isolate_that_ends_loses_nothing() {
    let host = Host::new();
    let mut core = gateway(&host, "manual");
    propose(&mut core, Kind::Skill, "house/cook", json!("Fry it.\n"));
    *host.up.borrow_mut() = false;
    assert_eq!(work(&mut core, &host, t0()), 1);
    let proposed = source(&core, "packs/house").proposed.expect("a branch");
    assert_eq!(proposed.state, ProposedState::Waiting);
    assert!(
        proposed
            .problem
            .is_some_and(|why| why.contains("does not answer"))
    );
    assert_eq!(work(&mut core, &host, later(14)), 0);
    // Cut off in the middle, after the host did it.
    *host.up.borrow_mut() = true;
    let job = core
        .begin_pull(LINE, later(16))
        .expect("no fault")
        .expect("a job");
    host.run(&job).expect("done");
    let mut core = reopen(core);
    assert_eq!(work(&mut core, &host, later(17)), 1);
    let proposed = source(&core, "packs/house").proposed.expect("a branch");
    assert_eq!(
        (proposed.state, proposed.problem),
        (ProposedState::Open, None)
    );
    let commits = host.git(&["rev-list", "--count", &format!("main..{}", proposed.branch)]);
    assert_eq!((commits.as_str(), host.pulls()), ("1", 1));
    // One that never ends is given up.
    let later_on = later(1_000);
    assert!(core.begin_pull(LINE, later_on).expect("no fault").is_some());
    assert!(core.begin_pull(LINE, later_on).expect("no fault").is_none());
    let given_up = later_on + TimeDelta::seconds(121);
    assert!(core.begin_pull(LINE, given_up).expect("no fault").is_some());
}

#[test]
fn a_look_that_is_refused_waits_before_the_next() {
    let host = Host::new();
    let mut core = gateway(&host, "manual");
    propose(&mut core, Kind::Skill, "house/cook", json!("x"));
    work(&mut core, &host, t0());
    let proposed = source(&core, "packs/house").proposed.expect("a branch");
    // Nothing is proposed to our own branch, so every look is refused.
    let mut document = core.newest().document.clone();
    for pack in document.persistence.skill_packs.values_mut() {
        pack.branch = Some(proposed.branch.clone());
    }
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    assert_eq!(work(&mut core, &host, later(16)), 1);
    assert_eq!(work(&mut core, &host, later(17)), 0);
    let noted = |core: &Core<MemoryDb>| {
        let actions = actions(core);
        let failed = |action: &&String| action.ends_with(" git.pull_request_failed");
        actions.iter().filter(failed).count()
    };
    assert_eq!(noted(&core), 1);
    assert_eq!(work(&mut core, &host, later(40)), 1);
    assert_eq!(noted(&core), 1, "the same words once");
    let problem = source(&core, "packs/house").proposed.expect("kept").problem;
    assert!(problem.is_some_and(|why| why.contains("no name of ours")));
}

#[test]
fn a_job_that_was_given_up_says_nothing_of_the_next_branch() {
    let host = Host::new();
    let mut core = gateway(&host, "manual");
    propose(&mut core, Kind::Skill, "house/cook", json!("x"));
    work(&mut core, &host, t0());
    let slow = core.begin_pull(LINE, later(16)).expect("no fault");
    let slow = slow.expect("a job");
    host.close(1);
    work(&mut core, &host, later(200));
    propose(&mut core, Kind::Skill, "house/cook", json!("y"));
    work(&mut core, &host, later(201));
    let before = source(&core, "packs/house").proposed;
    let outcome = Outcome::Open {
        commit: None,
        number: 1,
    };
    core.pull_done(&slow, Ok(outcome), later(202))
        .expect("no fault");
    assert_eq!(source(&core, "packs/house").proposed, before);
}

#[test]
fn what_takes_no_pull_requests_is_refused_or_stays_here() {
    let host = Host::new();
    let mut core = gateway(&host, "manual");
    let other = propose(&mut core, Kind::Skill, "other/cook", json!("x"));
    assert_eq!(other.state, State::Refused);
    let mut document = core.newest().document.clone();
    if let Some(workspace) = &mut document.persistence.workspace {
        (workspace.pull_requests, workspace.promote) = (None, None);
    }
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    propose(&mut core, Kind::WorkspaceFile, "AGENTS.md", json!("x"));
    assert_eq!(work(&mut core, &host, t0()), 0);
    assert_eq!(host.pulls(), 0);
}

#[test]
fn a_change_that_was_put_back_becomes_a_merge_request_once() {
    let host = Host::new();
    let mut core = gateway(&host, "manual");
    let credentials = core
        .issue_credentials(1, ([3; 32], [4; 32]))
        .expect("issued");
    let undone = |content: &str| Report::Undone {
        change: Kind::WorkspaceFile,
        target: "AGENTS.md".to_owned(),
        content: json!(content),
        why: "AGENTS.md was changed without anybody's approval".to_owned(),
    };
    for text in ["Be kind.\n", "Be kind.\n", "Be brief.\n"] {
        let report = undone(text);
        let taken = core.init_report(credentials.init.expose(), report, t0());
        assert_eq!(taken.map(|reply| reply.status), Ok(200));
        work(&mut core, &host, t0());
    }
    let proposed = source(&core, "workspace").proposed.expect("proposed");
    let commits = host.git(&["rev-list", "--count", &format!("main..{}", proposed.branch)]);
    assert_eq!((commits.as_str(), host.pulls()), ("2", 1));
    assert_eq!(host.show(&proposed.branch, "AGENTS.md"), "Be brief.");
    assert_eq!(host.faults(), [""; 0]);
}

#[test]
fn pulls_json_format_unchanged() {
    let stored = json!({"sources": {"packs/house": {
        "repository": "https://git.example.com/acme/skills.git",
        "attempt": 2,
        "branch": "tedix-claw/0123456789abcdef/packs-house/2",
        "base": "a".repeat(40),
        "queue": ["p4"],
        "carried": ["p3"],
        "commit": "b".repeat(40),
        "number": 7,
        "state": "open",
        "merged_as": null,
        "problem": "the Git host does not answer",
        "failures": 1,
        "looks": 3,
        "due_at": "2026-11-22T10:00:00Z",
    }}});
    let read: Pulls = serde_json::from_value(stored.clone()).expect("read");
    assert_eq!(serde_json::to_value(&read).expect("written"), stored);
}

#[test]
fn a_pull_request_is_closed_when_everything_in_it_was_rejected_here() {
    let host = Host::new();
    let mut core = gateway(&host, "merged");
    let first = propose(&mut core, Kind::Skill, "house/cook", json!("Fry it.\n"));
    let second = propose(&mut core, Kind::Skill, "house/cook", json!("Bake it.\n"));
    work(&mut core, &host, t0());
    let reject = |core: &mut Core<MemoryDb>, id: &str| {
        let rejected = core.decide_proposal(&ada(), id, false, None, later(1));
        assert_eq!(rejected.expect("rejected").state, State::Rejected);
    };
    reject(&mut core, &first.id);
    work(&mut core, &host, later(1));
    let open = source(&core, "packs/house").proposed.expect("proposed");
    assert_eq!(open.state, ProposedState::Open, "one of two");
    reject(&mut core, &second.id);
    *host.up.borrow_mut() = false;
    work(&mut core, &host, later(1));
    // It is tried again, after an eviction too.
    *host.up.borrow_mut() = true;
    let mut core = reopen(core);
    assert!(work(&mut core, &host, later(60)) > 0);
    let closed = source(&core, "packs/house").proposed.expect("proposed");
    assert_eq!(
        (closed.state, closed.problem),
        (ProposedState::Closed, None)
    );
    assert_eq!(
        work(&mut core, &host, later(7_200)),
        0,
        "nothing is left to do"
    );
    assert_eq!((host.pulls(), host.faults()), (1, vec![]));
    assert!(actions(&core).contains(&"gateway git.pull_request_closed".to_owned()));
    // The next change begins another.
    propose(&mut core, Kind::Skill, "house/cook", json!("Grill it.\n"));
    work(&mut core, &host, later(7_200));
    assert_eq!(host.pulls(), 2);
}
