use domain::fleet::status;
use domain::wire::registry::FleetStatus;

use super::*;
use crate::testing::heartbeat;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_348_800 + seconds, 0).expect("time")
}

fn id(n: u8) -> GatewayId {
    GatewayId::from_parts(1, [n; 10])
}

fn said(sequence: u64) -> Heartbeat {
    serde_json::from_value(heartbeat("a", sequence)).expect("heartbeat")
}

fn fresh(now: i64) -> Fleet {
    Fleet::restore(None, Vec::new(), at(now))
}

/// Takes a heartbeat and writes it if need be; what was written.
fn beat(fleet: &mut Fleet, sequence: u64, seconds: i64) -> Option<Vital> {
    match fleet.absorb(&id(1), said(sequence), at(seconds)) {
        Next::Write(vital) => fleet.note_written(&id(1), *vital, at(seconds)).cloned(),
        Next::Hold | Next::Stale => None,
    }
}

fn state(fleet: &Fleet, seconds: i64) -> FleetStatus {
    let sighting = fleet.sighting(&id(1), at(seconds));
    status(sighting.as_ref(), &fleet.watch(), at(seconds)).0
}

#[test]
fn a_new_instance_goes_on_where_the_one_before_was() {
    let mut before = fresh(0);
    let kept = beat(&mut before, 1, 300).expect("written");
    beat(&mut before, 2, 590);
    let tick = before.tick(at(600));
    let after = Fleet::restore(Some(&tick), vec![(id(1), kept)], at(610));
    assert_eq!(
        state(&after, 610),
        FleetStatus::Online,
        "seen in the note, not in the record"
    );
    assert_eq!(
        state(&after, 590 + 40 + 10),
        FleetStatus::Online,
        "perhaps heard after the note"
    );
    assert_eq!(state(&after, 590 + 40 + 11), FleetStatus::Offline);
}

#[test]
fn however_often_it_starts_anew_a_silent_gateway_ends_offline() {
    let mut fleet = fresh(0);
    let kept = beat(&mut fleet, 1, 300).expect("written");
    for n in 6..20 {
        let tick = fleet.tick(at(n * 60));
        fleet = Fleet::restore(Some(&tick), vec![(id(1), kept.clone())], at(n * 60 + 60));
    }
    assert_eq!(state(&fleet, 1_200), FleetStatus::Offline);
}

#[test]
fn after_an_absence_it_first_listens() {
    let mut before = fresh(0);
    let kept = beat(&mut before, 1, 300).expect("written");
    let tick = before.tick(at(300));
    let mut after = Fleet::restore(Some(&tick), vec![(id(1), kept)], at(10_000));
    assert_eq!(state(&after, 10_001), FleetStatus::Unknown);
    beat(&mut after, 2, 10_005);
    assert_eq!(state(&after, 10_006), FleetStatus::Online);
}

#[test]
fn a_heartbeat_that_came_during_the_write_is_kept() {
    let mut fleet = fresh(0);
    let Next::Write(first) = fleet.absorb(&id(1), said(1), at(0)) else {
        panic!("not written")
    };
    fleet.absorb(&id(1), said(2), at(1));
    let kept = fleet.note_written(&id(1), *first, at(2)).expect("entry");
    assert_eq!(kept.heartbeat.sequence, 2);
    assert_eq!(fleet.overdue(at(3)), []);
}

#[test]
fn what_could_not_be_written_is_overdue() {
    let mut fleet = fresh(0);
    fleet.absorb(&id(1), said(1), at(0));
    assert_eq!(fleet.overdue(at(60)).len(), 1);
    assert!(matches!(
        fleet.absorb(&id(1), said(2), at(61)),
        Next::Write(_)
    ));
}

#[test]
fn the_interval_follows_the_fleet() {
    let mut fleet = fresh(0);
    for n in 0..=255 {
        for m in 0..4 {
            let id = GatewayId::from_parts(m, [n; 10]);
            fleet.absorb(&id, said(1), at(0));
        }
    }
    assert_eq!(fleet.watch().interval_seconds, 21);
    fleet.forget(&GatewayId::from_parts(0, [0; 10]));
    assert_eq!(fleet.tick(at(0)).seen.len(), 1_023);
}
