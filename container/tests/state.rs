//! What tedix-init does about OpenClaw's state: restore before the start, snapshots while
//! it runs and at the end, and what happens when the store is damaged, away, or
//! somebody else's.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a lab that cannot be set up fails the test"
)]
#![expect(dead_code, reason = "the lab serves the other tests too")]

mod lab;

use std::fs;

use domain::state::SnapshotReason;
use domain::wire::init::Report;
use domain::wire::state::{EXIT_NO_STATE, StateReport};
use lab::Lab;
use lab::state::StateStore;
use rustix::process::Signal;
use serde_json::json;

fn lab() -> (Lab, StateStore) {
    let mut lab = Lab::new(&json!({}));
    let store = StateStore::start();
    lab.set("TEDIX_STATE_URL", &store.url());
    (lab, store)
}

/// A snapshot on demand, as the Worker asks for one.
fn snapshot(lab: &Lab, store: &StateStore, order: u64) {
    store.order(order, SnapshotReason::Demand);
    lab.signal(Signal::HUP);
    lab.until("the snapshot", || {
        let answered = |report: &StateReport| {
            matches!(report, StateReport::Unchanged { order: Some(id), .. } if *id == order)
        };
        let manifests = store.manifests();
        manifests.iter().any(|manifest| manifest.order == Some(order))
            || store.state().reports.iter().any(answered)
    });
}

/// The container is gone, disk and all.
fn lose_the_disk(lab: &Lab) {
    fs::remove_dir_all(lab.directory.join("data")).unwrap();
}

fn restored(store: &StateStore) -> Vec<Option<u64>> {
    let state = store.state();
    let restored = state.reports.iter().filter_map(|report| match report {
        StateReport::Restored { generation, .. } => Some(*generation),
        _ => None,
    });
    restored.collect()
}

#[test]
fn a_container_that_is_gone_comes_back_as_it_was() {
    let (mut lab, store) = lab();
    lab.start();
    lab.applied(0, 1);
    let file = lab
        .directory
        .join("data/openclaw/workspace/memory/day one.md");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "what a day").unwrap();
    snapshot(&lab, &store, 1);
    fs::write(&file, "what a day it was").unwrap();
    assert_eq!(lab.stop(), Some(0));
    let manifests = store.manifests();
    let reasons: Vec<_> = manifests.iter().map(|manifest| manifest.reason).collect();
    assert_eq!(reasons[0], SnapshotReason::Demand);
    assert_eq!(reasons[1], SnapshotReason::Stop);
    assert_eq!(manifests[1].parent, Some(1));
    assert_eq!(manifests[0].policy_version, Some(1));
    assert_eq!(manifests[0].openclaw_version.as_deref(), Some("2026.9.6"));
    assert!(!store.is_held(), "the lease was given back");

    let notes = lab.notes();
    lose_the_disk(&lab);
    let seen = lab.governance.reports().len();
    lab.start();
    lab.applied(seen, 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), "what a day it was");
    assert!(lab.notes().starts_with(&notes) && lab.notes().len() > notes.len());
    let newest = manifests.last().unwrap().generation;
    assert_eq!(restored(&store), [None, Some(newest)]);
    assert!(!lab.directory.join("data/restoring").exists());
}

#[test]
fn a_damaged_generation_is_passed_over_and_reported() {
    let (mut lab, store) = lab();
    lab.start();
    lab.applied(0, 1);
    let file = lab.directory.join("data/openclaw/kept");
    fs::write(&file, "first").unwrap();
    snapshot(&lab, &store, 1);
    fs::write(&file, "second").unwrap();
    lab.stop();
    let newest = store.manifests().pop().unwrap();
    assert!(newest.generation > 1);
    {
        let mut state = store.state();
        let old: Vec<u64> = state
            .generations
            .keys()
            .copied()
            .filter(|number| *number > 1)
            .collect();
        for number in old {
            let manifest = domain::state::Manifest::read(&state.generations[&number]).unwrap();
            let index = state
                .objects
                .get_mut(&manifest.index.key.to_string())
                .unwrap();
            let middle = index.len() / 2;
            index[middle] ^= 1;
        }
    }
    lose_the_disk(&lab);
    let seen = lab.governance.reports().len();
    lab.start();
    lab.applied(seen, 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), "first");
    assert_eq!(restored(&store), [None, Some(1)]);
    let damaged = store.state().reports.iter().any(|report| {
        matches!(report, StateReport::Damaged { generation, detail }
            if *generation == newest.generation && detail.contains("other bytes"))
    });
    assert!(damaged);
    // It goes on from the number that the store has.
    snapshot(&lab, &store, 2);
    let last = store
        .state()
        .generations
        .keys()
        .next_back()
        .copied()
        .unwrap();
    assert_eq!(last, newest.generation + 1);
}

#[test]
fn where_no_generation_is_good_nothing_starts() {
    let (mut lab, store) = lab();
    lab.start();
    lab.applied(0, 1);
    snapshot(&lab, &store, 1);
    lab.stop();
    let started = lab.notes().matches("gateway").count();
    store.state().objects.clear();
    fs::rename(
        lab.directory.join("data/home/notes"),
        lab.directory.join("notes"),
    )
    .unwrap();
    lose_the_disk(&lab);
    lab.start();
    assert_eq!(lab.ended(), Some(EXIT_NO_STATE));
    assert_eq!(started, 1);
    assert!(lab.notes().is_empty(), "OpenClaw was started");
    let state = store.state();
    let Some(StateReport::Refused { detail }) = state.reports.last() else {
        panic!("{:?}", state.reports)
    };
    assert!(detail.contains("none of it verifies") && detail.contains("start from nothing"));
    drop(state);
    assert!(!store.is_held());
}

#[test]
fn while_the_store_is_away_openclaw_does_not_start_on_nothing_but_goes_on_running() {
    let (mut lab, store) = lab();
    store.state().away = true;
    lab.start();
    lab.until("a word about it", || {
        lab.log().contains("cannot ask for OpenClaw's state")
    });
    assert!(lab.notes().is_empty());
    store.state().away = false;
    let (seen, _) = lab.applied(0, 1);
    store.state().away = true;
    store.order(1, SnapshotReason::Demand);
    lab.signal(Signal::HUP);
    lab.until("a word about it", || {
        lab.log().contains("cannot renew the lease")
    });
    // A change of configuration does not wait for it.
    lab.governance.want(lab.bundle(2, &json!({})));
    lab.signal(Signal::HUP);
    lab.applied(seen, 2);
    store.state().away = false;
    lab.signal(Signal::HUP);
    lab.until("the snapshot", || !store.manifests().is_empty());
    assert_eq!(lab.notes().matches("gateway").count(), 1, "started once");
}

#[test]
fn without_the_lease_nothing_is_written_and_everybody_hears_of_it() {
    let (mut lab, store) = lab();
    lab.start();
    lab.applied(0, 1);
    snapshot(&lab, &store, 1);
    let written = store.state().generations.len();
    store.state().taken_away = true;
    fs::write(lab.directory.join("data/openclaw/more"), "more").unwrap();
    lab.signal(Signal::HUP);
    lab.until("a word about it", || {
        lab.log().contains("lease on this gateway's state was lost")
    });
    lab.stop();
    let state = store.state();
    assert_eq!(state.generations.len(), written);
    assert!(state.reports.iter().any(|report| {
        matches!(report, StateReport::Failed { detail, .. } if detail.contains("lost"))
    }));
}

#[test]
fn a_configuration_changes_after_a_snapshot_of_what_was_before() {
    let (mut lab, store) = lab();
    lab.start();
    let (seen, _) = lab.applied(0, 1);
    lab.governance.want(lab.bundle(2, &json!({})));
    lab.signal(Signal::HUP);
    lab.applied(seen, 2);
    let manifests = store.manifests();
    assert_eq!(manifests[0].reason, SnapshotReason::BeforeApply);
    assert_eq!(manifests[0].policy_version, Some(1));
}

#[test]
fn the_gateway_worker_says_which_of_the_image_s_versions_runs() {
    let (mut lab, store) = lab();
    lab.offer("2026.9.5");
    lab.start();
    let observed = |report: &Report, version: &str| matches!(report, Report::Observed { openclaw_version, .. } if openclaw_version == version);
    let (seen, _) = lab.report(0, "its own version", |report| observed(report, "2026.9.6"));
    assert_eq!(store.state().offered, ["2026.9.6", "2026.9.5"]);
    fs::write(lab.directory.join("data/openclaw/more"), "more").unwrap();
    assert_eq!(lab.stop(), Some(0));
    lose_the_disk(&lab);

    store.state().version = Some("2026.9.5".into());
    lab.start();
    lab.report(seen + 1, "the version before", |report| {
        observed(report, "2026.9.5")
    });
    fs::write(lab.directory.join("data/openclaw/more"), "and more").unwrap();
    assert_eq!(lab.stop(), Some(0));
    let manifests = store.manifests();
    let wrote = manifests.iter().map(|m| m.openclaw_version.as_deref());
    let mut wrote: Vec<_> = wrote.flatten().collect();
    wrote.dedup();
    assert_eq!(wrote, ["2026.9.6", "2026.9.5"]);
}

#[test]
fn what_a_version_that_never_answers_leaves_says_who_wrote_it() {
    let (mut lab, store) = lab();
    lab.governance
        .want(lab.bundle(1, &json!({ "start": "crash" })));
    lab.offer("2026.9.7");
    store.state().version = Some("2026.9.7".into());
    lab.start();
    lab.report(0, "its end", |report| {
        matches!(report, Report::OpenclawExited { .. })
    });
    fs::write(lab.directory.join("data/openclaw/more"), "more").unwrap();
    lab.stop();
    assert_eq!(
        store.manifests()[0].openclaw_version.as_deref(),
        Some("2026.9.7")
    );
}

#[test]
fn a_gateway_worker_that_knows_one_version_only_gets_the_image_s_own() {
    let (mut lab, store) = lab();
    lab.offer("2026.9.5");
    store.state().older = true;
    lab.start();
    lab.applied(0, 1);
    assert!(store.state().offered.is_empty());
}

#[test]
fn a_version_that_the_image_does_not_have_is_not_replaced_by_another() {
    let (mut lab, store) = lab();
    store.state().version = Some("2026.9.5".into());
    lab.start();
    assert_eq!(lab.ended(), Some(1));
    assert!(lab.log().contains("the image has no OpenClaw 2026.9.5"));
}
