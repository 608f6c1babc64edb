//! Bars of a chart, and tables of sums, from the lines of a report.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use domain::wire::usage::{UsageGroup, UsageTotals};

use super::view::{Metric, Split, Step, UsageView};

/// Colours there are; what has none is drawn together as the last one.
pub(crate) const COLOURS: usize = 6;

/// One bar: a day or an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// As the gateway's report names it.
    pub(crate) key: String,
    /// Under the bar.
    pub(crate) label: String,
    /// In full.
    pub(crate) title: String,
    /// One number for each series.
    pub(crate) values: Vec<u64>,
}

impl Bucket {
    /// The whole bar.
    pub(crate) fn total(&self) -> u64 {
        self.values.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }
}

/// What a chart shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chart {
    /// What the parts of a bar are, the largest first.
    pub(crate) series: Vec<String>,
    /// The bars, oldest first, without gaps.
    pub(crate) buckets: Vec<Bucket>,
}

/// The hours or days to show, oldest first: key, label and title. `label` gives an
/// hour's day and time as they read where the gateway counts its days.
pub(crate) fn slots(
    view: UsageView,
    today: NaiveDate,
    now: DateTime<Utc>,
    label: impl Fn(DateTime<Utc>) -> (String, String),
) -> Vec<(String, String, String)> {
    match view.step {
        Step::Day => (0..u64::from(view.days))
            .rev()
            .filter_map(|back| today.checked_sub_days(Days::new(back)))
            .map(|day| {
                let words = |format: &str| day.format(format).to_string();
                (day.to_string(), words("%m-%d"), words("%a %Y-%m-%d"))
            })
            .collect(),
        Step::Hour => (0..i64::from(view.days) * 24)
            .rev()
            .map(|back| {
                let hour = now - TimeDelta::hours(back);
                let key = hour.format("%Y-%m-%dT%H").to_string();
                let (day, time) = label(at_hour(&key).unwrap_or(hour));
                (key, time.clone(), format!("{day} {time}"))
            })
            .collect(),
    }
}

/// The moment at which an hour of a report begins.
fn at_hour(key: &str) -> Option<DateTime<Utc>> {
    let time = NaiveDateTime::parse_from_str(&format!("{key}:00"), "%Y-%m-%dT%H:%M").ok()?;
    Some(time.and_utc())
}

/// The first and last day that a report has to be asked for, so that it has all slots.
pub(crate) fn range(view: UsageView, today: NaiveDate) -> (String, String) {
    let back = match view.step {
        Step::Day => view.days.saturating_sub(1),
        // The days of a zone begin up to 14 hours away from those of UTC.
        Step::Hour => view.days + 1,
    };
    let day = |day: Option<NaiveDate>| day.unwrap_or(today).to_string();
    (
        day(today.checked_sub_days(Days::new(u64::from(back)))),
        day(today.checked_add_days(Days::new(1))),
    )
}

/// The lines of a report that lie in the slots: it reaches a little further than they do.
pub(crate) fn within(
    rows: &[UsageGroup],
    view: UsageView,
    slots: &[(String, String, String)],
) -> Vec<UsageGroup> {
    let shown = |row: &&UsageGroup| {
        let key = match view.step {
            Step::Day => &row.day,
            Step::Hour => &row.hour,
        };
        slots.iter().any(|(slot, _, _)| Some(slot) == key.as_ref())
    };
    rows.iter().filter(shown).cloned().collect()
}

/// The chart of a report.
pub(crate) fn chart(
    rows: &[UsageGroup],
    view: UsageView,
    slots: Vec<(String, String, String)>,
) -> Chart {
    let place: BTreeMap<&str, usize> = slots
        .iter()
        .enumerate()
        .map(|(i, (key, _, _))| (key.as_str(), i))
        .collect();
    let key = |row: &UsageGroup| match view.step {
        Step::Day => row.day.clone(),
        Step::Hour => row.hour.clone(),
    };
    let shown: Vec<(usize, String, u64)> = rows
        .iter()
        .filter_map(|row| {
            let at = place.get(key(row)?.as_str())?;
            Some((*at, view.split.of(row), view.metric.of(&row.totals)))
        })
        .collect();
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, name, n) in &shown {
        let sum = sums.entry(name).or_default();
        *sum = sum.saturating_add(*n);
    }
    let mut names: Vec<(&str, u64)> = sums.into_iter().collect();
    names.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
    let crowded = names.len() > COLOURS;
    let own = if crowded { COLOURS - 1 } else { names.len() };
    let colour: BTreeMap<&str, usize> = names
        .iter()
        .enumerate()
        .map(|(i, (name, _))| (*name, i.min(own)))
        .collect();
    let mut series: Vec<String> = names
        .iter()
        .take(own)
        .map(|(n, _)| (*n).to_owned())
        .collect();
    if crowded {
        series.push(format!("{} others", names.len() - own));
    }
    let mut values = vec![vec![0_u64; series.len()]; slots.len()];
    for (at, name, n) in &shown {
        let i = colour.get(name.as_str()).copied().unwrap_or_default();
        if let Some(sum) = values.get_mut(*at).and_then(|bar| bar.get_mut(i)) {
            *sum = sum.saturating_add(*n);
        }
    }
    let bucket = |((key, label, title), values)| Bucket {
        key,
        label,
        title,
        values,
    };
    Chart {
        series,
        buckets: slots.into_iter().zip(values).map(bucket).collect(),
    }
}

/// One line of a table of sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// What it is about.
    pub(crate) name: String,
    /// Its sums.
    pub(crate) totals: UsageTotals,
}

/// Sums by agent, model or session, the largest first.
pub(crate) fn sums(rows: &[UsageGroup], split: Split, metric: Metric) -> Vec<Line> {
    let mut by: BTreeMap<String, UsageTotals> = BTreeMap::new();
    for row in rows {
        let sum = by.entry(split.of(row)).or_default();
        *sum = added(sum, &row.totals);
    }
    let mut lines: Vec<Line> = by
        .into_iter()
        .map(|(name, totals)| Line { name, totals })
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(metric.of(&line.totals)));
    lines
}

/// All sums in one.
pub(crate) fn total(rows: &[UsageGroup]) -> UsageTotals {
    rows.iter()
        .fold(UsageTotals::default(), |sum, row| added(&sum, &row.totals))
}

fn added(a: &UsageTotals, b: &UsageTotals) -> UsageTotals {
    let plus = u64::saturating_add;
    UsageTotals {
        calls: plus(a.calls, b.calls),
        input_tokens: plus(a.input_tokens, b.input_tokens),
        cached_input_tokens: plus(a.cached_input_tokens, b.cached_input_tokens),
        cache_write_tokens: plus(a.cache_write_tokens, b.cache_write_tokens),
        output_tokens: plus(a.output_tokens, b.output_tokens),
        reasoning_tokens: plus(a.reasoning_tokens, b.reasoning_tokens),
        cost_micro_usd: plus(a.cost_micro_usd, b.cost_micro_usd),
        unpriced_calls: plus(a.unpriced_calls, b.unpriced_calls),
    }
}

/// A round number at or above `top`, and the numbers at which lines are drawn across.
pub(crate) fn scale(top: u64) -> (u64, Vec<u64>) {
    let mut step = 1_u64;
    'found: loop {
        for factor in [1, 2, 5] {
            let wide = step.saturating_mul(factor);
            if wide.saturating_mul(4) >= top || wide == u64::MAX {
                step = wide;
                break 'found;
            }
        }
        step = step.saturating_mul(10);
    }
    let lines = top.max(1).div_ceil(step).max(1);
    let at = |i: u64| step.saturating_mul(i);
    (at(lines), (0..=lines).map(at).collect())
}

/// How many slots lie between two labels, so that at most about eight are shown.
pub(crate) fn every(slots: usize) -> usize {
    slots.div_ceil(8).max(1)
}

#[cfg(test)]
mod tests {
    use super::{COLOURS, chart, every, range, scale, slots, sums, total, within};
    use crate::forms::usage::view::{Metric, Split, Step, UsageView};
    use chrono::{DateTime, NaiveDate, Utc};
    use domain::wire::usage::{UsageGroup, UsageTotals};

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn row(day: &str, agent: &str, tokens: u64) -> UsageGroup {
        UsageGroup {
            day: Some(day.to_owned()),
            agent: Some(agent.to_owned()),
            model: Some("openai/m".to_owned()),
            totals: UsageTotals {
                calls: 1,
                input_tokens: tokens,
                output_tokens: 1,
                ..UsageTotals::default()
            },
            ..UsageGroup::default()
        }
    }

    fn drawn(rows: &[UsageGroup], view: UsageView) -> super::Chart {
        let now = DateTime::UNIX_EPOCH;
        let slots = slots(view, day("2026-11-22"), now, |_| {
            (String::new(), String::new())
        });
        chart(rows, view, slots)
    }

    #[test]
    fn days_run_forward_without_gaps_and_what_is_not_shown_does_not_count() {
        let view = UsageView {
            days: 7,
            ..UsageView::default()
        };
        let rows = [
            row("2026-11-22", "main", 9),
            row("2026-11-22", "", 4),
            row("2026-11-20", "main", 99),
            row("2026-10-01", "old", 1_000),
        ];
        let shown = slots(view, day("2026-11-22"), DateTime::UNIX_EPOCH, |_| {
            (String::new(), String::new())
        });
        assert_eq!(total(&within(&rows, view, &shown)).calls, 3);
        let chart = drawn(&rows, view);
        assert_eq!(chart.series, ["main", "no agent named"]);
        let totals: Vec<u64> = chart.buckets.iter().map(super::Bucket::total).collect();
        assert_eq!(totals, [0, 0, 0, 0, 100, 0, 15]);
        let last = chart.buckets.last().expect("a bar");
        assert_eq!(
            (last.label.as_str(), last.title.as_str()),
            ("11-22", "Sun 2026-11-22")
        );
        assert_eq!(last.values, [10, 5]);
    }

    #[test]
    fn hours_carry_the_label_of_the_gateways_own_zone() {
        let view = UsageView {
            step: Step::Hour,
            days: 1,
            ..UsageView::default()
        };
        let now: DateTime<Utc> = "2026-11-22T01:30:00Z".parse().expect("a time");
        let label = |at: DateTime<Utc>| ("Sun".to_owned(), at.format("%H:%M").to_string());
        let slots = slots(view, day("2026-11-22"), now, label);
        assert_eq!(slots.len(), 24);
        assert_eq!(slots[23].0, "2026-11-22T01");
        assert_eq!(
            (slots[0].1.as_str(), slots[0].2.as_str()),
            ("02:00", "Sun 02:00")
        );
        assert_eq!(
            range(view, day("2026-11-22")),
            ("2026-11-20".to_owned(), "2026-11-23".to_owned())
        );
    }

    #[test]
    fn more_names_than_colours_are_drawn_together() {
        let rows: Vec<_> = (0..20)
            .map(|i| row("2026-11-22", &format!("a{i:02}"), i))
            .collect();
        let chart = drawn(&rows, UsageView::default());
        assert_eq!(chart.series.len(), COLOURS);
        assert_eq!(chart.series[0], "a19");
        assert_eq!(chart.series[COLOURS - 1], "15 others");
        let sum: u64 = rows.iter().map(|r| r.totals.input_tokens + 1).sum();
        assert_eq!(chart.buckets.last().expect("a bar").total(), sum);
    }

    #[test]
    fn sums_put_the_largest_first_and_never_overflow() {
        let rows = [
            row("2026-11-21", "a", u64::MAX),
            row("2026-11-22", "a", 5),
            row("2026-11-22", "b", 7),
        ];
        let lines = sums(&rows, Split::Agent, Metric::Tokens);
        assert_eq!(
            (lines[0].name.as_str(), lines[0].totals.input_tokens),
            ("a", u64::MAX)
        );
        assert_eq!(lines[1].totals.input_tokens, 7);
        assert_eq!(total(&rows).calls, 3);
    }

    #[test]
    fn the_scale_is_round_and_holds_the_largest() {
        for top in [0, 1, 3, 7, 99, 100, 101, 12_345, 1_000_000, u64::MAX] {
            let (whole, lines) = scale(top);
            assert!(whole >= top, "{top}: {whole}");
            assert!(
                lines.len() <= 6 && lines.first() == Some(&0),
                "{top}: {lines:?}"
            );
        }
        assert_eq!(scale(7), (8, vec![0, 2, 4, 6, 8]));
        assert_eq!(scale(100), (100, vec![0, 50, 100]));
        assert_eq!((every(7), every(14), every(168)), (1, 2, 21));
    }
}
