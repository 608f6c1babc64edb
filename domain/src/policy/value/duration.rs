//! ISO 8601 durations, of parts whose length never varies.

use serde::{Deserialize, Serialize};

use super::text_value;

/// A duration as ISO 8601 writes it, from one second to ten years: `PT30M`,
/// `PT1H30M`, `P7D`, `P2W`. Years and months are refused: they vary in length.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IsoDuration {
    text: String,
    seconds: u64,
}

const WRONG: &str =
    "an ISO 8601 duration of weeks, days, hours, minutes and seconds, such as PT30M or P7D";
/// Ten years of 365 days.
const MAX_SECONDS: u64 = 10 * 365 * 86_400;

impl IsoDuration {
    fn check(text: &str) -> Result<Self, &'static str> {
        let (mut seconds, mut time, mut number) = (0_u64, false, None::<u64>);
        let mut last = 0;
        for c in text.strip_prefix('P').ok_or(WRONG)?.chars() {
            if let Some(digit) = c.to_digit(10) {
                let so_far = number.unwrap_or(0);
                number = Some(so_far * 10 + u64::from(digit)).filter(|n| *n <= MAX_SECONDS);
                number.ok_or(WRONG)?;
                continue;
            }
            if c == 'T' && !time && number.is_none() {
                time = true;
                continue;
            }
            let (order, unit) = match (c, time) {
                ('W', false) => (1, 7 * 86_400),
                ('D', false) => (2, 86_400),
                ('H', true) => (3, 3600),
                ('M', true) => (4, 60),
                ('S', true) => (5, 1),
                _ => return Err(WRONG),
            };
            if order <= last {
                return Err(WRONG);
            }
            last = order;
            seconds = seconds.saturating_add(number.take().ok_or(WRONG)?.saturating_mul(unit));
        }
        let complete = number.is_none() && (!time || last >= 3);
        let in_range = (1..=MAX_SECONDS).contains(&seconds);
        (complete && in_range)
            .then(|| Self {
                text: text.to_owned(),
                seconds,
            })
            .ok_or(WRONG)
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its length in seconds.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.seconds
    }
}

text_value!(IsoDuration);

#[cfg(test)]
mod tests {
    use super::IsoDuration;

    #[test]
    fn parts_add_up() {
        for (text, seconds) in [
            ("PT30M", 1800),
            ("P7D", 604_800),
            ("P2W", 1_209_600),
            ("P1DT1H1M1S", 90_061),
        ] {
            assert_eq!(
                text.parse::<IsoDuration>().unwrap().seconds(),
                seconds,
                "{text}"
            );
        }
    }

    #[test]
    fn what_has_no_fixed_length_is_refused() {
        for bad in [
            "",
            "P",
            "PT",
            "P1",
            "P1Y",
            "P1M",
            "PT1D",
            "P1H",
            "P1DT",
            "PT1M1H",
            "PT0S",
            "P-1D",
            "1D",
            "PT1.5S",
            "P99999999999999999999D",
            "p1d",
            "P1D ",
            "P4000D",
        ] {
            assert!(bad.parse::<IsoDuration>().is_err(), "{bad:?}");
        }
    }
}
