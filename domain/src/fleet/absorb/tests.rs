use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::fleet::samples::{at, heartbeat};
use crate::wire::gateway::{ApplyState, R2Pointer, SandboxPhase};

fn taken(absorbed: Absorbed) -> Vital {
    match absorbed {
        Absorbed::Write(vital) => vital.clone().into_written(vital.seen_at),
        Absorbed::Hold(vital) => vital,
        Absorbed::Stale => panic!("stale"),
    }
}

fn first() -> Vital {
    taken(absorb(None, heartbeat("a", 1), at(0)))
}

#[test]
fn the_first_heartbeat_is_written() {
    assert!(matches!(
        absorb(None, heartbeat("a", 7), at(0)),
        Absorbed::Write(_)
    ));
}

#[test]
fn a_heartbeat_without_news_stays_in_memory() {
    let mut next = heartbeat("a", 2);
    next.budget.tokens_used = 999;
    next.sandbox.restarts = 4;
    let Absorbed::Hold(vital) = absorb(Some(&first()), next, at(10)) else {
        panic!("not held")
    };
    assert_eq!((vital.seen_at, vital.transition_at), (at(10), at(0)));
}

#[test]
fn every_transition_is_written() {
    type Change = fn(&mut Heartbeat);
    let changes: [(&str, Change); 7] = [
        ("phase", |h| h.sandbox.phase = SandboxPhase::Stopped),
        ("policy version", |h| h.policy.version = 2),
        ("policy state", |h| h.policy.state = ApplyState::Applying),
        ("effective hash", |h| h.policy.effective_hash = None),
        ("openclaw", |h| {
            h.openclaw_version = Some("2026.9.7".to_owned())
        }),
        ("worker", |h| h.tedix_version = "0.2.0".to_owned()),
        ("pointers", |h| {
            let sha256 = "0".repeat(64);
            h.pointers.r2 = Some(R2Pointer {
                key: "k".to_owned(),
                bytes: 1,
                sha256,
                at: at(0),
                generation: None,
                state_bytes: None,
                verified_at: None,
            });
        }),
    ];
    for (name, change) in changes {
        let mut next = heartbeat("a", 2);
        change(&mut next);
        let Absorbed::Write(vital) = absorb(Some(&first()), next, at(10)) else {
            panic!("{name}")
        };
        assert_eq!(vital.transition_at, at(10), "{name}");
    }
}

#[test]
fn an_unchanged_gateway_is_written_every_quarter_of_an_hour() {
    let mut vital = first();
    let mut writes = 0;
    for n in 1..=360 {
        let absorbed = absorb(Some(&vital), heartbeat("a", n + 1), at(n as i64 * 10));
        writes += u32::from(matches!(absorbed, Absorbed::Write(_)));
        vital = taken(absorbed);
    }
    assert_eq!(writes, 4, "in an hour of heartbeats");
}

#[test]
fn a_flapping_gateway_is_written_once_per_gap_and_its_last_word_is_not_lost() {
    let mut down = heartbeat("a", 2);
    down.sandbox.phase = SandboxPhase::Stopped;
    let Absorbed::Hold(held) = absorb(Some(&first()), down.clone(), at(1)) else {
        panic!("written within the gap")
    };
    down.sequence = 3;
    assert!(matches!(
        absorb(Some(&held), down, at(3)),
        Absorbed::Write(_)
    ));
}

#[test]
fn a_write_that_failed_is_tried_again() {
    let Absorbed::Write(unwritten) = absorb(None, heartbeat("a", 1), at(0)) else {
        panic!()
    };
    assert!(matches!(
        absorb(Some(&unwritten), heartbeat("a", 2), at(10)),
        Absorbed::Write(_)
    ));
}

#[test]
fn replayed_and_reordered_heartbeats_change_nothing() {
    let vital = taken(absorb(Some(&first()), heartbeat("a", 5), at(10)));
    for sequence in [0, 1, 4, 5] {
        assert_eq!(
            absorb(Some(&vital), heartbeat("a", sequence), at(20)),
            Absorbed::Stale
        );
    }
}

#[test]
fn a_replay_of_the_run_before_changes_nothing() {
    let vital = taken(absorb(Some(&first()), heartbeat("b", 1), at(10)));
    assert_eq!(
        absorb(Some(&vital), heartbeat("a", 1), at(20)),
        Absorbed::Stale
    );
}

#[test]
fn a_restart_is_no_second_instance() {
    let mut vital = first();
    for (n, boot) in ["b", "c", "d", "e"].into_iter().enumerate() {
        vital = taken(absorb(Some(&vital), heartbeat(boot, 1), at(n as i64 * 10)));
        assert!(!vital.is_contested(vital.seen_at));
    }
}

#[test]
fn one_late_heartbeat_of_the_run_before_is_no_second_instance() {
    let mut vital = taken(absorb(Some(&first()), heartbeat("b", 1), at(10)));
    vital = taken(absorb(Some(&vital), heartbeat("a", 2), at(11)));
    assert!(!vital.is_contested(at(11)));
}

#[test]
fn two_instances_that_take_turns_are_noticed_and_later_forgotten() {
    let mut vital = first();
    for n in 1..=2 {
        vital = taken(absorb(Some(&vital), heartbeat("b", n), at(n as i64 * 10)));
        vital = taken(absorb(
            Some(&vital),
            heartbeat("a", n + 1),
            at(n as i64 * 10 + 5),
        ));
    }
    assert!(vital.is_contested(at(25)));
    for n in 4..=40 {
        vital = taken(absorb(Some(&vital), heartbeat("a", n), at(n as i64 * 10)));
    }
    assert!(!vital.is_contested(at(400)));
}

#[test]
fn the_gateway_s_clock_does_not_matter() {
    let mut next = heartbeat("a", 2);
    next.sent_at = at(400 * 86_400);
    let vital = taken(absorb(Some(&first()), next, at(10)));
    assert_eq!(vital.seen_at, at(10));
    let Absorbed::Hold(vital) = absorb(Some(&vital), heartbeat("a", 3), at(20)) else {
        panic!()
    };
    assert_eq!(vital.seen_at, at(20));
}

#[test]
fn vital_json_format_unchanged() {
    insta::assert_json_snapshot!(first(), @r#"
    {
      "heartbeat": {
        "boot_id": "a",
        "sequence": 1,
        "sent_at": "2026-11-22T12:00:00Z",
        "tedix_version": "0.1.0",
        "openclaw_version": "2026.9.6",
        "sandbox": {
          "phase": "ready",
          "since": "2026-11-22T12:00:00Z",
          "restarts": 0
        },
        "policy": {
          "version": 1,
          "desired_hash": "aa",
          "acknowledged_hash": "aa",
          "effective_hash": "aa",
          "effective_version": 1,
          "state": "applied"
        },
        "budget": {
          "tokens_per_day": 1000,
          "tokens_used": 10,
          "resets_at": "2026-11-22T13:00:00Z"
        },
        "models": [
          {
            "provider": "openai",
            "id": "stand-in",
            "stand_in": true
          }
        ],
        "pointers": {}
      },
      "seen_at": "2026-11-22T12:00:00Z",
      "transition_at": "2026-11-22T12:00:00Z",
      "boots": [
        {
          "id": "a",
          "sequence": 1
        }
      ],
      "returns": 0,
      "returned_at": null,
      "written": {
        "at": "2026-11-22T12:00:00Z",
        "milestone": "d786297f964978a469cc73cfd710b3fefe6f02d1366897412380b1702a932895"
      }
    }
    "#);
}

fn stream() -> impl Strategy<Value = Vec<(u8, u64, u16, bool)>> {
    prop::collection::vec((0_u8..3, 0_u64..40, any::<u16>(), any::<bool>()), 1..60)
}

proptest! {
    /// Whatever arrives in whatever order: time and sequences never go back, memory stays
    /// bounded, and no two writes are closer than the gap.
    #[test]
    fn any_stream_keeps_the_invariants(stream in stream()) {
        let mut vital: Option<Vital> = None;
        let mut last_write = None;
        for (boot, sequence, wait, stopped) in stream {
            let now = vital.as_ref().map_or(at(0), |v| v.seen_at) + TimeDelta::milliseconds(i64::from(wait));
            let mut next = heartbeat(&format!("b{boot}"), sequence);
            if stopped {
                next.sandbox.phase = SandboxPhase::Stopped;
            }
            let highest = |v: &Vital| v.boots.iter().find(|b| b.id == next.boot_id).map(|b| b.sequence);
            let before = vital.as_ref().and_then(highest);
            let absorbed = absorb(vital.as_ref(), next.clone(), now);
            prop_assert_eq!(absorbed == Absorbed::Stale, before.is_some_and(|b| sequence <= b));
            if let Absorbed::Write(_) = absorbed {
                prop_assert!(last_write.is_none_or(|at| now - at >= WRITE_GAP));
                last_write = Some(now);
            }
            if absorbed != Absorbed::Stale {
                let new = taken(absorbed);
                prop_assert!(new.boots.len() <= MAX_BOOTS);
                prop_assert_eq!(new.seen_at, now);
                prop_assert_eq!(&new.heartbeat, &next);
                vital = Some(new);
            }
        }
    }
}

#[test]
fn an_audit_that_moves_back_raises_an_alarm_that_stays() {
    let beat = |boot: &str, sequence, seq, hash: &str| {
        let mut beat = heartbeat(boot, sequence);
        beat.audit_head = Some(Head {
            seq,
            hash: hash.to_owned(),
        });
        beat
    };
    let next =
        |vital: &Vital, beat: Heartbeat, seconds| taken(absorb(Some(vital), beat, at(seconds)));
    let one = next(&first(), beat("a", 2, 7, "x"), 10);
    assert_eq!(one.audit_alarm, None, "the first head");
    let same = next(&one, beat("a", 3, 7, "x"), 20);
    let on = next(&same, beat("a", 4, 9, "y"), 30);
    let without = next(&on, heartbeat("a", 5), 40);
    assert_eq!(without.audit_alarm, None);

    for (seq, hash) in [(8, "y"), (9, "z"), (1, "x")] {
        // After a restart of the gateway too.
        let vital = taken(absorb(Some(&without), beat("b", 1, seq, hash), at(50)));
        let alarm = vital.audit_alarm.clone().expect("an alarm");
        assert_eq!(
            (alarm.at, alarm.known.seq, alarm.said.seq),
            (at(50), 9, seq)
        );
        assert!(
            vital.has_news(at(50)) || vital.written != without.written,
            "it is written down"
        );
        let later = next(&vital, beat("b", 2, 20, "q"), 60);
        assert_eq!(later.audit_alarm, Some(alarm), "it stays");
    }
    // A late heartbeat of the run before says nothing.
    let restarted = next(&on, beat("b", 1, 12, "z"), 40);
    let late = next(&restarted, beat("a", 9, 10, "w"), 45);
    assert_eq!(late.audit_alarm, None);
    assert_eq!(late.audit_head.map(|head| head.seq), Some(12));
    let json = serde_json::to_value(&restarted).expect("json");
    assert_eq!(
        serde_json::from_value::<Vital>(json).expect("vital"),
        restarted
    );
}
