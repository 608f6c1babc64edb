//! The target's side: a whole clone, and everything that can be cut off, away or changed
//! meanwhile.

use std::cell::{Cell, RefCell};

use chrono::{DateTime, TimeDelta, Utc};
use domain::problem::Problem;
use domain::secret::Secret;
use domain::state::Manifest;
use domain::wire::clones::{CloneSnapshot, CloneState, CloneStatus, GrantSnapshot};
use domain::wire::snapshots::Snapshot;
use domain::wire::state::{LeaseGrant, Restore};
use futures_util::FutureExt;

use super::lending::generation;
use crate::clone::granted::{self, Lent, lend};
use crate::clone::{Outcome, Step, run, tidy};
use crate::command::StateAsk;
use crate::internal::state::keys;
use crate::internal::state::tests::MemoryBucket;
use crate::ports::Db;
use crate::ports::lender::{self, Lender};
use crate::sandbox::core::Core;
use crate::sandbox::core::tests::{MemoryDb, core, reopen, t0};
use crate::sandbox::lifecycle::Input;
use crate::sandbox::store::generations;

const ADA: &str = "ada@example.com";
const FROM: &str = "https://old.example.com";

/// What the source makes of an answer; it is told the path.
pub(super) type Lie = Box<dyn Fn(&str, Vec<u8>) -> (u16, Vec<u8>)>;

/// Two gateways, each with its bucket.
pub(super) struct Lab {
    pub(super) lent: MemoryBucket,
    pub(super) source: RefCell<Core<MemoryDb>>,
    pub(super) bucket: MemoryBucket,
    pub(super) core: RefCell<Option<Core<MemoryDb>>>,
    pub(super) code: RefCell<Secret>,
    pub(super) lie: RefCell<Option<Lie>>,
    away: Cell<bool>,
    fetched: Cell<u32>,
}

impl Lender for Lab {
    type Body = Vec<u8>;

    async fn small(&self, path: &str, limit: usize) -> Result<lender::Lent<Vec<u8>>, String> {
        let mut lent = self.stream(path).await?;
        lent.body.truncate(limit);
        Ok(lent)
    }

    async fn stream(&self, path: &str) -> Result<lender::Lent<Vec<u8>>, String> {
        if self.away.get() {
            return Err("connection refused".into());
        }
        self.fetched.set(self.fetched.get() + 1);
        let wanted = granted::wanted(path).ok_or("a path that is none")?;
        let code = self.code.borrow().clone();
        let mut source = self.source.borrow_mut();
        let answer = match source.granted(&code, wanted.generation, "source", self.now()) {
            Ok(ticket) => lend(&self.lent, &ticket.line, wanted).now_or_never(),
            Err(problem) => Some(Err(problem)),
        };
        let (status, body) = match answer.expect("never waits") {
            Ok(Lent::Manifest(bytes) | Lent::Pack(_, bytes)) => (200, bytes),
            Err(problem) => (problem.status, Vec::new()),
        };
        let (status, body) = match &*self.lie.borrow() {
            Some(lie) if status == 200 => lie(path, body),
            _ => (status, body),
        };
        Ok(lender::Lent { status, body })
    }
}

impl Lab {
    /// A source with generations 1 and 2, of which 2 is lent, and a target that has nothing.
    pub(super) fn new() -> Self {
        let lab = Self {
            lent: MemoryBucket::default(),
            source: RefCell::new(core()),
            bucket: MemoryBucket::default(),
            core: RefCell::new(Some(core())),
            code: RefCell::new(Secret::new("")),
            lie: RefCell::new(None),
            away: Cell::new(false),
            fetched: Cell::new(0),
        };
        lab.bucket.now.set(t0());
        lab.bucket.page.set(3);
        for number in [1, 2] {
            generation(&lab.lent, "source", number);
            lab.knows(number);
        }
        lab.lend(2, 60);
        lab
    }

    /// The source's Durable Object knows a generation that is in its bucket.
    pub(super) fn knows(&self, number: u64) {
        let key = keys::generation("source", number);
        let bytes = self.lent.bytes(&key).expect("written");
        let manifest = Manifest::read(&bytes).expect("valid");
        let snapshot = Snapshot::of(manifest, key, &bytes);
        generations::save(self.source.borrow().db(), &snapshot).expect("saved");
    }

    pub(super) fn lend(&self, number: u64, minutes: u32) {
        let asked = GrantSnapshot {
            minutes,
            note: None,
        };
        let seed = u8::try_from(number).expect("few");
        let granted =
            self.source
                .borrow_mut()
                .grant_snapshot(number, asked, ADA, [seed; 32], self.now());
        *self.code.borrow_mut() = granted.expect("granted").code;
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.bucket.now.get()
    }

    fn later(&self, time: TimeDelta) {
        self.bucket.now.set(self.now() + time);
    }

    pub(super) fn with<T>(&self, body: impl FnOnce(&mut Core<MemoryDb>) -> T) -> T {
        body(self.core.borrow_mut().as_mut().expect("there"))
    }

    fn evict(&self) {
        let before = self.core.borrow_mut().take().expect("there");
        *self.core.borrow_mut() = Some(reopen(before));
    }

    fn asked(&self, generation: u64, replace: bool) -> CloneSnapshot {
        CloneSnapshot {
            from: FROM.into(),
            generation,
            code: self.code.borrow().clone(),
            note: Some("a new home".into()),
            replace,
        }
    }

    pub(super) fn ask(&self, generation: u64, replace: bool) -> Result<CloneStatus, Problem> {
        let (asked, now) = (self.asked(generation, replace), self.now());
        self.with(|core| core.ask_clone(asked, ADA, now))
    }

    /// One step, if one is due.
    fn step(&self) -> bool {
        let now = self.now();
        let task = self.with(|core| core.begin_clone("target", now).expect("begins"));
        let Some(task) = task else {
            return false;
        };
        let outcome = run(&self.bucket, self, || self.now(), &task).now_or_never();
        let outcome = outcome.expect("never waits");
        self.with(|core| core.clone_done(&task, outcome, now).expect("done"));
        true
    }

    pub(super) fn status(&self) -> CloneStatus {
        self.with(|core| core.clone_status().expect("asked for").clone())
    }

    /// Goes on until it ends, or for a number of steps and waits.
    pub(super) fn drive(&self, rounds: u32) -> CloneStatus {
        for _ in 0..rounds {
            if !self.status().state.is_under_way() {
                break;
            }
            self.exit_if_asked();
            if !self.step() {
                let next = self.with(|core| core.next_alarm()).unwrap_or(self.now());
                self.later((next - self.now()).max(TimeDelta::seconds(1)));
            }
        }
        self.status()
    }

    /// A container that was told to end does.
    fn exit_if_asked(&self) {
        let now = self.now();
        self.with(|core| {
            let phase = format!("{:?}", core.state().status().phase);
            if phase == "Stopping" {
                let run = core.state().run;
                let reason = "told to".into();
                let exited = Input::Exited {
                    run,
                    code: Some(0),
                    reason,
                };
                core.happen(exited, "test", now).expect("ends");
            }
        });
    }

    fn runs(&self) -> bool {
        self.with(|core| core.state().expects_container())
    }

    /// What the next container would start from.
    fn lease(&self) -> LeaseGrant {
        self.lease_with(&[])
    }

    fn lease_with(&self, listed: &[u64]) -> LeaseGrant {
        let now = self.now();
        self.with(|core| {
            let run = core.state().run;
            let issued = core
                .issue_credentials(run, ([9; 32], [8; 32]))
                .expect("issued");
            let ask = StateAsk::Grant {
                instance: "i".into(),
                listed: listed.to_vec(),
                openclaw_versions: Vec::new(),
                learnt: Vec::new(),
            };
            let reply = core.state_asked(issued.init.expose(), ask, "target", [3; 32], now);
            serde_json::from_value(reply.expect("granted").body).expect("a grant")
        })
    }

    /// Generations in the target's bucket.
    pub(super) fn generations(&self) -> Vec<String> {
        let keys = self.bucket.keys().into_iter();
        keys.filter(|key| key.contains("/generations/")).collect()
    }

    fn rows(&self, table: &str) -> String {
        self.with(|core| {
            format!(
                "{:?}",
                core.db().run(&format!("SELECT * FROM {table}"), &[])
            )
        })
    }

    /// The whole of the source's generation is there, as the target's own.
    fn is_whole(&self, number: u64) {
        let key = keys::generation("target", number);
        let bytes = self.bucket.bytes(&key).expect("written");
        let manifest = Manifest::read(&bytes).expect("valid");
        assert_eq!(manifest.belongs("target", number), Ok(()));
        let from = manifest.cloned_from.expect("says from where");
        assert_eq!(
            (from.gateway.as_str(), from.line.as_str()),
            (FROM, "source")
        );
        assert_eq!((from.generation, manifest.policy_version), (2, None));
        for object in manifest.packs.iter().chain([&manifest.index]) {
            let there = self.bucket.bytes(&keys::pack("target", object.key));
            let source = self.lent.bytes(&keys::pack("source", object.key));
            assert_eq!(there, source);
        }
    }
}

#[test]
fn a_generation_comes_over_and_the_gateway_starts_from_it() {
    let lab = Lab::new();
    lab.ask(2, false).expect("asked");
    let done = lab.drive(9);
    assert_eq!((done.state, done.becomes), (CloneState::Done, Some(1)));
    let progress = done.progress.expect("known");
    assert_eq!((progress.packs, progress.packs_total), (3, 3));
    assert_eq!(progress.bytes, progress.bytes_total);
    lab.is_whole(1);
    assert!(lab.runs());
    let grant = lab.lease();
    assert_eq!(grant.restore, Restore::Chosen { generation: 1 });
    assert_eq!((grant.line.as_str(), grant.next_generation), ("target", 2));
    let audit = lab.rows("audit");
    assert!(audit.contains("state.clone_asked") && audit.contains("state.cloned"));
    let status = serde_json::to_string(&done).expect("json");
    let code = lab.code.borrow().expose().to_owned();
    for text in [audit, lab.rows("records"), lab.rows("generations"), status] {
        assert!(!text.contains(&code), "{text}");
    }
    let shown = lab.with(|core| core.snapshot(1).expect("known"));
    assert_eq!(shown.cloned_from.expect("a clone").generation, 2);
}

#[test]
fn what_is_there_already_is_not_fetched() {
    let lab = Lab::new();
    let shared = b"shared by all";
    let key = domain::state::Digest::of(shared);
    lab.bucket.put(&keys::pack("target", key), shared.to_vec());
    lab.ask(2, false).expect("asked");
    assert_eq!(lab.drive(9).state, CloneState::Done);
    assert_eq!(lab.fetched.get(), 3, "the manifest, a pack and the index");
    lab.is_whole(1);
}

#[test]
fn a_cut_before_any_write_leaves_nothing_half_and_it_goes_on() {
    for writes in 0..7 {
        let lab = Lab::new();
        lab.ask(2, false).expect("asked");
        lab.bucket.writes_left.set(Some(writes));
        lab.drive(2);
        if lab.status().state != CloneState::Done {
            assert!(lab.generations().is_empty(), "{writes}");
            assert!(!lab.runs(), "{writes}");
        }
        lab.evict();
        lab.bucket.writes_left.set(None);
        let done = lab.drive(20);
        assert_eq!(done.state, CloneState::Done, "{writes}: {done:?}");
        lab.is_whole(1);
    }
}

#[test]
fn a_step_that_was_lost_with_its_isolate_is_done_again() {
    let lab = Lab::new();
    lab.ask(2, false).expect("asked");
    for _ in 0..2 {
        // Begun, perhaps done in the bucket, and its end never heard of.
        let now = lab.now();
        let task = lab.with(|core| core.begin_clone("target", now).expect("begins"));
        let task = task.expect("due");
        let twice = lab.with(|core| core.begin_clone("target", now).expect("begins"));
        assert_eq!(twice, None, "one at a time");
        drop(run(&lab.bucket, &lab, || now, &task).now_or_never());
        lab.evict();
        assert!(lab.step(), "what came after it");
    }
    assert_eq!(lab.drive(9).state, CloneState::Done);
    lab.is_whole(1);
}

#[test]
fn a_manifest_that_was_written_without_its_end_is_the_same_one_later() {
    let lab = Lab::new();
    lab.ask(2, false).expect("asked");
    assert!(lab.step() && lab.step());
    assert_eq!(lab.status().state, CloneState::TakingOver);
    let now = lab.now();
    let task = lab.with(|core| core.begin_clone("target", now).expect("begins"));
    let task = task.expect("due");
    assert_eq!(task.step, Step::Write { number: 1 });
    let written = run(&lab.bucket, &lab, || now, &task).now_or_never();
    assert!(matches!(written, Some(Ok(Outcome::Written(_)))));
    // The source is not needed any more.
    lab.away.set(true);
    lab.evict();
    let done = lab.drive(40);
    assert_eq!((done.state, done.becomes), (CloneState::Done, Some(1)));
    assert_eq!(lab.generations().len(), 1);
    lab.is_whole(1);
    let tidied = tidy(&lab.bucket, &task).now_or_never();
    assert_eq!(tidied, Some(Ok(())));
    let left = lab.bucket.keys().into_iter();
    assert_eq!(left.filter(|key| key.contains("/clones/")).count(), 0);
}

#[test]
fn it_waits_while_the_other_gateway_is_away_and_not_for_ever() {
    let lab = Lab::new();
    lab.lend(2, 24 * 60);
    lab.ask(2, false).expect("asked");
    lab.away.set(true);
    let waits = lab.drive(5);
    assert_eq!(waits.state, CloneState::Copying);
    let problem = waits.problem.expect("said");
    assert!(problem.contains("connection refused"), "{problem}");
    lab.away.set(false);
    let done = lab.drive(60);
    assert_eq!((done.state, done.problem), (CloneState::Done, None));
    let lab = Lab::new();
    lab.ask(2, false).expect("asked");
    lab.away.set(true);
    let failed = lab.drive(5_000);
    assert_eq!(failed.state, CloneState::Failed);
    assert!(failed.problem.expect("said").contains("within a day"));
}

#[test]
fn a_code_that_does_not_open_it_ends_it() {
    type Before = fn(&Lab);
    let cases: [(&str, u64, Before); 4] = [
        ("wrong", 2, |lab| {
            *lab.code.borrow_mut() = Secret::new("tgr_wrong")
        }),
        ("another generation's", 1, |_| {}),
        ("ended by time", 2, |lab| lab.later(TimeDelta::hours(2))),
        ("ended by hand", 2, |lab| {
            let mut source = lab.source.borrow_mut();
            source.end_grant(2, 1, ADA, t0()).expect("ended");
        }),
    ];
    for (what, number, before) in cases {
        let lab = Lab::new();
        before(&lab);
        lab.ask(number, false).expect("asked");
        let failed = lab.drive(9);
        assert_eq!(failed.state, CloneState::Failed, "{what}");
        let problem = failed.problem.expect("said");
        assert!(problem.contains("code"), "{what}: {problem}");
        assert!(lab.generations().is_empty() && !lab.runs(), "{what}");
        assert!(lab.rows("audit").contains("state.clone_failed"));
    }
}

#[test]
fn state_that_is_here_is_replaced_only_when_that_is_said_and_saved_first() {
    let lab = Lab::new();
    let now = lab.now();
    lab.with(|core| core.happen(Input::Start, "test", now).expect("starts"));
    let refused = lab.ask(2, false).expect_err("it has state");
    assert!(refused.status == 409 && refused.detail.contains("replace"));
    lab.ask(2, true).expect("asked");
    assert!(lab.step() && lab.step());
    assert!(lab.runs(), "it runs while everything is fetched");
    assert!(!lab.step(), "it is told to end and saves first");
    let phase = lab.with(|core| format!("{:?}", core.state().status().phase));
    assert_eq!((phase.as_str(), lab.generations().len()), ("Stopping", 0));
    let woken = lab.with(|core| core.happen(Input::Wake, "test", now).expect_err("not now"));
    assert_eq!(woken.status, 503);
    let done = lab.drive(9);
    assert_eq!((done.state, done.becomes), (CloneState::Done, Some(1)));
    assert!(lab.runs());
    assert_eq!(lab.lease().restore, Restore::Chosen { generation: 1 });
}

#[test]
fn a_number_that_is_taken_is_passed_over() {
    let lab = Lab::new();
    let other = b"another's".to_vec();
    lab.bucket
        .put(&keys::generation("target", 1), other.clone());
    lab.ask(2, true).expect("asked");
    let done = lab.drive(9);
    assert_eq!((done.state, done.becomes), (CloneState::Done, Some(2)));
    lab.is_whole(2);
    assert_eq!(
        lab.bucket.bytes(&keys::generation("target", 1)),
        Some(other)
    );
    let lab = Lab::new();
    lab.bucket
        .put(&keys::generation("target", 1), b"x".to_vec());
    lab.ask(2, false).expect("asked");
    let failed = lab.drive(9);
    assert!(failed.problem.expect("said").contains("state of its own"));
    assert_eq!(lab.generations().len(), 1);
}

#[test]
fn it_can_be_called_off() {
    let lab = Lab::new();
    let now = lab.now();
    let none = lab.with(|core| core.cancel_clone(ADA, now).expect_err("none"));
    assert_eq!(none.status, 404);
    lab.with(|core| core.happen(Input::Start, "test", now).expect("starts"));
    lab.ask(2, true).expect("asked");
    assert_eq!(lab.ask(2, true).expect_err("one at a time").status, 409);
    while lab.step() {}
    lab.exit_if_asked();
    assert!(!lab.runs());
    let task = lab.with(|core| core.begin_clone("target", now).expect("begins"));
    assert_eq!(task, None, "it looks again in a moment");
    lab.later(TimeDelta::seconds(10));
    let now = lab.now();
    let task = lab.with(|core| core.begin_clone("target", now).expect("begins"));
    lab.with(|core| core.cancel_clone(ADA, now).expect("called off"));
    assert!(lab.runs(), "as it was");
    // What was under way then writes its manifest, and nobody starts from it or gets its number.
    let task = task.expect("due");
    let outcome = run(&lab.bucket, &lab, || now, &task).now_or_never();
    let outcome = outcome.expect("never waits");
    lab.with(|core| core.clone_done(&task, outcome, now).expect("done"));
    assert_eq!(lab.status().state, CloneState::Cancelled);
    assert_eq!(lab.status().becomes, None);
    assert_eq!(lab.generations().len(), 1);
    let grant = lab.lease_with(&[1]);
    assert_eq!(
        (grant.restore, grant.next_generation),
        (Restore::Nothing, 2)
    );
    let twice = lab.with(|core| core.cancel_clone(ADA, now).expect_err("ended"));
    assert_eq!(twice.status, 409);
    assert!(lab.rows("audit").contains("state.clone_cancelled"));
}

#[test]
fn a_pack_that_is_gone_again_is_fetched_again() {
    let lab = Lab::new();
    lab.ask(2, false).expect("asked");
    lab.drive(2);
    assert_eq!(lab.status().state, CloneState::TakingOver);
    let pack = lab
        .bucket
        .keys()
        .into_iter()
        .find(|key| key.contains("/packs/"));
    lab.bucket
        .objects
        .borrow_mut()
        .remove(&pack.expect("there"));
    assert_eq!(lab.drive(9).state, CloneState::Done);
    lab.is_whole(1);
}
