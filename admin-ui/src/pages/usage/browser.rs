//! Today's browser: sessions and minutes, and what was refused.

use domain::wire::usage::{BrowserReport, Gauge};
use leptos::prelude::*;

use super::gauge;
use crate::ui::text::{count, plural};

const WHOSE: &str = "The browser";

/// The panel.
pub(super) fn view(report: &BrowserReport, refused: Option<String>) -> AnyView {
    let open = format!("{} session{} open", count(report.open), plural(report.open));
    let most = report
        .at_once
        .map(|most| format!(", {} at once at most", count(most)));
    let sessions = Gauge {
        limit: report.sessions_limit,
        used: report.sessions,
        reserved: 0,
    };
    let seconds = Gauge {
        limit: report
            .minutes_limit
            .map(|minutes| minutes.saturating_mul(60)),
        used: report.seconds,
        reserved: 0,
    };
    view! {
        <section class="panel" aria-labelledby="u-browser">
            <h3 id="u-browser">"Today's browser"</h3>
            <p class="muted">{open} {most} "."</p>
            {gauge::view(WHOSE, &|n| format!("{} session{}", count(n), plural(n)), &sessions, None)}
            {gauge::view(WHOSE, &minutes, &seconds, None)}
            {refused.map(|refused| view! { <p>{refused}</p> })}
        </section>
    }
    .into_any()
}

/// Seconds as minutes, and what is less than ten of them with its seconds.
fn minutes(seconds: u64) -> String {
    let (minutes, rest) = (seconds / 60, seconds % 60);
    match minutes {
        0 => format!("{rest} s"),
        1..10 if rest > 0 => format!("{minutes} min {rest} s"),
        _ => format!("{} min", count(minutes)),
    }
}

#[cfg(test)]
mod tests {
    use super::minutes;

    #[test]
    fn minutes_read_well() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (125, "2 min 5 s"),
            (3_599, "59 min"),
        ] {
            assert_eq!(minutes(seconds), words);
        }
    }
}
