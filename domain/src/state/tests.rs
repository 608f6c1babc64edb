use chrono::DateTime;
use serde_json::{Value, json};

use super::{
    Chunk, Damage, Digest, Directory, File, Index, Link, MAX_PACK_RAW, MAX_TREE, Manifest,
    ObjectRef, Pack, SCHEMA, SnapshotReason, Totals, check_link, check_path,
};

const A: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

fn index() -> Index {
    let (one, two) = (Digest::of(b"one"), Digest::of(b"three"));
    Index {
        schema: SCHEMA,
        directories: vec![Directory {
            path: "openclaw".into(),
            mode: 0o700,
        }],
        files: vec![
            File {
                path: "openclaw/a".into(),
                mode: 0o600,
                modified: 1_795_336_453,
                size: 8,
                sha256: Digest::of(b"onethree"),
                chunks: vec![one, two],
            },
            File {
                path: "openclaw/b".into(),
                mode: 0o644,
                modified: 0,
                size: 3,
                sha256: one,
                chunks: vec![one],
            },
        ],
        links: vec![Link {
            path: "openclaw/c".into(),
            target: "../openclaw/a".into(),
        }],
        packs: vec![Pack {
            key: Digest([7; 32]),
            bytes: 20,
            raw_bytes: 8,
            chunks: vec![
                Chunk {
                    hash: one,
                    offset: 0,
                    length: 3,
                },
                Chunk {
                    hash: two,
                    offset: 3,
                    length: 5,
                },
            ],
        }],
    }
}

fn manifest() -> Manifest {
    Manifest {
        schema: SCHEMA,
        line: "line".into(),
        generation: 3,
        parent: Some(1),
        created_at: DateTime::from_timestamp(1_795_336_453, 0).expect("a time"),
        reason: SnapshotReason::Demand,
        order: Some(9),
        tedix_version: "0.1.0".into(),
        openclaw_version: Some("2026.9.6".into()),
        policy_version: Some(2),
        policy_hash: Some("abc".into()),
        index: ObjectRef {
            key: Digest([8; 32]),
            bytes: 100,
            raw_bytes: 400,
        },
        packs: vec![ObjectRef {
            key: Digest([7; 32]),
            bytes: 20,
            raw_bytes: 8,
        }],
        totals: Totals {
            files: 2,
            bytes: 11,
            stored_bytes: 120,
            sent_bytes: 100,
            skipped: 1,
        },
        cloned_from: None,
    }
}

fn refused(change: impl FnOnce(&mut Index), part: &str) {
    let mut index = index();
    change(&mut index);
    let Damage(text) = index.check().expect_err(part);
    assert!(text.contains(part), "{text}");
}

fn refused_manifest(change: impl FnOnce(&mut Manifest), part: &str) {
    let mut manifest = manifest();
    change(&mut manifest);
    let Damage(text) = manifest.check().expect_err(part);
    assert!(text.contains(part), "{text}");
}

#[test]
fn a_digest_is_lower_case_hex() {
    assert_eq!(Digest::of(b"a").to_string(), A);
    assert_eq!(A.parse(), Ok(Digest::of(b"a")));
    let upper = A.to_uppercase();
    let path = format!("{}/../x", &A[..59]);
    for bad in ["", "ab", &A[1..], &upper, &path, &"é".repeat(32)] {
        assert!(bad.parse::<Digest>().is_err(), "{bad}");
    }
}

#[test]
fn manifest_json_format_unchanged() {
    let text = json!({
        "schema": 1, "line": "line", "generation": 3, "parent": 1,
        "created_at": "2026-11-22T09:14:13Z", "reason": "demand", "order": 9,
        "tedix_version": "0.1.0", "openclaw_version": "2026.9.6",
        "policy_version": 2, "policy_hash": "abc",
        "index": { "key": "08".repeat(32), "bytes": 100, "raw_bytes": 400 },
        "packs": [{ "key": "07".repeat(32), "bytes": 20, "raw_bytes": 8 }],
        "totals": { "files": 2, "bytes": 11, "stored_bytes": 120, "sent_bytes": 100, "skipped": 1 },
    });
    let mut written = serde_json::to_value(manifest()).expect("json");
    written["created_at"] = text["created_at"].clone();
    assert_eq!(written, text);
    let bytes = serde_json::to_vec(&manifest()).expect("json");
    assert_eq!(Manifest::read(&bytes), Ok(manifest()));
}

#[test]
fn a_clone_is_a_generation_of_its_own_line_and_says_where_it_comes_from() {
    let clone = manifest().cloned_into("other", 1, "https://old.example.com", 90);
    assert_eq!(clone.check(), Ok(()));
    assert_eq!(clone.belongs("other", 1), Ok(()));
    assert!(clone.belongs("line", 3).is_err());
    let text = json!({
        "schema": 1, "line": "other", "generation": 1,
        "created_at": "2026-11-22T09:14:13Z", "reason": "clone",
        "tedix_version": "0.1.0", "openclaw_version": "2026.9.6",
        "index": { "key": "08".repeat(32), "bytes": 100, "raw_bytes": 400 },
        "packs": [{ "key": "07".repeat(32), "bytes": 20, "raw_bytes": 8 }],
        "totals": { "files": 2, "bytes": 11, "stored_bytes": 120, "sent_bytes": 90, "skipped": 1 },
        "cloned_from": {
            "gateway": "https://old.example.com", "line": "line", "generation": 3,
        },
    });
    let mut written = serde_json::to_value(&clone).expect("json");
    written["created_at"] = text["created_at"].clone();
    assert_eq!(written, text);
    let bytes = serde_json::to_vec(&clone).expect("json");
    assert_eq!(Manifest::read(&bytes), Ok(clone.clone()));
    // A clone of a clone names the gateway that it was fetched from.
    let again = clone.cloned_into("third", 5, "https://new.example.com", 0);
    let from = again.cloned_from.expect("a clone");
    assert_eq!((from.line.as_str(), from.generation), ("other", 1));
    let long = "x".repeat(201);
    refused_manifest(|m| *m = m.clone().cloned_into("a", 1, &long, 0), "too long");
}

#[test]
fn index_json_format_unchanged() {
    let (one, two) = (Digest::of(b"one"), Digest::of(b"three"));
    let text = json!({
        "schema": 1,
        "directories": [{ "path": "openclaw", "mode": 448 }],
        "files": [
            { "path": "openclaw/a", "mode": 384, "modified": 1_795_336_453, "size": 8,
              "sha256": Digest::of(b"onethree"), "chunks": [one, two] },
            { "path": "openclaw/b", "mode": 420, "modified": 0, "size": 3,
              "sha256": one, "chunks": [one] },
        ],
        "links": [{ "path": "openclaw/c", "target": "../openclaw/a" }],
        "packs": [{ "key": "07".repeat(32), "bytes": 20, "raw_bytes": 8, "chunks": [
            { "hash": one, "offset": 0, "length": 3 },
            { "hash": two, "offset": 3, "length": 5 },
        ]}],
    });
    assert_eq!(serde_json::to_value(index()).expect("json"), text);
    let bytes = serde_json::to_vec(&index()).expect("json");
    assert_eq!(Index::read(&bytes, &manifest()), Ok(index()));
}

#[test]
fn what_comes_from_the_future_or_is_not_ours_is_refused() {
    let read = |change: &dyn Fn(&mut Value)| {
        let mut value = serde_json::to_value(manifest()).expect("json");
        change(&mut value);
        let Damage(text) =
            Manifest::read(value.to_string().as_bytes()).expect_err("must be refused");
        text
    };
    // A newer version may have fields that this one does not know.
    let future = read(&|value| {
        value["schema"] = 2.into();
        value["encrypted"] = true.into();
    });
    assert!(future.contains("newer tedix-claw"), "{future}");
    assert!(read(&|value| value["schema"] = 0.into()).contains("schema 0"));
    assert!(read(&|value| value["extra"] = 1.into()).contains("extra"));
    assert!(read(&|value| value["packs"][0]["key"] = "../x".into()).contains("SHA-256"));
    for cut in [&b""[..], b"{", b"[]", b"\xff"] {
        assert!(Manifest::read(cut).is_err());
        assert!(Index::read(cut, &manifest()).is_err());
    }
}

#[test]
fn a_manifest_is_no_other_s() {
    assert_eq!(manifest().belongs("line", 3), Ok(()));
    let other = manifest().belongs("other", 3).expect_err("another line");
    assert!(other.0.contains("another gateway"), "{other}");
    let swapped = manifest().belongs("line", 4).expect_err("another number");
    assert!(swapped.0.contains("generation 3"), "{swapped}");
}

#[test]
fn a_manifest_that_does_not_add_up_is_refused() {
    assert_eq!(manifest().check(), Ok(()));
    refused_manifest(|m| m.generation = 0, "after its parent");
    refused_manifest(|m| m.parent = Some(3), "after its parent");
    refused_manifest(|m| m.line = "x".repeat(201), "too long");
    refused_manifest(|m| m.index.raw_bytes = u64::MAX, "index is too large");
    refused_manifest(|m| m.totals.bytes = MAX_TREE + 1, "state is too large");
    refused_manifest(|m| m.packs[0].bytes = 0, "no valid size");
    refused_manifest(|m| m.packs[0].bytes = u64::MAX, "no valid size");
    refused_manifest(
        |m| m.packs[0].raw_bytes = MAX_PACK_RAW + 1,
        "pack is too large",
    );
    refused_manifest(|m| m.packs.push(m.packs[0]), "named twice");
    refused_manifest(|m| m.packs[0].key = m.index.key, "named twice");
    refused_manifest(|m| m.totals.stored_bytes += 1, "do not add up");
    refused_manifest(
        |m| m.packs = vec![m.packs[0]; super::MAX_PACKS + 1],
        "too many packs",
    );
}

#[test]
fn an_index_belongs_to_its_manifest() {
    assert_eq!(index().belongs(&manifest()), Ok(()));
    let mut other = manifest();
    other.packs[0].bytes += 1;
    assert!(index().belongs(&other).is_err());
    let mut other = manifest();
    other.totals.bytes += 1;
    assert!(index().belongs(&other).is_err());
}

#[test]
fn paths_stay_in_the_tree() {
    for good in ["a", "a/b.c", "..a", "a/...", "ä ö", "-rf", "a\\b", "~"] {
        assert_eq!(check_path(good), Ok(()), "{good}");
    }
    for bad in [
        "",
        "/",
        "/etc/passwd",
        ".",
        "..",
        "../a",
        "a/..",
        "a/../b",
        "a/./b",
        "a//b",
        "a/",
        "a\0b",
    ] {
        assert!(check_path(bad).is_err(), "{bad:?}");
    }
    assert!(check_path(&"a".repeat(256)).is_err());
    assert!(check_path(&"a/".repeat(3_000)).is_err());
}

#[test]
fn links_stay_in_the_tree() {
    for (path, target) in [
        ("a", "b"),
        ("a/b", "../c"),
        ("a/b", "."),
        ("a/b/c", "../../d/e"),
    ] {
        assert_eq!(check_link(path, target), Ok(()), "{path} -> {target}");
    }
    for (path, target) in [
        ("a", ""),
        ("a", "/etc/passwd"),
        ("a", ".."),
        ("a", "../b"),
        ("a/b", "../../c"),
        ("a/b", "c/../../../d"),
        ("a", "b\0"),
    ] {
        assert!(check_link(path, target).is_err(), "{path} -> {target:?}");
    }
}

#[test]
fn a_tree_that_would_write_elsewhere_is_refused() {
    assert_eq!(index().check(), Ok(()));
    refused(|i| i.files[0].path = "../x".into(), "..");
    refused(|i| i.directories[0].path = "/x".into(), "absolute");
    refused(|i| i.links[0].target = "../../x".into(), "out of the tree");
    refused(|i| i.files[0].path = "openclaw/b".into(), "twice");
    refused(|i| i.files[0].path = "openclaw/c".into(), "twice");
    // Through a link, and below a file.
    refused(|i| i.files[0].path = "openclaw/c/x".into(), "no directory");
    refused(
        |i| i.files[0].path = "openclaw/b/x/y".into(),
        "no directory",
    );
    refused(|i| i.files[0].mode = 0o4755, "permission bits");
    refused(|i| i.directories[0].mode = 0o1777, "permission bits");
}

#[test]
fn an_index_that_does_not_add_up_is_refused() {
    refused(|i| i.schema = 2, "newer");
    refused(|i| i.files[0].size = 9, "its chunks 8");
    refused(|i| i.files[0].chunks.push(Digest([1; 32])), "in no pack");
    refused(|i| i.packs[0].raw_bytes = 9, "does not add up");
    refused(|i| i.packs[0].chunks[1].offset = 2, "gaps");
    refused(|i| i.packs[0].chunks[1].length = 0, "gaps");
    refused(|i| i.packs[0].chunks[1].length = u64::MAX, "gaps");
    refused(|i| i.packs[0].chunks[1].length = MAX_PACK_RAW, "too large");
    refused(|i| i.packs.push(i.packs[0].clone()), "order");
}

#[test]
fn one_chunk_named_often_is_no_bomb() {
    let chunk = Digest([9; 32]);
    refused(
        |i| {
            i.packs[0].chunks = vec![Chunk {
                hash: chunk,
                offset: 0,
                length: MAX_PACK_RAW,
            }];
            i.packs[0].raw_bytes = MAX_PACK_RAW;
            i.files.truncate(1);
            i.files[0].chunks = vec![chunk; 5_000];
            i.files[0].size = 5_000 * MAX_PACK_RAW;
        },
        "state is too large",
    );
}
