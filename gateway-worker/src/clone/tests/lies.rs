//! A source that lies: nothing becomes a generation, and it is said what is wrong.

use domain::state::{Digest, Manifest};
use domain::wire::clones::{CloneState, CloneStatus};
use serde_json::{Value, json};

use super::copying::{Lab, Lie};

/// The clone fails and leaves no generation.
fn refused(what: &str, lie: Lie, part: &str) -> CloneStatus {
    let lab = Lab::new();
    *lab.lie.borrow_mut() = Some(lie);
    lab.ask(2, false).expect("asked");
    let failed = lab.drive(60);
    assert_eq!(failed.state, CloneState::Failed, "{what}");
    let problem = failed.problem.clone().unwrap_or_default();
    assert!(problem.contains(part), "{what}: {problem}");
    assert!(problem.contains("Nothing has changed here."), "{problem}");
    assert!(lab.generations().is_empty(), "{what}");
    assert!(!lab.with(|core| core.state().expects_container()), "{what}");
    failed
}

fn manifest(change: fn(&mut Value)) -> Lie {
    Box::new(move |path, body| {
        if path.contains("/packs/") {
            return (200, body);
        }
        let mut value: Value = serde_json::from_slice(&body).expect("json");
        change(&mut value);
        (200, value.to_string().into_bytes())
    })
}

fn packs(change: fn(Vec<u8>) -> Vec<u8>) -> Lie {
    Box::new(move |path, body| match path.contains("/packs/") {
        true => (200, change(body)),
        false => (200, body),
    })
}

#[test]
fn manifests_that_cannot_be() {
    let too_new: fn(&mut Value) = |value| value["schema"] = json!(99);
    refused("of the future", manifest(too_new), "newer tedix-claw");
    refused(
        "another generation's",
        manifest(|v| v["generation"] = json!(1)),
        "generation 1",
    );
    refused(
        "with a field of its own",
        manifest(|v| v["x"] = json!(1)),
        "unknown field",
    );
    let path: fn(&mut Value) = |v| v["packs"][0]["key"] = json!("../../other/packs/x");
    refused("with a path for a name", manifest(path), "cannot be read");
    refused(
        "too large a pack",
        manifest(|v| v["packs"][0]["bytes"] = json!(1u64 << 40)),
        "no valid size",
    );
    refused(
        "a bomb",
        manifest(|v| v["packs"][0]["raw_bytes"] = json!(1u64 << 40)),
        "decompressed",
    );
    refused(
        "sums",
        manifest(|v| v["totals"]["stored_bytes"] = json!(1)),
        "add up",
    );
    let twice: fn(&mut Value) = |v| v["index"] = v["packs"][0].clone();
    refused("one thing twice", manifest(twice), "named twice");
    refused(
        "this gateway's own line",
        manifest(|v| v["line"] = json!("target")),
        "this very gateway",
    );
    refused(
        "nobody's line",
        manifest(|v| v["line"] = json!("")),
        "this very gateway",
    );
    let page: Lie = Box::new(|_, _| (200, b"<!doctype html>".to_vec()));
    refused("a page", page, "cannot be read");
    let large: Lie = Box::new(|_, _| (200, vec![b' '; domain::state::MAX_MANIFEST + 9]));
    refused("too large", large, "too large");
}

#[test]
fn packs_that_are_not_what_their_manifest_says() {
    let part = "other bytes";
    refused("swapped", packs(|_| b"shared by evil".to_vec()), part);
    refused(
        "truncated",
        packs(|body| body[..body.len() / 2].to_vec()),
        part,
    );
    refused(
        "longer",
        packs(|body| [body, b"more".to_vec()].concat()),
        part,
    );
    refused(
        "one bit",
        packs(|mut body| {
            body[0] ^= 1;
            body
        }),
        part,
    );
    refused("empty", packs(|_| Vec::new()), part);
}

#[test]
fn answers_that_will_not_become_better() {
    for (status, part) in [
        (301, "Access"),
        (302, "Access"),
        (403, "Access"),
        (404, "no such generation"),
        (409, "damaged"),
        (418, "418"),
    ] {
        refused("a status", Box::new(move |_, _| (status, Vec::new())), part);
    }
}

#[test]
fn a_manifest_that_changes_on_the_way() {
    let lab = Lab::new();
    let lie: Lie = Box::new(|path, body| match path.contains("/packs/") {
        true => (503, Vec::new()),
        false => (200, body),
    });
    *lab.lie.borrow_mut() = Some(lie);
    lab.ask(2, false).expect("asked");
    lab.drive(2);
    assert_eq!(lab.status().state, CloneState::Copying);
    // The one that was kept is what counts from now on.
    let other = manifest(|value| value["tedix_version"] = json!("0.2.0"));
    *lab.lie.borrow_mut() = Some(other);
    let done = lab.drive(20);
    assert_eq!(done.state, CloneState::Done);
    let bytes = lab.bucket.bytes(&lab.generations()[0]).expect("there");
    let written = Manifest::read(&bytes).expect("valid");
    assert_eq!(written.tedix_version, "0.1.0");
    assert_ne!(Digest::of(&bytes), Digest::of(b""));
}
