use proptest::prelude::{
    Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use super::*;

fn t0() -> DateTime<Utc> {
    "2026-11-23T00:00:00Z".parse().expect("a time")
}

fn at(seconds: i64) -> DateTime<Utc> {
    t0() + TimeDelta::seconds(seconds)
}

const WINDOW: TimeDelta = TimeDelta::seconds(60);

fn names(offered: &[&str]) -> Vec<String> {
    offered.iter().map(|name| (*name).to_owned()).collect()
}

/// A container asks, which will begin with `generation` as `written_by` wrote it.
fn start(
    versions: &mut Versions,
    run: u64,
    offered: &[&str],
    state: Option<(u64, &str)>,
) -> Started {
    let started = versions.start(
        Start {
            offered: &names(offered),
            run,
            generation: state.map(|(generation, _)| generation),
            written_by: state.map(|(_, version)| version),
        },
        t0(),
    );
    let generation = state.map(|(generation, _)| generation);
    versions.restored(run, generation, t0());
    started
}

#[test]
fn a_gateway_with_nothing_to_lose_runs_what_the_image_brings() {
    let mut versions = Versions::default();
    assert!(!start(&mut versions, 1, &["6", "5"], None).begins);
    assert_eq!(versions.version(), Some("6"));
    assert!(!versions.healthy("6", WINDOW, t0()));
    assert_eq!(versions.kept.as_deref(), Some("6"));
    // From before there was any of this.
    let mut versions = Versions::default();
    assert!(!start(&mut versions, 7, &["6"], Some((3, "6"))).begins);
    assert_eq!((versions.version(), &versions.trial), (Some("6"), &None));
}

#[test]
fn a_new_image_is_a_trial_and_is_kept_after_the_window() {
    let mut versions = Versions::default();
    assert!(start(&mut versions, 2, &["6", "5"], Some((3, "5"))).begins);
    let trial = versions.trial.clone().expect("a trial");
    assert_eq!((trial.from.as_str(), trial.generation), ("5", Some(3)));
    assert!(trial.way_back);
    assert!(!versions.healthy("6", WINDOW, at(10)));
    assert!(!versions.healthy("6", WINDOW, at(69)));
    // Another version than was tried proves nothing.
    assert!(!versions.healthy("5", WINDOW, at(80)));
    assert!(versions.healthy("6", WINDOW, at(70)));
    assert_eq!(
        versions.last.as_ref().map(|last| last.result),
        Some(Verdict::Kept)
    );
    assert_eq!((&versions.trial, versions.due_at()), (&None, None));
    assert!(!start(&mut versions, 3, &["6", "5"], Some((4, "6"))).begins);
}

#[test]
fn what_does_not_work_goes_back_with_its_generation_and_is_not_tried_again() {
    let mut versions = Versions::default();
    start(&mut versions, 1, &["6", "7"], Some((3, "6")));
    versions
        .choose(Some("7"), ("ada", None), t0())
        .expect("chosen");
    assert!(versions.is_behind());
    assert!(start(&mut versions, 2, &["6", "7"], Some((4, "6"))).begins);
    assert_eq!(versions.ended("code 1", at(1)), Setback::Borne);
    assert_eq!(versions.ended("code 1", at(2)), Setback::Borne);
    let back = WayBack {
        version: "6".into(),
        generation: Some(4),
    };
    assert_eq!(versions.ended("code 1", at(3)), Setback::Back(back));
    assert_eq!(versions.choice, None);
    assert!(versions.problem().expect("said").contains("code 1"));
    versions.left_behind(5);
    assert!(!start(&mut versions, 3, &["6", "7"], Some((4, "6"))).begins);
    assert_eq!(versions.version(), Some("6"));
    assert_eq!(versions.last.as_ref().and_then(|last| last.left), Some(5));
    // Somebody asks.
    versions
        .choose(Some("7"), ("ada", None), t0())
        .expect("chosen");
    assert_eq!(versions.problem(), None);
    assert!(start(&mut versions, 4, &["6", "7"], Some((6, "6"))).begins);
}

#[test]
fn an_image_whose_own_version_fails_runs_the_one_before_until_there_is_another() {
    let mut versions = Versions::default();
    start(&mut versions, 1, &["7", "6"], Some((4, "6")));
    let refused = versions.refused("unknown key", at(1));
    assert!(matches!(refused, Setback::Back(_)), "{refused:?}");
    for run in 2..4 {
        assert!(!start(&mut versions, run, &["7", "6"], Some((4, "6"))).begins);
        assert_eq!(versions.version(), Some("6"));
    }
    assert!(start(&mut versions, 5, &["8", "6"], Some((4, "6"))).begins);
    assert_eq!(versions.version(), Some("8"));
}

#[test]
fn a_trial_that_never_gets_ready_is_over_in_time_and_one_that_did_is_not() {
    let mut versions = Versions::default();
    start(&mut versions, 1, &["7", "6"], Some((4, "6")));
    assert_eq!(versions.tick(at(READY_SECONDS - 1)), Setback::Borne);
    let mut ready = versions.clone();
    ready.healthy("7", WINDOW, at(READY_SECONDS - 1));
    assert_eq!(ready.tick(at(READY_SECONDS)), Setback::Borne);
    assert!(matches!(versions.tick(at(READY_SECONDS)), Setback::Back(_)));
    // What it runs with then may change, and be refused, without being its fault.
    assert_eq!(
        ready.refused("unknown key", at(READY_SECONDS)),
        Setback::Borne
    );
    assert_eq!(ready.ended("code 1", at(READY_SECONDS)), Setback::Borne);
    assert_eq!(ready.trial.as_ref().and_then(|trial| trial.until), None);
}

#[test]
fn without_a_way_back_it_is_said_and_the_image_that_brings_one_goes_back() {
    let mut versions = Versions::default();
    start(&mut versions, 1, &["7"], Some((4, "6")));
    assert!(!versions.trial.as_ref().expect("a trial").way_back);
    assert_eq!(versions.refused("unknown key", at(1)), Setback::Stuck);
    assert!(versions.problem().expect("said").contains("offer 6"));
    assert_eq!(versions.go_back("ada", at(1)), Err(Denied::NoWayBack));
    assert_eq!(
        (versions.ended("code 1", at(2)), versions.due_at()),
        (Setback::Borne, None)
    );
    // The next start is no second trial.
    start(&mut versions, 2, &["7"], Some((5, "7")));
    assert_eq!(versions.version(), Some("7"));
    let mut healed = versions.clone();
    healed.healthy("7", WINDOW, at(10));
    assert!(healed.healthy("7", WINDOW, at(70)));
    assert_eq!(healed.problem(), None);
    for image in [&["6"][..], &["7", "6"]] {
        let mut versions = versions.clone();
        let started = start(&mut versions, 3, image, Some((5, "7")));
        let back = WayBack {
            version: "6".into(),
            generation: Some(4),
        };
        assert_eq!((started.back, started.begins), (Some(back), false));
        assert_eq!(versions.version(), Some("6"));
    }
}

#[test]
fn an_image_without_the_version_on_trial_ends_it() {
    let mut versions = Versions::default();
    start(&mut versions, 1, &["7", "6"], Some((4, "6")));
    let mut healthy = versions.clone();
    healthy.healthy("7", WINDOW, at(1));
    assert!(
        start(&mut versions, 2, &["6"], Some((5, "7")))
            .back
            .is_some()
    );
    // It worked, and what it wrote is the newest: going on with that is a trial of its own.
    let started = start(&mut healthy, 2, &["6"], Some((5, "7")));
    assert_eq!(
        (started.back, started.interrupted, started.begins),
        (None, true, true)
    );
}

#[test]
fn an_admin_goes_back_during_a_trial_and_after_it() {
    let mut versions = Versions::default();
    start(&mut versions, 1, &["7", "6"], Some((4, "6")));
    let back = WayBack {
        version: "6".into(),
        generation: Some(4),
    };
    assert_eq!(
        versions.choose(None, ("ada", None), t0()),
        Err(Denied::UnderWay("7".into()))
    );
    let mut kept = versions.clone();
    assert_eq!(versions.go_back("ada", at(1)), Ok(back.clone()));
    start(&mut versions, 2, &["7", "6"], Some((4, "6")));
    assert_eq!(versions.version(), Some("6"));

    kept.healthy("7", WINDOW, at(1));
    assert!(kept.healthy("7", WINDOW, at(61)));
    assert_eq!(kept.go_back("ada", at(99)), Ok(back));
    assert!(!start(&mut kept, 2, &["7", "6"], Some((4, "6"))).begins);
    assert_eq!(kept.version(), Some("6"));
    assert_eq!(kept.go_back("ada", at(99)), Err(Denied::NoWayBack));
}

#[test]
fn only_what_is_offered_can_be_chosen() {
    let mut versions = Versions::default();
    assert_eq!(
        versions.choose(None, ("ada", None), t0()),
        Err(Denied::Unknown)
    );
    start(&mut versions, 1, &["6", "../5", "6", "", "v6"], None);
    assert_eq!(versions.offered, ["6"]);
    assert_eq!(
        versions.choose(Some("5"), ("ada", None), t0()),
        Err(Denied::NotOffered(names(&["6"])))
    );
    // An older tedix-init says nothing.
    start(&mut versions, 2, &[], None);
    assert_eq!(versions.version(), None);
}

#[test]
fn versions_json_format_unchanged() {
    let mut versions = Versions::default();
    start(&mut versions, 1, &["6", "7", "8"], Some((3, "6")));
    versions
        .choose(Some("8"), ("ada", None), t0())
        .expect("chosen");
    start(&mut versions, 2, &["6", "7", "8"], Some((4, "6")));
    versions.refused("unknown key", at(5));
    versions.left_behind(5);
    start(&mut versions, 3, &["6", "7", "8"], Some((4, "6")));
    versions
        .choose(Some("7"), ("ada", Some("once more")), t0())
        .expect("chosen");
    start(&mut versions, 4, &["6", "7", "8"], Some((6, "6")));
    let json = serde_json::to_string(&versions).expect("written");
    insta::assert_snapshot!(json, @r#"{"revision":5,"offered":["6","7","8"],"running":{"version":"7","run":4},"kept":null,"choice":{"version":"7","by":"ada","at":"2026-11-23T00:00:00Z","note":"once more"},"choice_before":null,"trial":{"version":"7","from":"6","generation":6,"way_back":true,"began_at":"2026-11-23T00:00:00Z","run":4,"ends":0,"ready_by":"2026-11-23T00:05:00Z"},"failed":[{"version":"8","at":"2026-11-23T00:00:05Z","why":"it does not take its configuration: unknown key"}],"last":{"version":"8","from":"6","generation":4,"result":"back","at":"2026-11-23T00:00:05Z","why":"it does not take its configuration: unknown key","left":5}}"#);
    assert_eq!(
        serde_json::from_str::<Versions>(&json).expect("read"),
        versions
    );
}

#[derive(Debug, Clone)]
enum Step {
    Start {
        image: usize,
        written_by: Option<usize>,
    },
    Healthy {
        right: bool,
    },
    Ended,
    Refused,
    Tick,
    Choose {
        version: Option<usize>,
    },
    Back,
}

const VERSIONS: [&str; 4] = ["5", "6", "7", "8"];
const IMAGES: [&[usize]; 5] = [&[1, 0], &[2, 1], &[2], &[3, 2, 1, 0], &[0]];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..IMAGES.len(), prop::option::of(0..VERSIONS.len()))
            .prop_map(|(image, written_by)| Step::Start { image, written_by }),
        3 => any::<bool>().prop_map(|right| Step::Healthy { right }),
        3 => Just(Step::Ended),
        1 => Just(Step::Refused),
        1 => Just(Step::Tick),
        1 => prop::option::of(0..VERSIONS.len()).prop_map(|version| Step::Choose { version }),
        1 => Just(Step::Back),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #[test]
    fn whatever_happens_only_what_is_offered_runs_and_what_failed_is_not_tried_again(
        steps in steps(), write_down in any::<bool>()
    ) {
        let mut versions = Versions::default();
        let (mut run, mut now) = (0, 0);
        for step in steps {
            now += 30;
            let trial = versions.trial.clone();
            let failed: Vec<String> = versions.failed.iter().map(|f| f.version.clone()).collect();
            match step {
                Step::Start { image, written_by } => {
                    run += 1;
                    let image: Vec<&str> = IMAGES[image].iter().map(|n| VERSIONS[*n]).collect();
                    let state = written_by.map(|n| (run, VERSIONS[n]));
                    let started = start(&mut versions, run, &image, state);
                    let version = versions.version().expect("told");
                    prop_assert!(image.contains(&version));
                    if started.begins {
                        prop_assert!(!failed.iter().any(|failed| failed == version));
                    }
                    if failed.iter().any(|failed| failed == version) {
                        // Nothing else would do.
                        prop_assert_eq!(version, image[0]);
                    }
                }
                Step::Healthy { right } => {
                    let version = if right { versions.version().unwrap_or("6").to_owned() } else { "4".to_owned() };
                    let kept = versions.healthy(&version, WINDOW, at(now));
                    prop_assert!(!kept || right && trial.is_some_and(|t| t.until.is_some()));
                }
                Step::Ended => { versions.ended("it ended", at(now)); }
                Step::Refused => { versions.refused("it refused", at(now)); }
                Step::Tick => { versions.tick(at(now)); }
                Step::Choose { version } => {
                    let _ = versions.choose(version.map(|n| VERSIONS[n]), ("ada", None), at(now));
                }
                Step::Back => { let _ = versions.go_back("ada", at(now)); }
            }
            if write_down {
                // The Durable Object is gone and comes back.
                let json = serde_json::to_string(&versions).expect("written");
                versions = serde_json::from_str(&json).expect("read");
            }
        }
        // Whatever is left of a trial ends one way or the other.
        if versions.trial.is_some() {
            let version = versions.version().expect("told").to_owned();
            let mut well = versions.clone();
            well.healthy(&version, WINDOW, at(now));
            well.healthy(&version, WINDOW, at(now + 60));
            prop_assert!(well.trial.is_none());
            let way_back = versions.trial.as_ref().is_some_and(|trial| trial.way_back);
            let mut setback = Setback::Borne;
            for _ in 0..MAX_ENDS {
                if setback == Setback::Borne {
                    setback = versions.ended("it ended", at(now));
                }
            }
            prop_assert_eq!(way_back, matches!(setback, Setback::Back(_)));
            prop_assert_eq!(way_back, versions.trial.is_none());
        }
    }
}
