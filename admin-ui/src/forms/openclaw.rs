//! Choosing a version of OpenClaw: what there is to choose, and what would follow.

use domain::upgrade::WayBack;
use domain::wire::openclaw_version::OpenclawStatus;

/// Stands for the image's own version, whichever that is.
pub(crate) const FOLLOW: &str = "follow";

/// What can be chosen, with what it says.
pub(crate) fn options(now: &OpenclawStatus) -> Vec<(String, String)> {
    let own = now.offered.first().map(String::as_str).unwrap_or_default();
    let follow = (FOLLOW.to_owned(), format!("Follow the image ({own})"));
    let option = |version: &String| {
        let runs = now.running.as_ref() == Some(version);
        let text = if runs {
            format!("{version} (runs now)")
        } else {
            version.clone()
        };
        (version.clone(), text)
    };
    std::iter::once(follow)
        .chain(now.offered.iter().map(option))
        .collect()
}

/// The version that an option stands for; none follows the image.
pub(crate) fn chosen(option: &str) -> Option<String> {
    (option != FOLLOW).then(|| option.to_owned())
}

/// What follows from a choice, as far as it is known before.
pub(crate) fn preview(now: &OpenclawStatus, version: Option<&str>) -> Vec<String> {
    let own = now.offered.first().map(String::as_str);
    let Some(wanted) = version.or(own) else {
        return Vec::new();
    };
    let Some(running) = now.running.as_deref().filter(|running| *running != wanted) else {
        return vec![format!("{wanted} runs already: nothing is started anew.")];
    };
    let mut lines = Vec::new();
    if let Some(failed) = now.failed.iter().find(|failed| failed.version == wanted) {
        lines.push(format!("{wanted} failed here before: {}.", failed.why));
    }
    lines.push(format!(
        "The container ends and starts anew with {wanted}: work that is under way ends, and chats \
         are cut off. What runs now is saved first, as a generation of its own, and {wanted} begins \
         with that. If nothing runs now, the next start does it."
    ));
    let window = span(now.window_seconds);
    lines.push(if now.offered.iter().any(|offered| offered == running) {
        format!(
            "It has to stay healthy for {window}. If it does not, {running} comes back by itself \
             with that generation; what {wanted} has written until then is kept as another one."
        )
    } else {
        format!(
            "The image does not offer {running} any more, so there is no way back by itself: if \
             {wanted} does not work within {window}, that is only said."
        )
    });
    lines
}

/// What follows from going back.
pub(crate) fn back_preview(back: &WayBack) -> String {
    let state = match back.generation {
        Some(generation) => format!("generation {generation}"),
        None => "nothing".to_owned(),
    };
    format!(
        "The container ends and starts anew with OpenClaw {} and {state}: what happened since is \
         saved first, as a generation, and is not in what comes back. Chats are cut off.",
        back.version
    )
}

/// A time in the largest whole unit.
fn span(seconds: u64) -> String {
    let (number, unit) = if seconds >= 60 && seconds.is_multiple_of(60) {
        (seconds / 60, "minute")
    } else {
        (seconds, "second")
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use domain::upgrade::Failed;

    use super::*;

    fn now() -> OpenclawStatus {
        OpenclawStatus {
            running: Some("2026.9.6".to_owned()),
            offered: vec!["2026.9.6".to_owned(), "2026.9.5".to_owned()],
            window_seconds: 120,
            ..OpenclawStatus::default()
        }
    }

    #[test]
    fn following_the_image_is_an_option_of_its_own() {
        let options = options(&now());
        assert_eq!(options.len(), 3);
        assert_eq!(options[0].1, "Follow the image (2026.9.6)");
        assert_eq!(chosen(&options[0].0), None);
        assert_eq!(chosen(&options[2].0).as_deref(), Some("2026.9.5"));
    }

    #[test]
    fn a_preview_says_what_is_saved_how_long_it_takes_and_whether_there_is_a_way_back() {
        assert!(preview(&now(), None)[0].contains("nothing is started anew"));
        let words = preview(&now(), Some("2026.9.5")).join(" ");
        for part in [
            "saved first",
            "healthy for 2 minutes",
            "2026.9.6 comes back by itself",
        ] {
            assert!(words.contains(part), "{words}");
        }
        let mut other = now();
        other.offered = vec!["2026.9.7".to_owned()];
        other.failed.push(Failed {
            version: "2026.9.7".to_owned(),
            at: "2026-11-23T00:00:00Z".parse().expect("a time"),
            why: "it ended 3 times".to_owned(),
        });
        let words = preview(&other, None).join(" ");
        assert!(
            words.contains("no way back") && words.contains("ended 3 times"),
            "{words}"
        );
    }
}
