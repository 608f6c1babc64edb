//! Who may fetch what, and what is kept of it.

use domain::wire::git::GitState;
use domain::wire::init::Report;
use serde_json::json;

use crate::command::GitTicket;
use crate::sandbox::core::tests::{MemoryDb, actions, fetch, launched, reopen, t0};
use crate::sandbox::core::{Core, RunCredentials};

const REPOSITORY: &str = "https://git.example.com/skills.git";

fn commit(digit: &str) -> String {
    digit.repeat(40)
}

/// A container runs under a policy with a skill pack.
fn running() -> (Core<MemoryDb>, RunCredentials) {
    let (mut core, credentials) = launched();
    let pack = json!({"repository": REPOSITORY, "commit": commit("a"), "branch": "main"});
    let mut document = core.newest().document.clone();
    document.persistence =
        serde_json::from_value(json!({"skill_packs": {"notes": pack}})).expect("a clause");
    core.save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    (core, credentials)
}

fn state(in_use: &str, available: Option<&str>, problem: Option<&str>) -> GitState {
    let id = |digit: &str| commit(digit).parse().expect("a commit");
    GitState {
        name: "packs/notes".to_owned(),
        in_use: Some(id(in_use)),
        available: available.map(id),
        problem: problem.map(str::to_owned),
    }
}

fn report(core: &mut Core<MemoryDb>, credentials: &RunCredentials, states: Vec<GitState>) -> u16 {
    let report = Report::Git { states };
    let outcome = core.init_report(credentials.init.expose(), report, t0());
    outcome.map_or_else(|problem| problem.status, |reply| reply.status)
}

#[test]
fn the_container_fetches_what_the_policy_names_and_nothing_else() {
    let (mut core, credentials) = running();
    let bundle = fetch(&mut core, &credentials);
    let orders = json!(bundle.watch.git);
    assert_eq!(
        orders,
        json!([{"name": "packs/notes", "commit": commit("a"), "branch": "main"}])
    );
    assert_eq!(
        bundle.config["skills"]["load"]["extraDirs"],
        json!(["~/../packs/notes"])
    );
    assert!(
        !json!(bundle).to_string().contains(REPOSITORY),
        "not where from"
    );

    let mut ask = |credential: &str, name: &str| {
        let outcome = core.git_asked(credential, name, "line", t0());
        outcome
            .map(|reply| reply.body)
            .map_err(|problem| problem.status)
    };
    let ticket = ask(credentials.init.expose(), "packs/notes").expect("given");
    let ticket: GitTicket = serde_json::from_value(ticket).expect("a ticket");
    assert_eq!(ticket.repository, REPOSITORY);
    assert_eq!((ticket.commit, ticket.line.as_str()), (commit("a"), "line"));
    for name in ["packs/other", "workspace", "", "packs/../notes"] {
        assert_eq!(ask(credentials.init.expose(), name), Err(404), "{name}");
    }
    for stranger in ["", "tic_no", credentials.model.expose()] {
        assert_eq!(ask(stranger, "packs/notes"), Err(401), "{stranger}");
    }
}

#[test]
fn how_far_it_is_shows_in_status_pointers_and_audit_once() {
    let (mut core, credentials) = running();
    assert_eq!(
        core.pointers().expect("read").git,
        [],
        "nothing is in place yet"
    );
    let failed = GitState {
        in_use: None,
        ..state("a", None, Some("the host is down"))
    };
    for _ in 0..2 {
        assert_eq!(report(&mut core, &credentials, vec![failed.clone()]), 200);
    }
    assert_eq!(
        report(&mut core, &credentials, vec![state("a", Some("b"), None)]),
        200
    );
    let core = reopen(core);
    let pointers = core.pointers().expect("read").git;
    assert_eq!(
        json!(pointers),
        json!([{"repository": REPOSITORY, "commit": commit("a"), "available": commit("b"),
            "name": "packs/notes", "pinned": commit("a")}])
    );
    let status = core.git_status().expect("read");
    assert_eq!(status.first().and_then(|one| one.problem.clone()), None);
    for entry in ["tedix-init git.failed", "tedix-init git.in_use"] {
        let count = actions(&core)
            .iter()
            .filter(|action| *action == entry)
            .count();
        assert_eq!(count, 1, "{entry}");
    }
}

#[test]
fn a_report_that_is_too_large_is_refused() {
    let (mut core, credentials) = running();
    let many = vec![state("a", None, None); 201];
    assert_eq!(report(&mut core, &credentials, many), 422);
    let long = state("a", None, Some(&"x".repeat(501)));
    assert_eq!(report(&mut core, &credentials, vec![long]), 422);
}
