//! An extension of a budget as it is typed, and what it would do.

use chrono::{DateTime, TimeDelta, Utc};
use domain::wire::usage::{AccountReport, Gauge, GrantExtension};

use crate::forms::policy::draft::{MAX_NOTE, parse_tokens};

/// How long an extension can last, in hours, with what the page says of it; none is
/// until the day ends.
pub(crate) const LENGTHS: [(Option<u32>, &str); 6] = [
    (None, "the day ends"),
    (Some(1), "one hour from now"),
    (Some(4), "four hours from now"),
    (Some(24), "a day from now"),
    (Some(72), "three days from now"),
    (Some(168), "a week from now"),
];

/// The form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ExtensionDraft {
    /// Whose limit; the gateway's own when none.
    pub(crate) agent: Option<String>,
    /// Tokens more as typed.
    pub(crate) tokens: String,
    /// US dollars more as typed.
    pub(crate) dollars: String,
    /// Hours it lasts; none until the day ends.
    pub(crate) hours: Option<u32>,
    /// Why.
    pub(crate) note: String,
}

/// A limit before and after, as it would hold at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Preview {
    /// The limit now.
    pub(crate) limit: u64,
    /// The limit then.
    pub(crate) then: u64,
    /// What would be neither used nor reserved.
    pub(crate) free: u64,
}

impl ExtensionDraft {
    /// The request.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn into_request(
        self,
        account: &AccountReport,
        resets_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<GrantExtension, Vec<String>> {
        let mut wrong = Vec::new();
        let tokens = parse_tokens(&self.tokens).unwrap_or_else(|_| {
            wrong.push("Tokens are a whole number.".to_owned());
            None
        });
        let cost = parse_dollars(&self.dollars).unwrap_or_else(|()| {
            wrong.push("Dollars are a number with at most six decimals.".to_owned());
            None
        });
        if wrong.is_empty() && tokens.unwrap_or(0) == 0 && cost.unwrap_or(0) == 0 {
            wrong.push("Grant some tokens, some dollars, or both.".to_owned());
        }
        for (granted, gauge, what) in [
            (tokens, &account.tokens, "tokens"),
            (cost, &account.cost_micro_usd, "cost"),
        ] {
            if granted.is_some_and(|n| n > 0) && gauge.limit.is_none() {
                wrong.push(format!("There is no limit of {what} to extend."));
            }
        }
        let note = self.note.trim();
        if note.chars().count() > MAX_NOTE {
            wrong.push(format!("The note has at most {MAX_NOTE} characters."));
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(GrantExtension {
            agent: self.agent,
            tokens: tokens.unwrap_or(0),
            cost_micro_usd: cost.unwrap_or(0),
            until: until(self.hours, resets_at, now),
            note: (!note.is_empty()).then(|| note.to_owned()),
        })
    }
}

/// When an extension of a length ends.
pub(crate) fn until(
    hours: Option<u32>,
    resets_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    match hours {
        // A minute less than a week: the clocks of browser and gateway may differ.
        Some(hours) => now + TimeDelta::hours(i64::from(hours)) - TimeDelta::minutes(1),
        None => resets_at,
    }
}

/// What a grant would do to a limit; none where there is no limit or nothing is granted.
pub(crate) fn preview(gauge: &Gauge, granted: u64) -> Option<Preview> {
    let limit = gauge.limit.filter(|_| granted > 0)?;
    let then = limit.saturating_add(granted);
    Some(Preview {
        limit,
        then,
        free: then.saturating_sub(gauge.used.saturating_add(gauge.reserved)),
    })
}

/// US dollars as typed, in millionths; none for nothing.
pub(crate) fn parse_dollars(text: &str) -> Result<Option<u64>, ()> {
    let text: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '$')
        .collect();
    if text.is_empty() {
        return Ok(None);
    }
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if part.len() > 6 || !digits(whole) || !digits(part) || (whole.is_empty() && part.is_empty()) {
        return Err(());
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().map_err(drop)?
    };
    let part: u64 = format!("{part:0<6}").parse().map_err(drop)?;
    let micro = whole
        .checked_mul(1_000_000)
        .and_then(|n| n.checked_add(part));
    micro.map(Some).ok_or(())
}

#[cfg(test)]
mod tests {
    use super::{ExtensionDraft, parse_dollars, preview};
    use chrono::{DateTime, TimeDelta, Utc};
    use domain::wire::usage::{AccountReport, Gauge};

    fn account() -> AccountReport {
        AccountReport {
            agent: None,
            tokens: Gauge {
                limit: Some(1_000),
                used: 900,
                reserved: 50,
            },
            cost_micro_usd: Gauge::default(),
            calls_under_way: 1,
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    #[test]
    fn a_grant_says_what_will_be_free() {
        let seen = preview(&account().tokens, 500).expect("a limit");
        assert_eq!((seen.limit, seen.then, seen.free), (1_000, 1_500, 550));
        assert_eq!(preview(&account().cost_micro_usd, 500), None);
        assert_eq!(preview(&account().tokens, 0), None);
    }

    #[test]
    fn it_ends_with_the_day_or_after_hours_and_within_the_week_the_gateway_allows() {
        let reset = now() + TimeDelta::hours(9);
        let draft = ExtensionDraft {
            tokens: "1 000".to_owned(),
            note: " release ".to_owned(),
            ..ExtensionDraft::default()
        };
        let request = draft
            .clone()
            .into_request(&account(), reset, now())
            .expect("valid");
        assert_eq!((request.tokens, request.until), (1_000, reset));
        assert_eq!(request.note.as_deref(), Some("release"));
        let week = ExtensionDraft {
            hours: Some(168),
            ..draft
        };
        let request = week.into_request(&account(), reset, now()).expect("valid");
        assert!(request.until - now() < TimeDelta::days(7));
    }

    #[test]
    fn what_grants_nothing_or_has_no_limit_is_said() {
        let nothing = ExtensionDraft::default().into_request(&account(), now(), now());
        assert_eq!(nothing.expect_err("nothing").len(), 1);
        let draft = ExtensionDraft {
            dollars: "2.50".to_owned(),
            ..ExtensionDraft::default()
        };
        let wrong = draft
            .into_request(&account(), now(), now())
            .expect_err("no limit");
        assert_eq!(wrong, ["There is no limit of cost to extend."]);
    }

    #[test]
    fn dollars_are_exact() {
        assert_eq!(parse_dollars("12.5"), Ok(Some(12_500_000)));
        assert_eq!(parse_dollars("$ 0.000001"), Ok(Some(1)));
        assert_eq!(parse_dollars(".5"), Ok(Some(500_000)));
        assert_eq!(parse_dollars(" "), Ok(None));
        for bad in ["-1", "1e3", "0.0000001", ".", "99999999999999999999"] {
            assert_eq!(parse_dollars(bad), Err(()), "{bad}");
        }
    }
}
