//! What was refused, in words.

use domain::wire::usage::{RefusalReason, RefusalRow};

use crate::ui::text::count;

/// What a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// A model call, or both.
    Models,
    /// The browser alone.
    Browser,
}

impl About {
    fn of(reason: RefusalReason) -> Self {
        match reason {
            RefusalReason::NoBrowser
            | RefusalReason::BrowserSessions
            | RefusalReason::BrowserSessionsPerDay
            | RefusalReason::BrowserMinutes => Self::Browser,
            _ => Self::Models,
        }
    }
}

fn why(reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::Budget => "the budget",
        RefusalReason::CallsPerTask => "calls in one task",
        RefusalReason::ConcurrentCalls => "calls at once",
        RefusalReason::CallsPerMinute => "calls in a minute",
        RefusalReason::Stopped => "everything stopped",
        RefusalReason::NoPrice => "no price",
        RefusalReason::ModelNotAllowed => "a model that is not allowed",
        RefusalReason::UnknownModel => "an unknown model",
        RefusalReason::WrongKey => "a wrong key",
        RefusalReason::Provider => "the provider",
        RefusalReason::NoBrowser => "no browser in the policy",
        RefusalReason::BrowserSessions => "sessions at once",
        RefusalReason::BrowserSessionsPerDay => "sessions a day",
        RefusalReason::BrowserMinutes => "minutes a day",
    }
}

/// How often something was refused on a day and why, most often first; none when nothing
/// was.
pub(crate) fn refused(rows: &[RefusalRow], day: &str, about: About) -> Option<String> {
    let mut sums: Vec<(RefusalReason, u64)> = Vec::new();
    let of = |row: &&RefusalRow| row.day == day && About::of(row.reason) == about;
    for row in rows.iter().filter(of) {
        match sums.iter_mut().find(|(reason, _)| *reason == row.reason) {
            Some((_, sum)) => *sum = sum.saturating_add(row.calls),
            None => sums.push((row.reason, row.calls)),
        }
    }
    sums.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
    let words = sums
        .iter()
        .map(|(reason, sum)| format!("{} ({})", count(*sum), why(*reason)));
    let words: Vec<String> = words.collect();
    (!words.is_empty()).then(|| format!("Refused today: {}.", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(day: &str, reason: RefusalReason, calls: u64) -> RefusalRow {
        RefusalRow {
            hour: format!("{day}T10"),
            day: day.to_owned(),
            agent: None,
            reason,
            calls,
        }
    }

    #[test]
    fn refusals_of_the_day_are_summed_by_reason() {
        let rows = [
            row("2026-11-22", RefusalReason::Provider, 1),
            row("2026-11-22", RefusalReason::Budget, 2),
            row("2026-11-22", RefusalReason::Budget, 3),
            row("2026-11-22", RefusalReason::BrowserMinutes, 4),
            row("2026-11-21", RefusalReason::Budget, 100),
        ];
        let today = |about| refused(&rows, "2026-11-22", about);
        assert_eq!(
            today(About::Models).as_deref(),
            Some("Refused today: 5 (the budget), 1 (the provider).")
        );
        assert_eq!(
            today(About::Browser).as_deref(),
            Some("Refused today: 4 (minutes a day).")
        );
        assert_eq!(refused(&rows, "2026-11-20", About::Models), None);
    }
}
