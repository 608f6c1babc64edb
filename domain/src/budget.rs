//! The daily token budget: when its day ends, and whether a call may start.
//!
//! A call reserves the most that it can use before it starts, and settles with
//! what it did use. A call may start while used and reserved tokens together are
//! below the limit, so at most one call crosses it: the overshoot is bounded by
//! the largest single call, however many arrive at once.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

/// Output tokens reserved for a call that names no limit of its own and whose
/// model's limit is unknown.
pub const DEFAULT_OUTPUT_RESERVE: u64 = 8_192;

/// The day that a moment counts towards, in UTC.
#[must_use]
pub fn day_of(at: DateTime<Utc>) -> NaiveDate {
    at.date_naive()
}

/// When the day of a moment ends: the next midnight in UTC.
#[must_use]
pub fn resets_at(at: DateTime<Utc>) -> DateTime<Utc> {
    let today = at.date_naive();
    let tomorrow = today.checked_add_days(Days::new(1)).unwrap_or(today);
    tomorrow.and_time(NaiveTime::MIN).and_utc()
}

/// Whole seconds until the day of a moment ends, at least 1.
#[must_use]
pub fn seconds_until_reset(at: DateTime<Utc>) -> u32 {
    let seconds = (resets_at(at) - at).num_seconds().max(1);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// What counts against a limit at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Tokens settled today.
    pub used: u64,
    /// Tokens reserved by calls that have not settled.
    pub reserved: u64,
}

/// Why a call may not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Used tokens have reached the limit.
    #[error("{used} of {limit} tokens are used")]
    Exhausted {
        /// Tokens a day.
        limit: u64,
        /// Tokens used today.
        used: u64,
    },
    /// What is left is reserved by calls under way.
    #[error("{used} of {limit} tokens are used and {reserved} are reserved by calls under way")]
    Reserved {
        /// Tokens a day.
        limit: u64,
        /// Tokens used today.
        used: u64,
        /// Tokens reserved.
        reserved: u64,
    },
}

/// Whether one more call may start.
///
/// # Errors
/// When the limit is reached by what is used, or by that and what is reserved.
pub fn admit(limit: Option<u64>, spent: Spent) -> Result<(), Refusal> {
    let Some(limit) = limit else { return Ok(()) };
    let Spent { used, reserved } = spent;
    if used >= limit {
        Err(Refusal::Exhausted { limit, used })
    } else if used.saturating_add(reserved) >= limit {
        Err(Refusal::Reserved {
            limit,
            used,
            reserved,
        })
    } else {
        Ok(())
    }
}

/// Tokens to reserve for a call: its input, and the most output it may make.
#[must_use]
pub fn reservation(input: u64, asked_output: Option<u64>, model_output: Option<u64>) -> u64 {
    let output = match (asked_output, model_output) {
        (Some(asked), Some(model)) => asked.min(model),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => DEFAULT_OUTPUT_RESERVE,
    };
    input.saturating_add(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, proptest};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn a_day_ends_at_midnight_utc() {
        for (moment, day, reset, seconds) in [
            (
                "2026-11-22T00:00:00Z",
                "2026-11-22",
                "2026-11-23T00:00:00Z",
                86_400,
            ),
            (
                "2026-11-22T23:59:59.999Z",
                "2026-11-22",
                "2026-11-23T00:00:00Z",
                1,
            ),
            (
                "2026-11-23T01:30:00+02:00",
                "2026-11-22",
                "2026-11-23T00:00:00Z",
                1_800,
            ),
            (
                "2024-02-29T12:00:00Z",
                "2024-02-29",
                "2024-03-01T00:00:00Z",
                43_200,
            ),
            (
                "2026-12-31T12:00:00Z",
                "2026-12-31",
                "2027-01-01T00:00:00Z",
                43_200,
            ),
        ] {
            assert_eq!(day_of(at(moment)).to_string(), day);
            assert_eq!(resets_at(at(moment)), at(reset));
            assert_eq!(seconds_until_reset(at(moment)), seconds);
        }
    }

    #[test]
    fn no_limit_admits_everything() {
        assert_eq!(
            admit(
                None,
                Spent {
                    used: u64::MAX,
                    reserved: u64::MAX
                }
            ),
            Ok(())
        );
    }

    #[test]
    fn a_limit_of_nothing_admits_nothing() {
        let refusal = Refusal::Exhausted { limit: 0, used: 0 };
        assert_eq!(admit(Some(0), Spent::default()), Err(refusal));
    }

    #[test]
    fn reservations_count_like_use() {
        assert_eq!(
            admit(
                Some(100),
                Spent {
                    used: 60,
                    reserved: 39
                }
            ),
            Ok(())
        );
        let refusal = Refusal::Reserved {
            limit: 100,
            used: 60,
            reserved: 40,
        };
        assert_eq!(
            admit(
                Some(100),
                Spent {
                    used: 60,
                    reserved: 40
                }
            ),
            Err(refusal)
        );
        assert!(
            admit(
                Some(100),
                Spent {
                    used: 1,
                    reserved: u64::MAX
                }
            )
            .is_err()
        );
    }

    #[test]
    fn a_reservation_takes_the_tighter_limit() {
        assert_eq!(reservation(10, Some(5), Some(7)), 15);
        assert_eq!(reservation(10, Some(9), Some(7)), 17);
        assert_eq!(reservation(10, None, Some(7)), 17);
        assert_eq!(reservation(10, None, None), 10 + DEFAULT_OUTPUT_RESERVE);
    }

    proptest! {
        /// However calls overlap, use passes the limit by less than one call.
        #[test]
        fn overshoot_is_below_one_call(
            limit in 1u64..10_000,
            calls in prop::collection::vec((1u64..500, prop::bool::ANY), 1..200),
        ) {
            let mut spent = Spent::default();
            let mut open: Vec<u64> = Vec::new();
            for (size, settle_one) in calls {
                if admit(Some(limit), spent).is_ok() {
                    spent.reserved += size;
                    open.push(size);
                }
                if settle_one && let Some(done) = open.pop() {
                    spent.reserved -= done;
                    spent.used += done;
                }
            }
            let total = spent.used + spent.reserved;
            assert!(total < limit + 500, "{total} of {limit}");
        }
    }
}
