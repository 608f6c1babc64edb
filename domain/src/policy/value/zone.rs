//! Time zones by their name in the IANA database, and where a day begins in them.
//!
//! In scope: today's rules of every zone, which is what a daily budget needs.
//! Out of scope: the past, and zones whose clock follows a calendar that no rule
//! describes (Morocco's Ramadan hours: its days begin an hour off in that month).
//! `zones.txt` holds each zone's rule as POSIX writes it (the footer of its file
//! in tzdata 2025b).

use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

use super::text_value;

/// Name and rule of each zone, sorted by name.
const ZONES: &str = include_str!("zones.txt");

/// A time zone such as `Europe/Berlin`; `UTC` when a document names none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZone {
    name: String,
    rule: Rule,
}

impl Default for TimeZone {
    fn default() -> Self {
        Self {
            name: "UTC".to_owned(),
            rule: Rule {
                standard: 0,
                summer: None,
            },
        }
    }
}

impl TimeZone {
    fn check(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "a time zone of the IANA database, such as Europe/Berlin or UTC";
        let found = ZONES
            .lines()
            .filter_map(|line| line.split_once(' '))
            .find(|(name, _)| *name == text);
        let (name, rule) = found.ok_or(WRONG)?;
        // INVARIANT: a test reads every rule of the table.
        Ok(Self {
            name: name.to_owned(),
            rule: Rule::read(rule).ok_or(WRONG)?,
        })
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Seconds that its clocks are ahead of UTC at a moment.
    #[must_use]
    pub fn offset_seconds(&self, at: DateTime<Utc>) -> i64 {
        self.rule.offset(at)
    }

    /// The day that a moment counts towards.
    #[must_use]
    pub fn day_of(&self, at: DateTime<Utc>) -> NaiveDate {
        (at.naive_utc() + Duration::seconds(self.offset_seconds(at))).date()
    }

    /// When a day begins: its first moment, also where clocks skip midnight.
    #[must_use]
    pub fn start_of(&self, day: NaiveDate) -> DateTime<Utc> {
        let midnight = day.and_time(NaiveTime::MIN).and_utc();
        let Rule { standard, summer } = self.rule;
        let offsets = [standard, summer.map_or(standard, |summer| summer.offset)];
        let candidates = offsets.map(|offset| midnight - Duration::seconds(offset));
        candidates
            .into_iter()
            .filter(|at| self.day_of(*at) == day)
            .min()
            .unwrap_or(midnight)
    }

    /// When the day of a moment ends: the first moment of the next.
    #[must_use]
    pub fn end_of_day(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let day = self.day_of(at);
        self.start_of(day.checked_add_days(Days::new(1)).unwrap_or(day))
    }
}

text_value!(TimeZone);

/// A POSIX rule such as `CET-1CEST,M3.5.0,M10.5.0/3`; offsets in seconds east of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Rule {
    standard: i64,
    summer: Option<Summer>,
}

/// Summer time: its offset, and when it begins (in standard time) and ends (in summer time).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Summer {
    offset: i64,
    begins: Moment,
    ends: Moment,
}

/// `Mm.w.d/time`: weekday `d` (0 is Sunday) of week `w` (5 is the last) of month `m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Moment {
    month: u32,
    week: u8,
    weekday: u32,
    seconds: i64,
}

impl Rule {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let (standard, rest) = abbreviation_and_offset(parts.next()?)?;
        let standard = -standard?;
        let summer = match (parts.next(), parts.next()) {
            (Some(begins), Some(ends)) => {
                let (offset, _) = abbreviation_and_offset(rest)?;
                let offset = offset.map_or(standard + 3600, |west| -west);
                Some(Summer {
                    offset,
                    begins: Moment::read(begins)?,
                    ends: Moment::read(ends)?,
                })
            }
            _ => None,
        };
        Some(Self { standard, summer })
    }

    fn offset(self, at: DateTime<Utc>) -> i64 {
        let Some(summer) = self.summer else {
            return self.standard;
        };
        let year = (at.naive_utc() + Duration::seconds(self.standard)).year();
        let begins = summer
            .begins
            .in_year(year)
            .map(|local| local - Duration::seconds(self.standard));
        let ends = summer
            .ends
            .in_year(year)
            .map(|local| local - Duration::seconds(summer.offset));
        let (Some(begins), Some(ends)) = (begins, ends) else {
            return self.standard;
        };
        let now = at.naive_utc();
        let in_summer = if begins < ends {
            begins <= now && now < ends
        } else {
            // South of the equator summer spans the new year.
            now >= begins || now < ends
        };
        if in_summer {
            summer.offset
        } else {
            self.standard
        }
    }
}

/// `CET-1REST` as (-1 h, REST); the offset is west of UTC and may be absent.
fn abbreviation_and_offset(text: &str) -> Option<(Option<i64>, &str)> {
    let rest = match text.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>')?.1,
        None => text.trim_start_matches(|c: char| c.is_ascii_alphabetic()),
    };
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-' | ':')))
        .unwrap_or(rest.len());
    let (offset, rest) = rest.split_at_checked(end)?;
    if offset.is_empty() {
        Some((None, rest))
    } else {
        Some((Some(clock(offset)?), rest))
    }
}

/// `-9:30` in seconds.
fn clock(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.trim_start_matches('+')),
    };
    let mut seconds = 0;
    for (part, unit) in digits.split(':').zip([3600, 60, 1]) {
        seconds += part.parse::<i64>().ok()? * unit;
    }
    Some(sign * seconds)
}

impl Moment {
    fn read(text: &str) -> Option<Self> {
        let (date, time) = text.split_once('/').unwrap_or((text, "2"));
        let mut parts = date.strip_prefix('M')?.split('.');
        Some(Self {
            month: parts.next()?.parse().ok()?,
            week: parts.next()?.parse().ok()?,
            weekday: parts.next()?.parse().ok()?,
            seconds: clock(time)?,
        })
    }

    fn in_year(self, year: i32) -> Option<NaiveDateTime> {
        let first = NaiveDate::from_ymd_opt(year, self.month, 1)?;
        let ahead = (7 + self.weekday - first.weekday().num_days_from_sunday()) % 7;
        let mut day = first.checked_add_days(Days::new(u64::from(ahead)))?;
        for _ in 1..self.week {
            let next = day.checked_add_days(Days::new(7))?;
            if next.month() != self.month {
                break;
            }
            day = next;
        }
        Some(day.and_time(NaiveTime::MIN) + Duration::seconds(self.seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn zone(name: &str) -> TimeZone {
        name.parse().unwrap()
    }

    #[test]
    fn every_rule_of_the_table_is_read() {
        for line in ZONES.lines() {
            let (_, rule) = line.split_once(' ').unwrap();
            assert!(Rule::read(rule).is_some(), "{line}");
        }
        assert!("Europe/Atlantis".parse::<TimeZone>().is_err());
        assert!("europe/berlin".parse::<TimeZone>().is_err());
    }

    #[test]
    fn a_day_begins_at_local_midnight_in_winter_and_in_summer() {
        for (name, moment, ends) in [
            ("UTC", "2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z"),
            (
                "Europe/Berlin",
                "2026-11-22T22:59:59Z",
                "2026-11-22T23:00:00Z",
            ),
            (
                "Europe/Berlin",
                "2026-07-01T21:59:59Z",
                "2026-07-01T22:00:00Z",
            ),
            (
                "America/New_York",
                "2026-11-22T12:00:00Z",
                "2026-11-23T05:00:00Z",
            ),
            (
                "Australia/Sydney",
                "2026-12-31T12:00:00Z",
                "2026-12-31T13:00:00Z",
            ),
            (
                "Asia/Kolkata",
                "2026-11-22T12:00:00Z",
                "2026-11-22T18:30:00Z",
            ),
        ] {
            assert_eq!(
                zone(name).end_of_day(at(moment)),
                at(ends),
                "{name} {moment}"
            );
        }
    }

    #[test]
    fn days_of_23_and_of_25_hours() {
        let berlin = zone("Europe/Berlin");
        let hours = |day: &str| {
            let start = berlin.start_of(day.parse().unwrap());
            (berlin.end_of_day(start) - start).num_hours()
        };
        assert_eq!(
            [
                hours("2026-03-29"),
                hours("2026-10-25"),
                hours("2026-10-26")
            ],
            [23, 25, 24]
        );
    }

    #[test]
    fn a_midnight_that_clocks_skip_is_the_moment_they_jump() {
        // Cairo goes from 00:00 to 01:00 on the last Friday of April.
        let cairo = zone("Africa/Cairo");
        assert_eq!(
            cairo.start_of("2026-04-24".parse().unwrap()),
            at("2026-04-23T22:00:00Z")
        );
    }
}
