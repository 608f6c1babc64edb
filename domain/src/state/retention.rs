//! Which generations are kept.

use chrono::{DateTime, TimeDelta, Utc};

/// Generations that are kept when a policy does not say.
pub const DEFAULT_KEEP: u32 = 30;

/// How many generations are kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How many.
    pub keep: u32,
    /// For how long; none for any time.
    pub keep_for: Option<TimeDelta>,
}

/// A generation as far as keeping it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Number.
    pub generation: u64,
    /// When its files were looked at.
    pub created_at: DateTime<Utc>,
    /// Whether a container found it damaged.
    pub damaged: bool,
}

impl Retention {
    /// Generations to remove, oldest first. Never the newest, never the newest that is
    /// not known to be damaged, and none of `protected`.
    #[must_use]
    pub fn expired(&self, generations: &[Kept], protected: &[u64], now: DateTime<Utc>) -> Vec<u64> {
        let mut generations = generations.to_vec();
        generations.sort_unstable_by_key(|kept| std::cmp::Reverse(kept.generation));
        let newest = generations.first().map(|kept| kept.generation);
        let good = generations.iter().find(|kept| !kept.damaged);
        let floor = [newest, good.map(|kept| kept.generation)];
        let keep = usize::try_from(self.keep.max(1)).unwrap_or(usize::MAX);
        let expired = generations.iter().enumerate().filter(|(place, kept)| {
            let old = self
                .keep_for
                .is_some_and(|time| now - kept.created_at > time);
            (*place >= keep || old)
                && !floor.contains(&Some(kept.generation))
                && !protected.contains(&kept.generation)
        });
        expired.map(|(_, kept)| kept.generation).rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours_old(generation: u64, hours: i64) -> Kept {
        Kept {
            generation,
            created_at: DateTime::UNIX_EPOCH - TimeDelta::hours(hours),
            damaged: false,
        }
    }

    fn line() -> Vec<Kept> {
        (1..=5)
            .map(|n| hours_old(n, 6 - i64::try_from(n).unwrap()))
            .collect()
    }

    fn expired(keep: u32, hours: Option<i64>, line: &[Kept], protected: &[u64]) -> Vec<u64> {
        let retention = Retention {
            keep,
            keep_for: hours.map(TimeDelta::hours),
        };
        retention.expired(line, protected, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn the_oldest_go_first() {
        assert_eq!(expired(3, None, &line(), &[]), [1, 2]);
        assert_eq!(expired(30, Some(3), &line(), &[]), [1, 2]);
        assert_eq!(expired(30, None, &line(), &[]), [0u64; 0]);
    }

    #[test]
    fn the_newest_stays_whatever_the_policy_says() {
        assert_eq!(expired(0, Some(0), &line(), &[]), [1, 2, 3, 4]);
        assert_eq!(expired(1, Some(0), &[hours_old(1, 999)], &[]), [0u64; 0]);
        assert_eq!(expired(1, None, &[], &[]), [0u64; 0]);
    }

    #[test]
    fn the_newest_that_is_not_damaged_stays() {
        let mut line = line();
        line[4].damaged = true;
        line[3].damaged = true;
        assert_eq!(expired(1, None, &line, &[]), [1, 2, 4]);
    }

    #[test]
    fn what_somebody_needs_stays() {
        assert_eq!(expired(1, None, &line(), &[1, 3]), [2, 4]);
    }
}
