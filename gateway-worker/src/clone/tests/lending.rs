//! The source's side.

use domain::state::{Digest, Manifest, ObjectRef, SCHEMA, SnapshotReason, Totals};
use futures_util::FutureExt;

use crate::clone::granted::{Lent, Wanted, lend, wanted};
use crate::internal::state::keys;
use crate::internal::state::tests::MemoryBucket;
use crate::sandbox::core::tests::t0;

const KEY: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

/// A generation of two packs and an index, in the bucket.
pub(super) fn generation(bucket: &MemoryBucket, line: &str, number: u64) -> Manifest {
    let put = |bytes: &[u8]| {
        let key = Digest::of(bytes);
        bucket.put(&keys::pack(line, key), bytes.to_vec());
        ObjectRef {
            key,
            bytes: bytes.len() as u64,
            raw_bytes: 10,
        }
    };
    let mut packs = vec![
        put(format!("pack of {number}").as_bytes()),
        put(b"shared by all"),
    ];
    packs.sort_unstable();
    let index = put(format!("index of {number}").as_bytes());
    let stored = packs.iter().chain([&index]).map(|pack| pack.bytes).sum();
    let manifest = Manifest {
        schema: SCHEMA,
        line: line.to_owned(),
        generation: number,
        parent: None,
        created_at: t0(),
        reason: SnapshotReason::Schedule,
        order: None,
        tedix_version: "0.1.0".into(),
        openclaw_version: None,
        policy_version: Some(4),
        policy_hash: None,
        index,
        packs,
        totals: Totals {
            files: 1,
            bytes: 20,
            stored_bytes: stored,
            sent_bytes: 1,
            skipped: 0,
        },
        cloned_from: None,
    };
    write(bucket, &manifest, line, number);
    manifest
}

/// Puts a manifest in the place of a generation.
pub(super) fn write(bucket: &MemoryBucket, manifest: &Manifest, line: &str, number: u64) {
    let bytes = serde_json::to_vec(manifest).expect("json");
    bucket.put(&keys::generation(line, number), bytes);
}

fn ask(bucket: &MemoryBucket, generation: u64, pack: Option<Digest>) -> Result<Vec<u8>, u16> {
    let wanted = Wanted { generation, pack };
    let lent = lend(bucket, "source", wanted).now_or_never();
    match lent.expect("never waits") {
        Ok(Lent::Manifest(bytes) | Lent::Pack(_, bytes)) => Ok(bytes),
        Err(problem) => Err(problem.status),
    }
}

#[test]
fn paths_ask_for_a_manifest_or_a_pack_and_nothing_else() {
    let key: Digest = KEY.parse().expect("a digest");
    let manifest = Wanted {
        generation: 7,
        pack: None,
    };
    assert_eq!(wanted("/granted/7"), Some(manifest));
    let pack = Wanted {
        generation: 7,
        pack: Some(key),
    };
    assert_eq!(wanted(&format!("/granted/7/packs/{KEY}")), Some(pack));
    let (upper, more) = (KEY.to_uppercase(), format!("{KEY}/"));
    for odd in [
        "/granted",
        "/granted/",
        "/granted/0",
        "/granted/+7",
        "/granted/7/",
        "/granted/7/packs",
        "/granted/7/packs/",
        "/granted/7/packs/..",
        "/granted/7/index/x",
        "/granted/9999999999999999",
        &format!("/granted/7/packs/{upper}"),
        &format!("/granted/7/packs/{more}"),
        &format!("/granted/../snapshots/7/packs/{KEY}"),
    ] {
        assert_eq!(wanted(odd), None, "{odd}");
    }
}

#[test]
fn a_code_opens_what_its_generation_names_and_nothing_else() {
    let bucket = MemoryBucket::default();
    let one = generation(&bucket, "source", 1);
    let two = generation(&bucket, "source", 2);
    let bytes = serde_json::to_vec(&one).expect("json");
    assert_eq!(ask(&bucket, 1, None), Ok(bytes));
    for object in one.packs.iter().chain([&one.index]) {
        let bytes = ask(&bucket, 1, Some(object.key)).expect("lent");
        assert_eq!(Digest::of(&bytes), object.key);
    }
    assert_eq!(ask(&bucket, 1, Some(two.index.key)), Err(404), "another's");
    assert_eq!(ask(&bucket, 3, None), Err(404));
    bucket
        .objects
        .borrow_mut()
        .remove(&keys::pack("source", one.index.key));
    assert_eq!(ask(&bucket, 1, Some(one.index.key)), Err(404), "lost");
    bucket.put(&keys::generation("source", 2), b"{}".to_vec());
    assert_eq!(ask(&bucket, 2, Some(two.index.key)), Err(409), "damaged");
}
