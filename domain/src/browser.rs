//! Browser sessions: which may open, how long they may stay, and what they use of a day.
//!
//! A session uses time from the moment it is handed out until it is closed, whether
//! anything moves in it or not: that is what it costs.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::policy::{BrowserLimits, TimeZone};
use crate::wire::usage::RefusalReason;

/// Milliseconds in a minute.
const MINUTE: u64 = 60_000;

/// What sessions used on one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BrowserUse {
    /// Sessions that were opened.
    pub sessions: u64,
    /// Time that they were open, in milliseconds.
    pub ms: u64,
}

/// Why no session may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrowserRefusal {
    /// The policy gives no browser.
    NoBrowser,
    /// As many as the policy allows are open.
    Sessions {
        /// Most at once.
        most: u32,
    },
    /// The day's have been opened.
    SessionsPerDay {
        /// Most a day.
        most: u32,
        /// Opened.
        used: u64,
    },
    /// The day's minutes are used up.
    Minutes {
        /// Most a day.
        most: u32,
        /// Used, whole minutes.
        used: u64,
    },
}

impl BrowserRefusal {
    /// What it is counted as.
    #[must_use]
    pub fn reason(self) -> RefusalReason {
        match self {
            Self::NoBrowser => RefusalReason::NoBrowser,
            Self::Sessions { .. } => RefusalReason::BrowserSessions,
            Self::SessionsPerDay { .. } => RefusalReason::BrowserSessionsPerDay,
            Self::Minutes { .. } => RefusalReason::BrowserMinutes,
        }
    }

    /// Whether it holds until the day ends.
    #[must_use]
    pub fn is_daily(self) -> bool {
        matches!(self, Self::SessionsPerDay { .. } | Self::Minutes { .. })
    }

    /// What to say; `resets` says when the day ends.
    #[must_use]
    pub fn words(self, resets: &str) -> String {
        match self {
            Self::NoBrowser => "The policy of this gateway gives agents no browser.".to_owned(),
            Self::Sessions { most } => {
                format!("{most} browser sessions are open, which is the most at once.")
            }
            Self::SessionsPerDay { most, used } => format!(
                "Daily browser limit reached: {used} of {most} sessions were opened. The limit \
                 resets at {resets}."
            ),
            Self::Minutes { most, used } => format!(
                "Daily browser limit reached: {used} of {most} minutes are used. The limit resets \
                 at {resets}."
            ),
        }
    }
}

/// Whether another session may open, with `open` open now.
///
/// # Errors
/// The limit that stands against it.
pub fn may_open(
    limits: Option<&BrowserLimits>,
    open: usize,
    today: BrowserUse,
) -> Result<(), BrowserRefusal> {
    let limits = limits.ok_or(BrowserRefusal::NoBrowser)?;
    may_go_on(Some(limits), today)?;
    let used = today.sessions;
    if let Some(most) = limits
        .sessions_per_day
        .filter(|most| used >= u64::from(*most))
    {
        return Err(BrowserRefusal::SessionsPerDay { most, used });
    }
    match limits.sessions.filter(|most| open >= *most as usize) {
        Some(most) => Err(BrowserRefusal::Sessions { most }),
        None => Ok(()),
    }
}

/// Whether sessions that are open may stay so.
///
/// # Errors
/// The limit that ends them.
pub fn may_go_on(limits: Option<&BrowserLimits>, today: BrowserUse) -> Result<(), BrowserRefusal> {
    let limits = limits.ok_or(BrowserRefusal::NoBrowser)?;
    match limits.minutes_per_day {
        Some(most) if today.ms >= u64::from(most) * MINUTE => Err(BrowserRefusal::Minutes {
            most,
            used: today.ms / MINUTE,
        }),
        _ => Ok(()),
    }
}

/// How long `open` sessions may go on together before the day's minutes are used up;
/// none without such a limit, or without sessions.
#[must_use]
pub fn time_left(
    limits: Option<&BrowserLimits>,
    open: usize,
    today: BrowserUse,
) -> Option<TimeDelta> {
    let most = u64::from(limits?.minutes_per_day?) * MINUTE;
    let open = u64::try_from(open).ok().filter(|open| *open > 0)?;
    let ms = most.saturating_sub(today.ms).div_ceil(open);
    Some(TimeDelta::milliseconds(
        i64::try_from(ms).unwrap_or(i64::MAX / 2),
    ))
}

/// Time from `from` to `to` by the days that it counts towards, in milliseconds.
#[must_use]
pub fn by_day(zone: &TimeZone, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<(NaiveDate, u64)> {
    let mut days = Vec::new();
    let mut at = from;
    // A session is looked at every few seconds; a year bounds a clock that jumps.
    while at < to && days.len() < 366 {
        let end = zone.end_of_day(at).min(to);
        if end <= at {
            break;
        }
        let ms = u64::try_from((end - at).num_milliseconds()).unwrap_or(0);
        days.push((zone.day_of(at), ms));
        at = end;
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(sessions: u32, sessions_per_day: u32, minutes_per_day: u32) -> BrowserLimits {
        BrowserLimits {
            sessions: Some(sessions),
            sessions_per_day: Some(sessions_per_day),
            minutes_per_day: Some(minutes_per_day),
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn nothing_opens_unless_the_policy_says_so() {
        let none = may_open(None, 0, BrowserUse::default());
        assert_eq!(none, Err(BrowserRefusal::NoBrowser));
        let free = BrowserLimits::default();
        let much = BrowserUse {
            sessions: 1_000_000,
            ms: u64::MAX,
        };
        assert_eq!(may_open(Some(&free), 1_000, much), Ok(()));
        assert_eq!(time_left(Some(&free), 3, much), None);
    }

    #[test]
    fn each_limit_stands_by_itself() {
        let limits = limits(2, 5, 10);
        let used = |sessions, ms| BrowserUse { sessions, ms };
        assert_eq!(may_open(Some(&limits), 1, used(4, 599_999)), Ok(()));
        assert_eq!(
            may_open(Some(&limits), 2, used(4, 0)),
            Err(BrowserRefusal::Sessions { most: 2 })
        );
        assert_eq!(
            may_open(Some(&limits), 0, used(5, 0)),
            Err(BrowserRefusal::SessionsPerDay { most: 5, used: 5 })
        );
        let minutes = BrowserRefusal::Minutes { most: 10, used: 10 };
        assert_eq!(may_open(Some(&limits), 0, used(0, 600_000)), Err(minutes));
        assert_eq!(may_go_on(Some(&limits), used(0, 600_000)), Err(minutes));
        // A session that is open outlives the count of those that may open.
        assert_eq!(may_go_on(Some(&limits), used(5, 0)), Ok(()));
        assert!(minutes.words("midnight").contains("10 of 10 minutes"));
    }

    #[test]
    fn sessions_share_what_is_left() {
        let limits = limits(9, 9, 1);
        let used = BrowserUse { sessions: 0, ms: 0 };
        assert_eq!(
            time_left(Some(&limits), 3, used),
            Some(TimeDelta::seconds(20))
        );
        assert_eq!(time_left(Some(&limits), 0, used), None);
        let over = BrowserUse {
            sessions: 0,
            ms: 70_000,
        };
        assert_eq!(time_left(Some(&limits), 1, over), Some(TimeDelta::zero()));
    }

    #[test]
    fn time_counts_towards_the_day_it_passes_in() {
        let zone: TimeZone = "Europe/Berlin".parse().unwrap();
        let days = by_day(
            &zone,
            at("2026-11-22T22:59:00Z"),
            at("2026-11-22T23:00:30Z"),
        );
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(
            days,
            [(day("2026-11-22"), 60_000), (day("2026-11-23"), 30_000)]
        );
        let backwards = by_day(
            &zone,
            at("2026-11-22T23:00:30Z"),
            at("2026-11-22T22:59:00Z"),
        );
        assert_eq!(backwards, []);
    }

    /// The day on which clocks go back has 25 hours.
    #[test]
    fn a_long_day_has_all_its_hours() {
        let zone: TimeZone = "Europe/Berlin".parse().unwrap();
        let days = by_day(
            &zone,
            at("2026-10-24T22:00:00Z"),
            at("2026-10-26T23:00:00Z"),
        );
        let hours: Vec<u64> = days.iter().map(|(_, ms)| ms / 3_600_000).collect();
        assert_eq!(hours, [25, 24]);
    }
}
