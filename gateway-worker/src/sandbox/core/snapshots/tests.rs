//! When a snapshot is due, what a container starts from, and what stands in the way.

use chrono::{DateTime, TimeDelta, Utc};
use domain::problem::Problem;
use domain::state::{Digest, SnapshotReason, Totals};
use domain::wire::gateway::SandboxPhase;
use domain::wire::snapshots::Snapshot;
use domain::wire::state::{LeaseGrant, LeaseRenewal, Restore, SnapshotOrder, StateReport};
use serde_json::Value;

use crate::command::{StateAsk, SweepPlan};
use crate::sandbox::core::tests::{MemoryDb, core, t0};
use crate::sandbox::core::{Core, Task};
use crate::sandbox::lifecycle::{Effect, Input};

pub(in crate::sandbox::core) struct Run {
    pub(in crate::sandbox::core) core: Core<MemoryDb>,
    pub(in crate::sandbox::core) credential: String,
    lease: String,
    /// What the image offers.
    pub(in crate::sandbox::core) offered: Vec<String>,
}

pub(in crate::sandbox::core) fn minutes(minutes: i64) -> DateTime<Utc> {
    t0() + TimeDelta::minutes(minutes)
}

impl Run {
    pub(in crate::sandbox::core) fn new() -> Self {
        let mut run = Self {
            core: core(),
            credential: String::new(),
            lease: String::new(),
            offered: Vec::new(),
        };
        run.core.happen(Input::Start, "test", t0()).expect("starts");
        run.launched();
        run
    }

    /// The shell started what was decided.
    pub(in crate::sandbox::core) fn launched(&mut self) {
        let number = self.core.state().run;
        let launch = Task::Container(Effect::Launch { run: number });
        assert!(self.core.take_tasks().contains(&launch));
        let seed = u8::try_from(number).expect("few");
        let random = ([seed; 32], [seed + 100; 32]);
        let issued = self.core.issue_credentials(number, random).expect("issued");
        self.credential = issued.init.expose().to_owned();
    }

    pub(in crate::sandbox::core) fn exited(&mut self, at: DateTime<Utc>) {
        let exited = Input::Exited {
            run: self.core.state().run,
            code: Some(65),
            reason: "it ended".into(),
        };
        self.core.happen(exited, "test", at).expect("ends");
    }

    fn ask(&mut self, ask: StateAsk, at: DateTime<Utc>) -> Result<Value, Problem> {
        let seed = u8::try_from(self.core.state().run).expect("few");
        self.core
            .state_asked(&self.credential, ask, "line", [seed + 50; 32], at)
            .map(|reply| reply.body)
    }

    pub(in crate::sandbox::core) fn sweep(&mut self, at: DateTime<Utc>) -> Option<SweepPlan> {
        let plan = self.ask(StateAsk::BeginSweep, at).expect("planned");
        let plan: Option<SweepPlan> = serde_json::from_value(plan).expect("a plan");
        if plan.is_some() {
            let end = StateAsk::EndSweep {
                removed: Vec::new(),
                packs: None,
                failure: None,
            };
            self.ask(end, at).expect("ended");
        }
        plan
    }

    pub(in crate::sandbox::core) fn take(
        &mut self,
        listed: &[u64],
        at: DateTime<Utc>,
    ) -> LeaseGrant {
        let ask = StateAsk::Grant {
            instance: format!("i{}", self.core.state().run),
            listed: listed.to_vec(),
            learnt: Vec::new(),
            openclaw_versions: self.offered.clone(),
        };
        let grant = self.ask(ask, at).expect("granted");
        let grant: LeaseGrant = serde_json::from_value(grant).expect("a grant");
        self.lease = grant.lease.clone();
        grant
    }

    pub(in crate::sandbox::core) fn report(&mut self, report: StateReport, at: DateTime<Utc>) {
        self.ask(StateAsk::Report { report }, at).expect("taken");
    }

    pub(in crate::sandbox::core) fn ready(&mut self, generation: Option<u64>, at: DateTime<Utc>) {
        let report = StateReport::Restored {
            generation,
            took_ms: 1,
        };
        self.report(report, at);
        self.core
            .happen(Input::Observed, "test", at)
            .expect("ready");
        self.core.take_tasks();
    }

    pub(in crate::sandbox::core) fn commit(
        &mut self,
        generation: u64,
        order: Option<u64>,
        at: DateTime<Utc>,
    ) {
        self.commit_snapshot(snapshot(generation, order, at), at);
    }

    pub(in crate::sandbox::core) fn commit_snapshot(
        &mut self,
        snapshot: Snapshot,
        at: DateTime<Utc>,
    ) {
        let generation = snapshot.generation;
        let lease = self.lease.clone();
        let begin = StateAsk::BeginCommit { lease, generation };
        self.ask(begin, at).expect("begins");
        let end = StateAsk::EndCommit {
            lease: self.lease.clone(),
            generation,
            snapshot: Some(Box::new(snapshot)),
        };
        self.ask(end, at).expect("ends");
    }

    pub(in crate::sandbox::core) fn order(&mut self, at: DateTime<Utc>) -> Option<SnapshotOrder> {
        let lease = self.lease.clone();
        let renewal = self.ask(StateAsk::Renew { lease }, at).expect("renewed");
        let renewal: LeaseRenewal = serde_json::from_value(renewal).expect("a renewal");
        renewal.snapshot
    }

    fn phase(&self) -> SandboxPhase {
        self.core.state().status().phase
    }
}

pub(in crate::sandbox::core) fn snapshot(
    generation: u64,
    order: Option<u64>,
    at: DateTime<Utc>,
) -> Snapshot {
    Snapshot {
        generation,
        parent: None,
        created_at: at,
        reason: SnapshotReason::Schedule,
        order,
        openclaw_version: None,
        policy_version: None,
        policy_hash: None,
        totals: Totals::default(),
        key: format!("gateways/line/generations/{generation:010}"),
        manifest_bytes: 100,
        sha256: Digest::of(&generation.to_be_bytes()),
        verified_at: None,
        damage: None,
        cloned_from: None,
    }
}

#[test]
fn one_is_due_every_quarter_of_an_hour() {
    let mut run = Run::new();
    run.take(&[], t0());
    run.core.tick(minutes(5)).expect("ticks");
    assert_eq!(run.order(minutes(5)), None, "it has no state yet");
    run.ready(None, minutes(5));
    assert_eq!(run.core.next_alarm(), Some(minutes(20)));
    run.core.tick(minutes(19)).expect("ticks");
    assert_eq!(run.order(minutes(19)), None);
    run.core.tick(minutes(20)).expect("ticks");
    assert!(run.core.take_tasks().contains(&Task::Reload));
    let order = SnapshotOrder {
        id: 1,
        reason: SnapshotReason::Schedule,
    };
    assert_eq!(run.order(minutes(20)), Some(order));
    run.commit(1, Some(1), minutes(21));
    assert_eq!(run.order(minutes(21)), None);
    assert_eq!(run.core.next_alarm(), Some(minutes(36)));
}

#[test]
fn the_policy_says_how_often() {
    let mut run = Run::new();
    let mut document = run.core.newest().document.clone();
    document.persistence.snapshots.every = Some("PT1M".parse().expect("a duration"));
    run.core
        .save_policy(document, "ada@example.com", None, t0())
        .expect("saved");
    run.take(&[], t0());
    run.ready(None, t0());
    assert_eq!(run.core.next_alarm(), Some(minutes(1)));
}

#[test]
fn nothing_new_counts_as_saved() {
    let mut run = Run::new();
    run.take(&[1], t0());
    run.ready(Some(1), t0());
    run.core.tick(minutes(15)).expect("ticks");
    let unchanged = StateReport::Unchanged {
        generation: 1,
        order: Some(1),
    };
    run.report(unchanged, minutes(15));
    assert_eq!(run.order(minutes(15)), None);
    assert_eq!(run.core.next_alarm(), Some(minutes(30)));
    assert_eq!(run.core.state_status().saved_at, Some(minutes(15)));
}

#[test]
fn one_that_failed_is_tried_again_and_said() {
    let mut run = Run::new();
    run.take(&[], t0());
    run.ready(None, t0());
    run.core.tick(minutes(15)).expect("ticks");
    let failed = StateReport::Failed {
        reason: SnapshotReason::Schedule,
        order: Some(1),
        detail: "the disk is full".into(),
    };
    run.report(failed, minutes(15));
    let problem = run.core.state_status().problem.expect("a problem");
    assert!(problem.contains("the disk is full"), "{problem}");
    assert_eq!(run.core.next_alarm(), Some(minutes(20)));
    run.core.tick(minutes(20)).expect("ticks");
    assert_eq!(run.order(minutes(20)).map(|order| order.id), Some(2));
    run.commit(1, Some(2), minutes(21));
    assert_eq!(run.core.state_status().problem, None);
}

#[test]
fn an_order_that_nobody_answers_is_given_again() {
    let mut run = Run::new();
    run.take(&[], t0());
    run.ready(None, t0());
    let id = run
        .core
        .take_snapshot("ada@example.com", t0())
        .expect("ordered");
    run.core.take_tasks();
    run.core.tick(minutes(14)).expect("ticks");
    assert_eq!(run.core.take_tasks(), []);
    run.core.tick(minutes(15)).expect("ticks");
    assert_eq!(run.core.take_tasks(), [Task::Reload]);
    assert_eq!(run.order(minutes(15)).map(|order| order.id), Some(id));
}

#[test]
fn none_is_taken_while_nothing_runs() {
    let mut idle = core();
    let problem = idle
        .take_snapshot("ada@example.com", t0())
        .expect_err("refused");
    assert_eq!(problem.slug(), "conflict");
    // Nor before the container has its state: it would save half of it.
    let mut run = Run::new();
    run.take(&[1], t0());
    assert!(run.core.take_snapshot("ada@example.com", t0()).is_err());
}

#[test]
fn without_any_state_that_verifies_it_does_not_start_and_says_what_to_do() {
    let mut run = Run::new();
    assert!(matches!(
        run.take(&[1], t0()).restore,
        Restore::Newest { .. }
    ));
    let refused = StateReport::Refused {
        detail: "generation 1: a pack is missing".into(),
    };
    run.report(refused, t0());
    run.exited(t0());
    assert_eq!(run.phase(), SandboxPhase::Failed);
    let status = run.core.state_status();
    assert!(
        status
            .problem
            .expect("said")
            .contains("snapshots/N/restore")
    );
    // Nobody's request starts it with nothing, nor does time.
    let denied = run.core.happen(Input::Wake, "una@example.com", t0());
    let denied = denied.expect_err("denied");
    assert!(denied.detail.contains("a pack is missing"), "{denied}");
    run.core.tick(minutes(600)).expect("ticks");
    assert_eq!(run.phase(), SandboxPhase::Failed);

    // Only an admin's word does, and it is written down.
    run.core
        .choose_snapshot(0, Some("give it up"), "ada@example.com", minutes(601))
        .expect("chosen");
    run.launched();
    let grant = run.take(&[1], minutes(601));
    assert_eq!(grant.restore, Restore::Nothing);
    assert_eq!(grant.next_generation, 2);
    run.ready(None, minutes(601));
    run.commit(2, None, minutes(602));
    assert_eq!(run.core.state_status().chosen, None);
}

#[test]
fn a_chosen_generation_counts_until_something_follows_it() {
    let mut run = Run::new();
    run.take(&[], t0());
    run.ready(None, t0());
    run.commit(1, None, minutes(1));
    run.commit(2, None, minutes(2));
    let unknown = run
        .core
        .choose_snapshot(3, None, "ada@example.com", minutes(3));
    assert_eq!(unknown.expect_err("none").slug(), "not-found");
    run.core
        .choose_snapshot(1, None, "ada@example.com", minutes(3))
        .expect("chosen");
    assert!(
        run.core
            .take_tasks()
            .contains(&Task::Container(Effect::Terminate))
    );
    // What runs is saved before it ends; that is not what was chosen.
    run.commit(3, None, minutes(4));
    run.exited(minutes(4));
    run.launched();
    let chosen = Restore::Chosen { generation: 1 };
    assert_eq!(run.take(&[1, 2, 3], minutes(5)).restore, chosen);
    // It was cut off before it wrote anything: the choice still stands.
    run.ready(Some(1), minutes(5));
    run.exited(minutes(6));
    run.core
        .happen(Input::Start, "test", minutes(7))
        .expect("starts");
    run.launched();
    assert_eq!(run.take(&[1, 2, 3], minutes(7)).restore, chosen);
    run.ready(Some(1), minutes(7));
    run.commit(4, None, minutes(8));
    assert_eq!(run.core.state_status().chosen, None);
}

#[test]
fn a_stop_waits_while_the_state_is_saved_and_not_for_ever() {
    let mut run = Run::new();
    run.take(&[], t0());
    run.ready(None, t0());
    run.core.happen(Input::Stop, "test", t0()).expect("stops");
    let mut seconds = 0;
    while run.phase() == SandboxPhase::Stopping && seconds < 3_600 {
        let now = t0() + TimeDelta::seconds(seconds);
        run.order(now);
        run.core.tick(now).expect("ticks");
        if run
            .core
            .take_tasks()
            .contains(&Task::Container(Effect::Kill))
        {
            break;
        }
        seconds += 10;
    }
    assert_eq!(seconds, 840);
    // Without a word it is killed after half a minute.
    let mut run = Run::new();
    run.core.happen(Input::Stop, "test", t0()).expect("stops");
    run.core.take_tasks();
    run.core.tick(t0() + TimeDelta::seconds(30)).expect("ticks");
    assert!(
        run.core
            .take_tasks()
            .contains(&Task::Container(Effect::Kill))
    );
}

#[test]
fn what_the_object_remembers_outlives_it() {
    let mut run = Run::new();
    run.take(&[], t0());
    run.ready(None, t0());
    run.commit(1, None, minutes(1));
    run.core
        .take_snapshot("ada@example.com", minutes(2))
        .expect("ordered");
    let reopened = crate::sandbox::core::tests::reopen(run.core);
    let mut run = Run {
        core: reopened,
        credential: run.credential,
        lease: run.lease,
        offered: Vec::new(),
    };
    assert_eq!(run.order(minutes(3)).map(|order| order.id), Some(1));
    run.commit(2, Some(1), minutes(4));
    let pointer = run.core.pointers().expect("pointers").r2.expect("one");
    assert_eq!(pointer.generation, Some(2));
}
