use proptest::prelude::{prop_assert, proptest};

use super::*;
use crate::fleet::RESTART_GRACE;
use crate::fleet::samples::{at, heartbeat};
use crate::wire::gateway::ExitInfo;

const LONG_AGO: i64 = -100_000;

fn watch(since: i64) -> Watch {
    Watch {
        since: at(since),
        interval_seconds: 10,
    }
}

fn sighting(heartbeat: Heartbeat) -> Sighting {
    Sighting {
        heartbeat,
        seen_at: at(0),
        slack: TimeDelta::zero(),
        contested: false,
        audit_alarm: None,
    }
}

fn now(sighting: &Sighting, since: i64, seconds: i64) -> FleetStatus {
    status(Some(sighting), &watch(since), at(seconds)).0
}

#[test]
fn a_gateway_is_online_while_it_is_heard_and_offline_after_the_grace() {
    let healthy = sighting(heartbeat("a", 1));
    assert_eq!(now(&healthy, LONG_AGO, 0), FleetStatus::Online);
    assert_eq!(now(&healthy, LONG_AGO, 40), FleetStatus::Online);
    assert_eq!(now(&healthy, LONG_AGO, 41), FleetStatus::Offline);
}

#[test]
fn one_that_never_spoke_says_so() {
    assert_eq!(status(None, &watch(LONG_AGO), at(0)).0, FleetStatus::Never);
}

#[test]
fn the_registry_s_own_restart_marks_nobody_offline() {
    let healthy = sighting(heartbeat("a", 1));
    let restart = 3_600;
    assert_eq!(now(&healthy, restart, restart + 1), FleetStatus::Unknown);
    let grace = restart + RESTART_GRACE.num_seconds();
    assert_eq!(now(&healthy, restart, grace), FleetStatus::Unknown);
    assert_eq!(now(&healthy, restart, grace + 1), FleetStatus::Offline);
}

#[test]
fn an_older_record_is_given_its_slack() {
    let record = Sighting {
        slack: TimeDelta::seconds(60),
        ..sighting(heartbeat("a", 1))
    };
    assert_eq!(now(&record, LONG_AGO, 100), FleetStatus::Online);
    assert_eq!(now(&record, LONG_AGO, 101), FleetStatus::Offline);
}

#[test]
fn each_phase_has_its_status() {
    for (phase, expected) in [
        (SandboxPhase::Ready, FleetStatus::Online),
        (SandboxPhase::Starting, FleetStatus::Starting),
        (SandboxPhase::Stopped, FleetStatus::Stopped),
        (SandboxPhase::Stopping, FleetStatus::Stopped),
        (SandboxPhase::Asleep, FleetStatus::Asleep),
        (SandboxPhase::BackingOff, FleetStatus::Degraded),
        (SandboxPhase::Failed, FleetStatus::Degraded),
    ] {
        let mut said = heartbeat("a", 1);
        said.sandbox.phase = phase;
        let (status, reason) = status(Some(&sighting(said)), &watch(LONG_AGO), at(1));
        assert_eq!(status, expected, "{phase:?}");
        assert_eq!(
            reason.is_none(),
            expected == FleetStatus::Online,
            "{phase:?}"
        );
    }
}

#[test]
fn what_went_wrong_is_said() {
    let mut failed = heartbeat("a", 1);
    failed.sandbox.phase = SandboxPhase::Failed;
    failed.sandbox.last_exit = Some(ExitInfo {
        at: at(0),
        code: Some(137),
        reason: "killed by signal 9".to_owned(),
    });
    let reason = status(Some(&sighting(failed)), &watch(LONG_AGO), at(1)).1;
    assert_eq!(
        reason.as_deref(),
        Some("the container failed: killed by signal 9")
    );

    let mut refused = heartbeat("a", 1);
    refused.policy.state = ApplyState::Failed;
    refused.policy.detail = Some("tools.deny: unknown tool".to_owned());
    let (state, reason) = status(Some(&sighting(refused)), &watch(LONG_AGO), at(1));
    assert_eq!(state, FleetStatus::Degraded);
    assert_eq!(
        reason.as_deref(),
        Some("policy version 1 was refused: tools.deny: unknown tool")
    );
}

#[test]
fn two_instances_and_drift_degrade() {
    let two = Sighting {
        contested: true,
        ..sighting(heartbeat("a", 1))
    };
    assert_eq!(now(&two, LONG_AGO, 1), FleetStatus::Degraded);
    let mut drifted = heartbeat("a", 1);
    drifted.policy.effective_hash = Some("bb".to_owned());
    assert_eq!(now(&sighting(drifted), LONG_AGO, 1), FleetStatus::Degraded);
}

#[test]
fn silence_is_told_in_words() {
    for (seconds, text) in [
        (41, "41 s"),
        (61, "1 min"),
        (3_700, "1 h 1 min"),
        (90_000, "1 d 1 h"),
    ] {
        assert_eq!(words(TimeDelta::seconds(seconds)), text);
    }
}

proptest! {
    /// Silence alone never makes a gateway look better, and none is offline inside a grace.
    #[test]
    fn silence_only_goes_one_way(since in -10_000_i64..10_000, seen in -10_000_i64..0, later in 0_i64..20_000) {
        let record = Sighting { seen_at: at(seen), ..sighting(heartbeat("a", 1)) };
        let offline = |seconds| now(&record, since, seconds) == FleetStatus::Offline;
        prop_assert!(!offline(0) || offline(later));
        prop_assert!(!offline(later) || later - since > RESTART_GRACE.num_seconds());
        prop_assert!(!offline(later) || later - seen > 40);
    }
}
