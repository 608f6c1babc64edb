use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};

use super::*;

fn entry(seq: u64, detail: &str) -> AuditEntry {
    AuditEntry {
        seq,
        at: "2026-11-22T10:00:00.123Z".parse().unwrap(),
        actor: "ada@example.com".to_owned(),
        action: "policy.saved".to_owned(),
        detail: detail.to_owned(),
        origin: None,
        before_hash: None,
        after_hash: None,
        previous: None,
        hash: None,
    }
}

fn chain(details: &[String]) -> (Vec<AuditEntry>, Option<Head>) {
    let mut head = None;
    let entries = details.iter().map(|detail| {
        let (sealed, next) = seal(entry(0, detail), head.as_ref());
        head = Some(next);
        sealed
    });
    (entries.collect(), head)
}

fn five() -> (Vec<AuditEntry>, Head) {
    let (entries, head) = chain(&["a", "b", "c", "d", "e"].map(str::to_owned));
    (entries, head.unwrap())
}

fn fault(entries: &[AuditEntry], head: &Head) -> (u64, FaultKind) {
    let fault = verify(entries, Some(head)).fault.unwrap();
    (fault.seq, fault.kind)
}

#[test]
fn audit_hash_unchanged() {
    let mut full = entry(7, "version 2: why");
    full.origin = Some(Origin {
        door: Door::Public,
        address: Some("203.0.113.9".to_owned()),
        agent: Some("browser".to_owned()),
    });
    full.before_hash = Some("aa".to_owned());
    full.after_hash = Some("bb".to_owned());
    full.previous = Some(NOTHING.to_owned());
    insta::assert_json_snapshot!(full, @r#"
    {
      "seq": 7,
      "at": "2026-11-22T10:00:00.123Z",
      "actor": "ada@example.com",
      "action": "policy.saved",
      "detail": "version 2: why",
      "origin": {
        "door": "public",
        "address": "203.0.113.9",
        "agent": "browser"
      },
      "before_hash": "aa",
      "after_hash": "bb",
      "previous": "0000000000000000000000000000000000000000000000000000000000000000"
    }
    "#);
    insta::assert_snapshot!(hash(&full), @"87e8146e49db60c83659bdfa805e7fda7a08fce330cd53c1a4f1f3f0cf0a741d");
    // Entries of the first release hash alike, whatever fields come later.
    insta::assert_snapshot!(hash(&entry(1, "x")), @"7bbc195263e4520742d420891afcc6d4a2276b8707fe4c5e972e5c7747c304ee");
}

#[test]
fn an_untouched_chain_is_intact() {
    let (entries, head) = five();
    let verdict = verify(&entries, Some(&head));
    assert!(verdict.intact, "{verdict:?}");
    assert_eq!((verdict.entries, verdict.head), (5, Some(head)));
    assert!(verify(&[], None).intact);
}

#[test]
fn whatever_is_done_to_a_chain_shows() {
    let (entries, head) = five();
    let mut altered = entries.clone();
    altered[2].detail = "z".to_owned();
    assert_eq!(fault(&altered, &head), (3, FaultKind::Altered));
    altered[2].hash = Some(hash(&altered[2]));
    assert_eq!(fault(&altered, &head), (4, FaultKind::Unlinked));

    let mut missing = entries.clone();
    missing.remove(1);
    assert_eq!(fault(&missing, &head), (3, FaultKind::Gap));
    let mut swapped = entries.clone();
    swapped.swap(1, 2);
    assert_eq!(fault(&swapped, &head), (3, FaultKind::Gap));
    assert_eq!(fault(&entries[..3], &head), (5, FaultKind::Truncated));
    assert_eq!(fault(&[], &head), (5, FaultKind::Truncated));

    let mut bare = entries;
    bare[3].hash = None;
    assert_eq!(fault(&bare, &head), (4, FaultKind::Unsealed));
    let (anew, _) = chain(&["a", "b", "c", "d", "f"].map(str::to_owned));
    assert_eq!(fault(&anew, &head), (5, FaultKind::Rewritten));
}

#[test]
fn a_head_from_elsewhere_finds_a_chain_that_was_written_anew() {
    let (_, head) = five();
    let known = Head {
        seq: 2,
        hash: "another".to_owned(),
    };
    let check = |details: &[&str], known: &Head| {
        let details: Vec<String> = details.iter().map(|text| (*text).to_owned()).collect();
        let (entries, head) = chain(&details);
        let mut verifier = Verifier::new(Some(known.clone()));
        entries.iter().for_each(|entry| verifier.push(entry));
        verifier
            .finish(head.as_ref())
            .fault
            .map(|fault| (fault.seq, fault.kind))
    };
    assert_eq!(check(&["a", "b", "c", "d", "e", "f"], &head), None);
    assert_eq!(
        check(&["a", "b", "c", "d", "x", "f"], &head),
        Some((5, FaultKind::Rewritten))
    );
    assert_eq!(
        check(&["a", "b", "c"], &head),
        Some((5, FaultKind::Truncated))
    );
    assert_eq!(
        check(&["a", "b", "c"], &known),
        Some((2, FaultKind::Rewritten))
    );
}

#[test]
fn a_chain_can_start_after_older_entries_and_holds_them_too() {
    let old = vec![entry(1, "a"), entry(2, "b")];
    let folded = old
        .iter()
        .fold(NOTHING.to_owned(), |so_far, entry| fold(&so_far, entry));
    let mut start = entry(3, "2 entries");
    start.action = CHAIN_STARTED.to_owned();
    start.before_hash = Some(folded);
    let (start, head) = start_at(start);
    let (next, head) = seal(entry(0, "c"), Some(&head));
    let mut entries = old;
    entries.extend([start, next]);
    let verdict = verify(&entries, Some(&head));
    assert!(verdict.intact, "{verdict:?}");
    assert_eq!(verdict.before_chain, 2);
    entries[0].detail = "x".to_owned();
    assert_eq!(fault(&entries, &head), (3, FaultKind::Altered));
}

#[test]
fn heads_only_move_on() {
    let head = |seq, hash: &str| Head {
        seq,
        hash: hash.to_owned(),
    };
    assert!(continues(&head(3, "a"), &head(3, "a")) && continues(&head(3, "a"), &head(4, "b")));
    assert!(!continues(&head(3, "a"), &head(3, "b")) && !continues(&head(3, "a"), &head(2, "b")));
}

#[test]
fn programs_are_named_by_their_class() {
    for (text, class) in [
        ("Mozilla/5.0 (X11; Linux x86_64)", Some("browser")),
        ("curl/8.5.0", Some("curl")),
        ("python-requests/2.32", Some("python-requests")),
        ("", None),
        ("<script>", None),
    ] {
        assert_eq!(agent_class(text).as_deref(), class, "{text}");
    }
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(any::<String>(), 2..12)
}

proptest! {
    #[test]
    fn any_single_change_of_any_entry_is_found(details in texts(), at in any::<usize>(), what in 0..6u8) {
        let (mut entries, head) = chain(&details);
        let head = head.unwrap();
        prop_assert!(verify(&entries, Some(&head)).intact);
        let at = at % entries.len();
        let changed = &mut entries[at];
        match what {
            0 => changed.detail.push('!'),
            1 => changed.actor.push('!'),
            2 => changed.action.push('!'),
            3 => changed.at += chrono::TimeDelta::milliseconds(1),
            4 => changed.after_hash = Some("x".to_owned()),
            _ => { entries.remove(at); }
        }
        let verdict = verify(&entries, Some(&head));
        prop_assert!(!verdict.intact);
        prop_assert_eq!(verdict.fault.is_some(), true);
    }
}
