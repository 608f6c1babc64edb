use chrono::{DateTime, TimeDelta, Utc};
use domain::wire::gateway::{SandboxPhase, StartStep};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

use super::*;

fn t0() -> DateTime<Utc> {
    "2026-11-22T10:00:00Z".parse().expect("a time")
}

/// A container driven by inputs; fails the test when something is denied.
struct Driver {
    state: State,
    now: DateTime<Utc>,
    effects: Vec<Effect>,
}

impl Driver {
    fn new() -> Self {
        Self {
            state: State::new(t0()),
            now: t0(),
            effects: Vec::new(),
        }
    }
    fn take(&mut self, input: Input) -> &mut Self {
        let decision = decide(&self.state, input, self.now).expect("allowed");
        self.state = decision.state;
        self.effects = decision.effects;
        self
    }
    fn pass(&mut self, ms: i64) -> &mut Self {
        self.now += TimeDelta::milliseconds(ms);
        self
    }
    fn exit(&mut self) -> &mut Self {
        let run = self.state.run;
        self.take(Input::Exited {
            run,
            code: Some(1),
            reason: "it ended".to_owned(),
        })
    }
    fn ready(&mut self) -> &mut Self {
        self.take(Input::Start).take(Input::Observed)
    }
    fn phase(&self) -> SandboxPhase {
        self.state.phase.name()
    }
}

#[test]
fn however_many_requests_arrive_one_container_starts() {
    let mut sandbox = Driver::new();
    sandbox.take(Input::Wake);
    assert!(sandbox.effects.contains(&Effect::Launch { run: 1 }));
    for _ in 0..50 {
        sandbox.take(Input::Wake).take(Input::Start);
        assert_eq!(sandbox.effects, []);
    }
    assert_eq!(sandbox.state.run, 1);
}

#[test]
fn a_start_goes_through_its_steps_and_is_ready_when_openclaw_answers() {
    let mut sandbox = Driver::new();
    sandbox.take(Input::Start);
    assert_eq!(sandbox.state.status().step, Some(StartStep::Container));
    for step in [
        StartStep::Configuring,
        StartStep::Openclaw,
        StartStep::Confirming,
    ] {
        sandbox.take(Input::Step(step));
        assert_eq!(sandbox.state.status().step, Some(step));
        assert!(!sandbox.state.is_ready());
    }
    sandbox.take(Input::Observed);
    assert!(sandbox.state.is_ready());
    assert_eq!(sandbox.effects, [Effect::Announce]);
    sandbox.take(Input::Step(StartStep::Configuring));
    assert!(
        sandbox.state.is_ready(),
        "a later apply does not take readiness away"
    );
}

#[test]
fn readiness_is_lost_with_openclaw_and_comes_back() {
    let mut sandbox = Driver::new();
    sandbox.ready().take(Input::OpenclawExited { code: 137 });
    assert_eq!(sandbox.phase(), SandboxPhase::Starting);
    assert_eq!(sandbox.state.restarts, 1);
    assert_eq!(
        sandbox.state.last_exit.as_ref().and_then(|exit| exit.code),
        Some(137)
    );
    sandbox.take(Input::Observed);
    assert!(sandbox.state.is_ready());
    assert_eq!(sandbox.state.run, 1, "it is the same container");
}

#[test]
fn delays_double_up_to_five_minutes_and_the_tenth_failure_is_the_last() {
    let mut sandbox = Driver::new();
    sandbox.take(Input::Start);
    let mut delays = Vec::new();
    while sandbox.exit().phase() == SandboxPhase::BackingOff {
        let due = sandbox.state.due_at().expect("due");
        delays.push((due - sandbox.now).num_milliseconds());
        sandbox.now = due - TimeDelta::milliseconds(1);
        assert_eq!(sandbox.take(Input::Tick).phase(), SandboxPhase::BackingOff);
        sandbox.now = due;
        assert_eq!(sandbox.take(Input::Tick).phase(), SandboxPhase::Starting);
    }
    assert_eq!(
        delays,
        [
            1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000
        ]
    );
    assert_eq!(sandbox.phase(), SandboxPhase::Failed);
    let denied = decide(&sandbox.state, Input::Wake, sandbox.now);
    assert_eq!(denied, Err(Denied::Failed(10)));
    sandbox.take(Input::Start);
    assert_eq!(
        (sandbox.phase(), sandbox.state.failures),
        (SandboxPhase::Starting, 0)
    );
}

#[test]
fn five_healthy_minutes_forgive_earlier_failures() {
    let mut sandbox = Driver::new();
    sandbox
        .take(Input::Start)
        .exit()
        .pass(1_000)
        .take(Input::Tick)
        .exit();
    assert_eq!(sandbox.state.failures, 2);
    sandbox
        .pass(2_000)
        .take(Input::Tick)
        .take(Input::Observed)
        .pass(HEALTHY_MS - 1)
        .exit();
    assert_eq!(sandbox.state.failures, 3);
    sandbox
        .pass(4_000)
        .take(Input::Tick)
        .take(Input::Observed)
        .pass(HEALTHY_MS)
        .exit();
    assert_eq!(sandbox.state.failures, 1);
}

#[test]
fn a_stop_waits_then_kills() {
    let mut sandbox = Driver::new();
    sandbox.ready().take(Input::Stop);
    assert!(sandbox.effects.contains(&Effect::Terminate));
    assert_eq!(
        sandbox.take(Input::Wake).effects,
        [],
        "a request does not undo a stop"
    );
    sandbox.pass(STOP_GRACE_MS).take(Input::Tick);
    assert!(sandbox.effects.contains(&Effect::Kill));
    sandbox.exit();
    assert_eq!(sandbox.phase(), SandboxPhase::Stopped);
    assert_eq!(sandbox.state.due_at(), None);
}

#[test]
fn a_restart_starts_only_after_the_exit() {
    let mut sandbox = Driver::new();
    sandbox.ready().take(Input::Restart);
    assert_eq!(sandbox.effects, [Effect::Terminate, Effect::Announce]);
    sandbox.exit();
    assert!(sandbox.effects.contains(&Effect::Launch { run: 2 }));
    assert_eq!(sandbox.state.failures, 0);
}

#[test]
fn a_destroy_ends_it_at_once() {
    let mut sandbox = Driver::new();
    sandbox.ready().take(Input::Destroy);
    assert!(sandbox.effects.contains(&Effect::Kill));
    assert_eq!(sandbox.exit().phase(), SandboxPhase::Stopped);
    assert_eq!(sandbox.take(Input::Destroy).effects, []);
}

#[test]
fn a_start_that_takes_too_long_counts_as_failed() {
    let mut sandbox = Driver::new();
    sandbox
        .take(Input::Start)
        .pass(START_LIMIT_MS)
        .take(Input::Tick);
    assert!(sandbox.effects.contains(&Effect::Kill));
    sandbox.exit();
    assert_eq!(
        (sandbox.phase(), sandbox.state.failures),
        (SandboxPhase::BackingOff, 1)
    );
}

#[test]
fn an_exit_of_an_earlier_run_changes_nothing() {
    let mut sandbox = Driver::new();
    sandbox
        .ready()
        .take(Input::Restart)
        .exit()
        .take(Input::Observed);
    let old = Input::Exited {
        run: 1,
        code: None,
        reason: "late".to_owned(),
    };
    assert_eq!(sandbox.take(old).effects, []);
    assert!(sandbox.state.is_ready());
}

#[test]
fn after_a_restart_of_the_durable_object_a_running_container_is_kept() {
    let mut sandbox = Driver::new();
    sandbox.ready().take(Input::Awake { running: true });
    assert_eq!(sandbox.effects, [Effect::Adopt { run: 1 }]);
    assert!(sandbox.state.is_ready());
    sandbox.take(Input::Awake { running: false });
    assert_eq!(sandbox.phase(), SandboxPhase::BackingOff);
}

#[test]
fn a_container_that_nobody_expects_is_ended() {
    let mut sandbox = Driver::new();
    sandbox.take(Input::Awake { running: true });
    assert!(sandbox.effects.contains(&Effect::Kill));
    assert_eq!(sandbox.exit().phase(), SandboxPhase::Stopped);
}

#[test]
fn state_json_format_unchanged() {
    let mut sandbox = Driver::new();
    sandbox.take(Input::Start).exit();
    insta::assert_json_snapshot!(sandbox.state, @r#"
    {
      "phase": {
        "phase": "backing_off",
        "retry_at": "2026-11-22T10:00:01Z"
      },
      "since": "2026-11-22T10:00:00Z",
      "run": 1,
      "restarts": 0,
      "failures": 1,
      "ready_since": null,
      "last_exit": {
        "at": "2026-11-22T10:00:00Z",
        "code": 1,
        "reason": "it ended"
      }
    }
    "#);
}

fn inputs() -> impl Strategy<Value = Input> {
    let step = prop_oneof![Just(StartStep::Configuring), Just(StartStep::Openclaw)];
    prop_oneof![
        Just(Input::Start),
        Just(Input::Wake),
        Just(Input::Stop),
        Just(Input::Restart),
        Just(Input::Destroy),
        step.prop_map(Input::Step),
        Just(Input::Observed),
        any::<i32>().prop_map(|code| Input::OpenclawExited { code }),
        Just(Input::Tick),
    ]
}

proptest! {
    /// Whatever happens in whatever order: never two containers at a time, none
    /// is forgotten, and readiness is never claimed without one.
    #[test]
    fn there_is_never_more_than_one_container(
        script in prop::collection::vec((inputs(), 0i64..400_000, any::<bool>(), any::<bool>()), 1..200),
    ) {
        let mut state = State::new(t0());
        let mut now = t0();
        let mut running: Option<u64> = None;
        for (input, ms, ends, reborn) in script {
            now += TimeDelta::milliseconds(ms);
            for turn in 0..3 {
                let input = match turn {
                    0 => input.clone(),
                    1 if ends => match running.take() {
                        Some(run) => Input::Exited { run, code: None, reason: "ended".to_owned() },
                        None => continue,
                    },
                    2 if reborn => Input::Awake { running: running.is_some() },
                    _ => continue,
                };
                let Ok(decision) = decide(&state, input, now) else { continue };
                state = decision.state;
                for effect in decision.effects {
                    match effect {
                        Effect::Launch { run } => {
                            assert_eq!(running, None, "a second container was started");
                            assert_eq!(run, state.run);
                            running = Some(run);
                        }
                        Effect::Adopt { run } => assert_eq!(running, Some(run)),
                        Effect::Terminate | Effect::Kill => assert!(running.is_some()),
                        Effect::Announce => {}
                    }
                }
            }
            assert_eq!(state.expects_container(), running.is_some());
            assert!(!state.is_ready() || running.is_some());
            assert!(state.failures <= MAX_FAILURES);
            let waiting = matches!(state.phase, Phase::Stopped | Phase::Ready | Phase::Failed);
            assert_eq!(state.due_at().is_none(), waiting);
        }
    }
}
