//! Snapshots over a bucket in memory and the real rules of the Durable Object, with
//! everything that can go wrong between two writes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::problem::Problem;
use domain::state::{Digest, MAX_OBJECT, Manifest, ObjectRef, SCHEMA, SnapshotReason, Totals};
use domain::wire::state::{LeaseGrant, Missing, Restore, StateReport};
use futures_util::FutureExt;
use serde_json::{Value, json};

use super::{Answer, Authority, Body, Call, Intake, World, answer, intake, keys};
use crate::command::{Outcome, StateAsk};
use crate::ports::objects::{Listing, ObjectInfo, ObjectStore, StoreError};
use crate::sandbox::core::Core;
use crate::sandbox::core::tests::{MemoryDb, core, t0};
use crate::sandbox::lifecycle::Input;

const LINE: &str = "f00d";

/// An object's bytes, and when they were written.
type Stored = (Vec<u8>, DateTime<Utc>);
/// Whether the Durable Object is cut off when it is asked this.
type Deaf = fn(&StateAsk) -> bool;

/// A bucket in memory. Its power can be cut before any write.
#[derive(Default)]
pub(crate) struct MemoryBucket {
    pub(crate) objects: RefCell<BTreeMap<String, Stored>>,
    pub(crate) now: Cell<DateTime<Utc>>,
    pub(crate) writes_left: Cell<Option<u32>>,
    /// Objects on one page of a listing.
    pub(crate) page: Cell<usize>,
}

impl MemoryBucket {
    fn write(&self) -> Result<(), StoreError> {
        match self.writes_left.get() {
            Some(0) => return Err(StoreError::Failed("the power is gone".into())),
            Some(left) => self.writes_left.set(Some(left - 1)),
            None => {}
        }
        Ok(())
    }

    pub(crate) fn put(&self, key: &str, bytes: Vec<u8>) {
        let now = self.now.get();
        self.objects
            .borrow_mut()
            .insert(key.to_owned(), (bytes, now));
    }

    pub(crate) fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.objects
            .borrow()
            .get(key)
            .map(|(bytes, _)| bytes.clone())
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.objects.borrow().keys().cloned().collect()
    }
}

fn info(key: &str, (bytes, at): &Stored) -> ObjectInfo {
    ObjectInfo {
        key: key.to_owned(),
        bytes: bytes.len() as u64,
        uploaded_at: *at,
    }
}

impl ObjectStore for MemoryBucket {
    type Body = Vec<u8>;

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        Ok(self
            .objects
            .borrow()
            .get(key)
            .map(|object| info(key, object)))
    }

    async fn read(&self, key: &str, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
        match self.bytes(key) {
            Some(bytes) if bytes.len() > limit => Err(StoreError::TooLarge),
            found => Ok(found),
        }
    }

    async fn stream(&self, key: &str) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        Ok(self.bytes(key).map(|bytes| (bytes.len() as u64, bytes)))
    }

    async fn create(&self, key: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        self.write()?;
        if self.bytes(key).is_some() {
            return Ok(false);
        }
        self.put(key, bytes.to_vec());
        Ok(true)
    }

    async fn store(
        &self,
        key: &str,
        body: Vec<u8>,
        length: u64,
        sha256: [u8; 32],
    ) -> Result<(), StoreError> {
        self.write()?;
        if body.len() as u64 != length || Digest::of(&body).0 != sha256 {
            return Err(StoreError::Mismatch);
        }
        self.put(key, body);
        Ok(())
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Listing, StoreError> {
        let objects = self.objects.borrow();
        let found = objects
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && after.is_none_or(|a| key.as_str() > a));
        let mut found: Vec<_> = found.map(|(key, object)| info(key, object)).collect();
        let size = self.page.get().max(1);
        let more = found.len() > size;
        found.truncate(size);
        Ok(Listing {
            after: found.last().filter(|_| more).map(|last| last.key.clone()),
            objects: found,
        })
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        for key in keys {
            self.write()?;
            self.objects.borrow_mut().remove(key);
        }
        Ok(())
    }
}

/// A gateway with its bucket.
struct Lab {
    bucket: MemoryBucket,
    core: RefCell<Core<MemoryDb>>,
    credential: RefCell<String>,
    random: Cell<u8>,
    /// The Durable Object is cut off when this is asked.
    deaf_to: Cell<Option<Deaf>>,
    lease: RefCell<String>,
    written: Cell<u64>,
}

impl Authority for Lab {
    async fn ask(&self, ask: StateAsk) -> Outcome {
        if self.deaf_to.get().is_some_and(|deaf| deaf(&ask)) {
            return Err(Problem::unavailable("cut off"));
        }
        self.random.set(self.random.get().wrapping_add(1));
        let random = [self.random.get(); 32];
        let credential = self.credential.borrow().clone();
        let now = self.bucket.now.get();
        self.core
            .borrow_mut()
            .state_asked(&credential, ask, LINE, random, now)
    }
}

impl Lab {
    /// A gateway that has never run, and its first container.
    fn new() -> Self {
        let lab = Self {
            bucket: MemoryBucket::default(),
            core: RefCell::new(core()),
            credential: RefCell::default(),
            random: Cell::new(0),
            deaf_to: Cell::new(None),
            lease: RefCell::default(),
            written: Cell::new(0),
        };
        lab.bucket.now.set(t0());
        lab.bucket.page.set(3);
        lab.start();
        lab
    }

    /// Ends what runs and starts the next container.
    fn start(&self) {
        let now = self.now();
        let mut core = self.core.borrow_mut();
        if core.state().expects_container() {
            let run = core.state().run;
            let exited = Input::Exited {
                run,
                code: None,
                reason: "cut".into(),
            };
            core.happen(exited, "test", now).expect("ends");
        }
        core.happen(Input::Start, "test", now).expect("starts");
        let run = core.state().run;
        let seed = u8::try_from(run).expect("few");
        let issued = core
            .issue_credentials(run, ([seed; 32], [seed + 100; 32]))
            .expect("issued");
        *self.credential.borrow_mut() = issued.init.expose().to_owned();
        core.take_tasks();
    }

    fn now(&self) -> DateTime<Utc> {
        self.bucket.now.get()
    }

    fn later(&self, time: TimeDelta) {
        self.bucket.now.set(self.now() + time);
    }

    fn call(
        &self,
        method: &str,
        path: &str,
        body: Body<Vec<u8>>,
    ) -> Result<Answer<Vec<u8>>, Problem> {
        let world = World {
            store: &self.bucket,
            desk: self,
            clock: || self.now(),
        };
        let call = Call {
            method: method.to_owned(),
            path: path.to_owned(),
            lease: self.lease.borrow().clone(),
            body,
        };
        answer(&world, call).now_or_never().expect("never waits")
    }

    fn json(&self, method: &str, path: &str, body: &Value) -> Result<Value, Problem> {
        match self.call(method, path, Body::Bytes(body.to_string().into_bytes()))? {
            Answer::Json(_, value) => Ok(value),
            Answer::Empty(_) => Ok(Value::Null),
            other => panic!("{other:?}"),
        }
    }

    fn take(&self, instance: &str) -> Result<LeaseGrant, Problem> {
        let grant = self.json("POST", "/v1/lease", &json!({"instance": instance}))?;
        let grant: LeaseGrant = serde_json::from_value(grant).expect("a grant");
        *self.lease.borrow_mut() = grant.lease.clone();
        Ok(grant)
    }

    fn report(&self, report: &StateReport) {
        let report = serde_json::to_value(report).expect("json");
        self.json("POST", "/v1/reports", &report).expect("taken");
    }

    /// The container got its state.
    fn restored(&self, generation: Option<u64>) {
        self.report(&StateReport::Restored {
            generation,
            took_ms: 5,
        });
    }

    fn put_pack(&self, bytes: &[u8]) -> Result<ObjectRef, Problem> {
        let key = Digest::of(bytes);
        let body = Body::Stream {
            length: Some(bytes.len() as u64),
            stream: bytes.to_vec(),
        };
        self.call("PUT", &format!("/v1/packs/{key}"), body)?;
        Ok(ObjectRef {
            key,
            bytes: bytes.len() as u64,
            raw_bytes: 10,
        })
    }

    fn put(&self, manifest: &Manifest) -> Result<(), Problem> {
        let path = format!("/v1/generations/{}", manifest.generation);
        let bytes = serde_json::to_vec(manifest).expect("json");
        self.call("PUT", &path, Body::Bytes(bytes)).map(drop)
    }

    /// Everything a snapshot writes, in order: packs, index, manifest.
    fn snapshot(&self, generation: u64) -> Result<Manifest, Problem> {
        self.written.set(self.written.get() + 1);
        let unique = format!("{generation}/{}", self.written.get());
        let mut packs = vec![
            self.put_pack(format!("pack a of {unique}").as_bytes())?,
            self.put_pack(b"shared by all")?,
        ];
        packs.sort_unstable();
        let index = self.put_pack(format!("index of {unique}").as_bytes())?;
        let manifest = self.manifest(generation, packs, index);
        self.put(&manifest)?;
        Ok(manifest)
    }

    fn manifest(&self, generation: u64, packs: Vec<ObjectRef>, index: ObjectRef) -> Manifest {
        let stored = packs.iter().map(|pack| pack.bytes).sum::<u64>() + index.bytes;
        Manifest {
            schema: SCHEMA,
            line: LINE.to_owned(),
            generation,
            parent: None,
            created_at: self.now(),
            reason: SnapshotReason::Schedule,
            order: None,
            tedix_version: "0.1.0".into(),
            openclaw_version: None,
            policy_version: None,
            policy_hash: None,
            index,
            packs,
            totals: Totals {
                files: 1,
                bytes: 10,
                stored_bytes: stored,
                sent_bytes: 1,
                skipped: 0,
            },
            cloned_from: None,
        }
    }

    /// What the next container would start from: the first candidate of which
    /// everything is there and right.
    fn restorable(&self, grant: &LeaseGrant) -> Option<u64> {
        let Restore::Newest { candidates } = &grant.restore else {
            return None;
        };
        candidates
            .iter()
            .copied()
            .find(|number| self.verifies(*number))
    }

    fn verifies(&self, number: u64) -> bool {
        let path = format!("/v1/generations/{number}");
        let Ok(Answer::Bytes(bytes)) = self.call("GET", &path, Body::None) else {
            return false;
        };
        let Ok(manifest) = Manifest::read(&bytes) else {
            return false;
        };
        let mut objects = manifest.packs.iter().chain([&manifest.index]);
        manifest.belongs(LINE, number).is_ok()
            && objects.all(|object| {
                let path = format!("/v1/packs/{}", object.key);
                match self.call("GET", &path, Body::None) {
                    Ok(Answer::Stream(_, bytes)) => Digest::of(&bytes) == object.key,
                    _ => false,
                }
            })
    }

    fn actions(&self) -> Vec<String> {
        let core = self.core.borrow();
        let page = crate::sandbox::store::audit::page(core.db(), None).expect("audit");
        page.items.into_iter().map(|entry| entry.action).collect()
    }
}

fn slug(outcome: Result<impl std::fmt::Debug, Problem>) -> String {
    outcome.expect_err("refused").slug().to_owned()
}

#[test]
fn a_snapshot_comes_back_in_the_next_container() {
    let lab = Lab::new();
    let grant = lab.take("one").expect("granted");
    assert_eq!(grant.restore, Restore::Nothing);
    assert_eq!((grant.line.as_str(), grant.next_generation), (LINE, 1));
    lab.restored(None);
    let manifest = lab.snapshot(1).expect("written");

    lab.start();
    let grant = lab.take("two").expect("granted");
    assert_eq!(grant.next_generation, 2);
    assert_eq!(lab.restorable(&grant), Some(1));
    let Ok(Answer::Bytes(bytes)) = lab.call("GET", "/v1/generations/1", Body::None) else {
        panic!("the manifest");
    };
    assert_eq!(Manifest::read(&bytes), Ok(manifest));
    let listed = lab.json("GET", "/v1/generations", &Value::Null);
    assert_eq!(listed.expect("listed"), json!({"generations": [1]}));

    let core = lab.core.borrow();
    let snapshot = core.snapshot(1).expect("known");
    assert_eq!(snapshot.sha256, Digest::of(&bytes));
    assert_eq!(
        snapshot.key,
        format!("gateways/{LINE}/generations/0000000001")
    );
    assert_eq!(snapshot.pointer().bytes, bytes.len() as u64);
}

#[test]
fn a_power_cut_between_any_two_writes_leaves_the_generation_before() {
    // Three objects and the manifest: the last write makes the generation.
    for writes in 0..4 {
        let lab = Lab::new();
        lab.take("one").expect("granted");
        lab.restored(None);
        lab.snapshot(1).expect("written");
        lab.bucket.writes_left.set(Some(writes));
        let problem = lab.snapshot(2).expect_err("the power is gone");
        assert_eq!(problem.slug(), "unavailable", "{writes}");
        lab.bucket.writes_left.set(None);

        lab.start();
        let grant = lab.take("two").expect("granted");
        assert_eq!(lab.restorable(&grant), Some(1), "{writes} writes");
        assert_eq!(grant.next_generation, 2);
        lab.restored(Some(1));
        lab.snapshot(2).expect("written after all");
    }
}

#[test]
fn a_generation_counts_though_the_durable_object_was_cut_off_after_it() {
    let lab = Lab::new();
    lab.take("one").expect("granted");
    lab.restored(None);
    lab.deaf_to
        .set(Some(|ask| matches!(ask, StateAsk::EndCommit { .. })));
    assert_eq!(slug(lab.snapshot(1)), "unavailable");
    lab.deaf_to.set(None);

    lab.start();
    assert_eq!(
        slug(lab.take("two")),
        "unavailable",
        "it may still be written"
    );
    lab.later(TimeDelta::seconds(61));
    let grant = lab.take("two").expect("granted");
    assert_eq!(lab.restorable(&grant), Some(1));
    assert_eq!(grant.next_generation, 2);
    let known = lab
        .core
        .borrow()
        .snapshot(1)
        .expect("learnt from the bucket");
    assert_eq!(known.totals.files, 1);
}

#[test]
fn the_same_manifest_again_is_no_conflict_and_another_one_is() {
    let lab = Lab::new();
    lab.take("one").expect("granted");
    let manifest = lab.snapshot(1).expect("written");
    lab.put(&manifest)
        .expect("the answer was lost, not the write");
    let other = Manifest {
        created_at: lab.now() + TimeDelta::seconds(1),
        ..manifest.clone()
    };
    assert_eq!(slug(lab.put(&other)), "conflict");
    for number in [3, 9_999_999_999] {
        let skipped = Manifest {
            generation: number,
            ..manifest.clone()
        };
        assert_eq!(slug(lab.put(&skipped)), "conflict");
    }
    let key = keys::generation(LINE, 1);
    let kept = lab.bucket.bytes(&key).expect("there");
    assert_eq!(Manifest::read(&kept), Ok(manifest));
    lab.snapshot(2).expect("nothing hangs");
}

#[test]
fn a_manifest_that_appeared_in_the_bucket_is_never_written_over() {
    let lab = Lab::new();
    lab.take("one").expect("granted");
    let key = keys::generation(LINE, 1);
    lab.bucket.put(&key, b"another writer's".to_vec());
    assert_eq!(slug(lab.snapshot(1)), "conflict");
    assert_eq!(lab.bucket.bytes(&key), Some(b"another writer's".to_vec()));
}

#[test]
fn without_every_pack_there_is_no_generation() {
    let lab = Lab::new();
    lab.take("one").expect("granted");
    let there = lab.put_pack(b"there").expect("stored");
    let index = lab.put_pack(b"index").expect("stored");
    let absent = ObjectRef {
        key: Digest::of(b"absent"),
        ..there
    };
    let truncated = lab.put_pack(b"truncated").expect("stored");
    lab.bucket
        .put(&keys::pack(LINE, truncated.key), b"trunc".to_vec());
    let mut packs = vec![there, absent, truncated];
    packs.sort_unstable();
    let manifest = lab.manifest(1, packs.clone(), index);
    let problem = lab.put(&manifest).expect_err("refused");
    assert_eq!((problem.status, problem.slug()), (409, "missing-packs"));
    let mut named: Vec<_> = problem.errors.iter().map(|e| e.pointer.clone()).collect();
    named.sort_unstable();
    let mut expected = [absent.key, truncated.key].map(|key| key.to_string());
    expected.sort_unstable();
    assert_eq!(named, expected);
    assert_eq!(lab.bucket.bytes(&keys::generation(LINE, 1)), None);

    // The question before sending says the same, few or many at a time.
    let many: Vec<ObjectRef> = (0..40u8)
        .map(|n| lab.put_pack(&[n]).expect("stored"))
        .collect();
    for objects in [packs.clone(), [packs, many].concat()] {
        let answer = lab.json("POST", "/v1/packs/missing", &json!({"objects": objects}));
        let missing: Missing = serde_json::from_value(answer.expect("answered")).expect("shape");
        let mut missing: Vec<_> = missing.missing.iter().map(Digest::to_string).collect();
        missing.sort_unstable();
        assert_eq!(missing, expected);
    }
    // Sending them is the cure, also for what was there and wrong.
    lab.put_pack(b"absent").expect("stored");
    lab.put_pack(b"truncated").expect("stored");
    let absent = ObjectRef { bytes: 6, ..absent };
    let mut packs = vec![there, absent, truncated];
    packs.sort_unstable();
    lab.put(&lab.manifest(1, packs, index)).expect("complete");
}

#[test]
fn bytes_that_are_others_are_not_stored() {
    let lab = Lab::new();
    lab.take("one").expect("granted");
    let put = |key: Digest, length: Option<u64>, bytes: &[u8]| {
        let body = Body::Stream {
            length,
            stream: bytes.to_vec(),
        };
        lab.call("PUT", &format!("/v1/packs/{key}"), body)
    };
    let key = Digest::of(b"right");
    assert_eq!(slug(put(key, Some(5), b"wrong")), "invalid");
    assert_eq!(slug(put(key, Some(9), b"right")), "invalid");
    assert_eq!(slug(put(key, None, b"right")), "length-required");
    assert_eq!(slug(put(key, Some(0), b"")), "length-required");
    assert_eq!(slug(put(key, Some(MAX_OBJECT + 1), b"right")), "too-large");
    let path = format!("/v1/packs/{key}");
    assert_eq!(slug(lab.call("PUT", &path, Body::None)), "malformed");
    assert_eq!(lab.bucket.keys(), [""; 0]);
}

#[test]
fn a_manifest_of_another_gateway_or_number_is_refused() {
    let lab = Lab::new();
    lab.take("one").expect("granted");
    let packs = vec![lab.put_pack(b"a").expect("stored")];
    let index = lab.put_pack(b"i").expect("stored");
    let good = lab.manifest(1, packs, index);
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut value = serde_json::to_value(&good).expect("json");
        change(&mut value);
        let body = Body::Bytes(value.to_string().into_bytes());
        slug(lab.call("PUT", "/v1/generations/1", body))
    };
    assert_eq!(refused(&|m| m["line"] = "other".into()), "invalid");
    assert_eq!(refused(&|m| m["generation"] = 2.into()), "invalid");
    assert_eq!(refused(&|m| m["schema"] = 2.into()), "invalid");
    assert_eq!(
        refused(&|m| m["packs"][0]["key"] = "../../x".into()),
        "invalid"
    );
    assert_eq!(refused(&|m| m["extra"] = 1.into()), "invalid");
    let cut = lab.call("PUT", "/v1/generations/1", Body::Bytes(b"{".to_vec()));
    assert_eq!(slug(cut), "invalid");
    lab.put(&good).expect("nothing hangs after a refusal");
}

#[test]
fn nothing_is_read_or_written_without_the_running_container_s_credential() {
    let lab = Lab::new();
    let grant = lab.take("one").expect("granted");
    lab.snapshot(1).expect("written");
    let key = Digest::of(b"shared by all");
    let old = lab.credential.borrow().clone();
    let before = lab.bucket.keys();
    lab.start();
    // None, a random one, OpenClaw's own key, and that of the container before.
    let model_key = domain::access::credential_from("tmk_", [102; 32]);
    for credential in ["", "tin_wrong", model_key.as_str(), old.as_str()] {
        *lab.credential.borrow_mut() = credential.to_owned();
        *lab.lease.borrow_mut() = grant.lease.clone();
        let manifest = lab.manifest(
            2,
            Vec::new(),
            ObjectRef {
                key,
                bytes: 13,
                raw_bytes: 1,
            },
        );
        assert_eq!(slug(lab.put(&manifest)), "unauthenticated");
        assert_eq!(slug(lab.put_pack(b"new")), "unauthenticated");
        assert_eq!(slug(lab.take("two")), "unauthenticated");
        for (method, path, body) in [
            ("POST", "/v1/lease/renew", json!({})),
            ("POST", "/v1/lease/release", json!({})),
            ("POST", "/v1/packs/missing", json!({"objects": []})),
            (
                "POST",
                "/v1/reports",
                json!({"kind": "refused", "detail": "x"}),
            ),
        ] {
            assert_eq!(
                slug(lab.json(method, path, &body)),
                "unauthenticated",
                "{path}"
            );
        }
        for path in [
            "/v1/generations",
            "/v1/generations/1",
            &format!("/v1/packs/{key}"),
        ] {
            assert_eq!(
                slug(lab.call("GET", path, Body::None)),
                "unauthenticated",
                "{path}"
            );
        }
        let head = lab.call("HEAD", &format!("/v1/packs/{key}"), Body::None);
        assert_eq!(slug(head), "unauthenticated");
    }
    assert_eq!(lab.bucket.keys(), before);
}

#[test]
fn one_instance_writes_at_a_time() {
    let lab = Lab::new();
    let first = lab.take("one").expect("granted");
    let second = lab.take("two").expect_err("the first holds it");
    assert_eq!(second.slug(), "conflict");
    assert!(second.retry_after_seconds.is_some());
    assert_eq!(slug(lab.take("")), "invalid");
    assert_eq!(slug(lab.take("../x")), "invalid");
    assert_eq!(
        slug(lab.json("POST", "/v1/lease", &json!({"instance": 1}))),
        "invalid"
    );

    lab.later(TimeDelta::seconds(61));
    lab.take("two").expect("it ran out");
    *lab.lease.borrow_mut() = first.lease;
    assert_eq!(slug(lab.snapshot(1)), "conflict");
    assert_eq!(
        slug(lab.json("POST", "/v1/lease/renew", &json!({}))),
        "conflict"
    );
    assert_eq!(
        slug(lab.json("POST", "/v1/lease/release", &json!({}))),
        "conflict"
    );
    assert_eq!(lab.bucket.keys(), [""; 0]);
}

#[test]
fn a_renewed_or_released_lease_does_what_it_says() {
    let lab = Lab::new();
    lab.take("one").expect("granted");
    lab.later(TimeDelta::seconds(50));
    lab.json("POST", "/v1/lease/renew", &json!({}))
        .expect("renewed");
    lab.later(TimeDelta::seconds(50));
    let own = lab.lease.borrow().clone();
    assert_eq!(slug(lab.take("two")), "conflict");
    *lab.lease.borrow_mut() = own;
    lab.json("POST", "/v1/lease/release", &json!({}))
        .expect("released");
    lab.take("two").expect("at once");
}

#[test]
fn a_bucket_that_lost_everything_is_no_first_start() {
    let lab = Lab::new();
    lab.take("one").expect("granted");
    lab.restored(None);
    lab.snapshot(1).expect("written");
    lab.bucket.objects.borrow_mut().clear();
    lab.start();
    let grant = lab.take("two").expect("granted");
    assert_eq!(
        grant.restore,
        Restore::Newest {
            candidates: vec![1]
        }
    );
    assert_eq!(lab.restorable(&grant), None);
    assert_eq!(grant.next_generation, 2, "a number is never used twice");
}

#[test]
fn damaged_objects_fall_back_to_the_generation_before() {
    type Harm = fn(&Lab, &Manifest);
    let harms: [Harm; 6] = [
        |lab, m| {
            drop(
                lab.bucket
                    .objects
                    .borrow_mut()
                    .remove(&keys::pack(LINE, m.index.key)),
            )
        },
        |lab, m| {
            lab.bucket
                .put(&keys::pack(LINE, m.index.key), b"cut".to_vec())
        },
        |lab, _| lab.bucket.put(&keys::generation(LINE, 2), b"{".to_vec()),
        |lab, _| {
            lab.bucket
                .put(&keys::generation(LINE, 2), vec![b' '; 5 << 20])
        },
        |lab, _| {
            drop(
                lab.bucket
                    .objects
                    .borrow_mut()
                    .remove(&keys::generation(LINE, 2)),
            )
        },
        // Generation 1 in the place of 2.
        |lab, _| {
            let one = lab.bucket.bytes(&keys::generation(LINE, 1)).expect("there");
            lab.bucket.put(&keys::generation(LINE, 2), one);
        },
    ];
    for (number, harm) in harms.into_iter().enumerate() {
        let lab = Lab::new();
        lab.take("one").expect("granted");
        lab.restored(None);
        lab.snapshot(1).expect("written");
        let second = lab.snapshot(2).expect("written");
        harm(&lab, &second);
        lab.start();
        let grant = lab.take("two").expect("granted");
        assert_eq!(lab.restorable(&grant), Some(1), "harm {number}");
        assert_eq!(grant.next_generation, 3, "harm {number}");
        lab.report(&StateReport::Damaged {
            generation: 2,
            detail: "its index is gone".into(),
        });
        lab.restored(Some(1));
        assert!(lab.actions().contains(&"state.damaged".to_owned()));
        let core = lab.core.borrow();
        assert!(core.snapshot(2).expect("known").damage.is_some());
        assert!(core.snapshot(1).expect("known").verified_at.is_some());
    }
}

#[test]
fn old_generations_go_and_shared_packs_stay() {
    let lab = Lab::new();
    lab.take("one").expect("granted");
    lab.restored(None);
    for number in 1..=32 {
        lab.later(TimeDelta::hours(1));
        lab.snapshot(number).expect("written");
    }
    // 30 are kept; the packs of the rest go once they are a day old.
    let listed = lab
        .json("GET", "/v1/generations", &Value::Null)
        .expect("listed");
    assert_eq!(listed["generations"].as_array().map(Vec::len), Some(30));
    lab.later(TimeDelta::hours(30));
    lab.snapshot(33).expect("written");
    let packs = lab.bucket.keys().into_iter();
    let packs = packs.filter(|key| key.contains("/packs/")).count();
    // An index and a pack of its own each, and the one that all share. Those that went
    // when the 33rd came are still named by nobody, and old enough as well.
    assert_eq!(packs, 30 * 2 + 1);
    for number in 4..=33 {
        assert!(lab.verifies(number), "{number}");
    }
    assert!(lab.actions().contains(&"snapshot.removed".to_owned()));
    assert_eq!(slug(lab.core.borrow().snapshot(1)), "not-found");
}

#[test]
fn a_pack_that_nothing_names_yet_is_left_alone() {
    let lab = Lab::new();
    lab.take("one").expect("granted");
    lab.restored(None);
    let early = lab.put_pack(b"of a snapshot under way").expect("stored");
    lab.snapshot(1).expect("written");
    lab.later(TimeDelta::hours(20));
    lab.snapshot(2).expect("written");
    assert!(lab.bucket.bytes(&keys::pack(LINE, early.key)).is_some());
    lab.later(TimeDelta::hours(7));
    lab.snapshot(3).expect("written");
    assert!(lab.bucket.bytes(&keys::pack(LINE, early.key)).is_none());
    // One that comes back to life is asked for again: its absence is noticed.
    let index = lab.put_pack(b"index").expect("stored");
    let manifest = lab.manifest(4, vec![early], index);
    assert_eq!(slug(lab.put(&manifest)), "missing-packs");
}

#[test]
fn a_manifest_that_cannot_be_read_stops_the_sweep() {
    let lab = Lab::new();
    lab.take("one").expect("granted");
    lab.restored(None);
    lab.snapshot(1).expect("written");
    lab.bucket.put(&keys::generation(LINE, 1), b"{".to_vec());
    lab.start();
    lab.take("two").expect("granted");
    lab.restored(None);
    let before = lab.bucket.keys().len();
    lab.later(TimeDelta::hours(48));
    lab.snapshot(2)
        .expect("a sweep that fails takes nothing from a snapshot");
    assert!(lab.bucket.keys().len() >= before);
}

#[test]
fn nothing_is_committed_while_old_objects_are_removed() {
    let lab = Lab::new();
    lab.take("one").expect("granted");
    lab.restored(None);
    let plan = lab.ask(StateAsk::BeginSweep).now_or_never().expect("ready");
    assert!(!plan.expect("a plan").body.is_null());
    let problem = lab.snapshot(1).expect_err("not now");
    assert_eq!(problem.slug(), "unavailable");
    assert!(problem.retry_after_seconds.is_some());
    // Whoever swept is gone.
    lab.later(TimeDelta::seconds(61));
    lab.snapshot(1).expect("written");
}

#[test]
fn what_nobody_serves_is_refused() {
    let lab = Lab::new();
    lab.take("one").expect("granted");
    for (method, path, expected) in [
        ("GET", "/", "not-found"),
        ("GET", "/v1/packs/", "not-found"),
        ("GET", "/v1/packs/abc", "not-found"),
        ("GET", "/v1/packs/../generations/1", "not-found"),
        ("GET", "/v1/generations/0", "not-found"),
        ("GET", "/v1/generations/-1", "not-found"),
        ("GET", "/v1/generations/9", "not-found"),
        ("DELETE", "/v1/generations/1", "method-not-allowed"),
        ("GET", "/v1/lease", "method-not-allowed"),
        ("DELETE", "/v1/generations", "method-not-allowed"),
    ] {
        assert_eq!(
            slug(lab.call(method, path, Body::None)),
            expected,
            "{method} {path}"
        );
    }
    let unknown = format!("/v1/packs/{}", Digest::of(b"unknown"));
    for method in ["GET", "HEAD"] {
        assert_eq!(slug(lab.call(method, &unknown, Body::None)), "not-found");
    }
    let objects = vec![json!({"key": Digest::of(b"x"), "bytes": 1, "raw_bytes": 1}); 1_001];
    let many = lab.json("POST", "/v1/packs/missing", &json!({"objects": objects}));
    assert_eq!(slug(many), "invalid");
}

#[test]
fn every_body_has_a_bound() {
    let bound = |method: &str, path: &str| match intake(method, path) {
        Intake::None => Some(0),
        Intake::Small(limit) => Some(limit),
        Intake::Stream => None,
    };
    assert_eq!(bound("GET", "/v1/generations"), Some(0));
    assert_eq!(bound("DELETE", "/v1/x"), Some(0));
    assert_eq!(bound("PUT", "/v1/generations/1"), Some(4 << 20));
    assert_eq!(bound("POST", "/v1/packs/missing"), Some(160 << 10));
    assert_eq!(bound("POST", "/v1/lease"), Some(4 << 10));
    // Streamed into R2, and bounded by its declared length.
    assert_eq!(bound("PUT", "/v1/packs/x"), None);
}
