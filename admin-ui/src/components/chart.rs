//! Bars over time, drawn by hand as SVG. The table below says the same.
//!
//! Positions across are percentages and those down are pixels, so that a chart fills
//! any width while its text keeps its size.

use leptos::prelude::*;

use crate::forms::usage::series::{Bucket, Chart, every, scale};
use crate::forms::usage::view::Metric;
use crate::ui::id::unique;
use crate::ui::table::{Column, table, text};

/// Height of the part with bars, in pixels.
const PLOT: f64 = 190.0;
/// Room above it.
const ABOVE: f64 = 10.0;
/// Widest bar, in percent of the chart.
const WIDEST: f64 = 6.0;

const COLUMNS: &[Column] = &[("When", false), ("In all", true), ("Of that", false)];

/// The chart with its legend and its table; a dashed line at `limit`.
pub(crate) fn view(chart: &Chart, metric: Metric, limit: Option<u64>, title: String) -> AnyView {
    let top = chart.buckets.iter().map(Bucket::total).max().unwrap_or(0);
    // A limit far above every bar would flatten them all.
    let limit = limit.filter(|limit| *limit <= top.saturating_mul(4));
    let (whole, lines) = scale(top.max(limit.unwrap_or(0)));
    let ticks = lines.iter().map(|n| {
        let words = metric.short(*n);
        view! { <text class="tick" x="46" y=y(*n, whole) dy="4" text-anchor="end">{words}</text> }
    });
    let grid = lines.iter().map(|n| {
        let class = if *n == 0 { "bar-axis" } else { "bar-grid" };
        view! { <line class=class x1="0" x2="100%" y1=y(*n, whole) y2=y(*n, whole)></line> }
    });
    let bars = bars(chart, metric, whole);
    let limit_line = limit.map(|n| {
        view! { <line class="bar-limit" x1="0" x2="100%" y1=y(n, whole) y2=y(n, whole)></line> }
    });
    let (title_id, about_id) = (unique("chart"), unique("chart"));
    let labelled = title_id.clone();
    let described = about_id.clone();
    let limit_words = limit.map(|n| {
        let words = metric.words(n);
        view! { <p class="muted">"Dashed: the limit of a day as it is now, " {words} "."</p> }
    });
    view! {
        <figure class="chart">
            <figcaption id=title_id>{title}</figcaption>
            <div class="chart-body">
                <svg class="chart-scale" width="52" height="226" aria-hidden="true">{ticks.collect::<Vec<_>>()}</svg>
                <svg class="chart-plot" width="100%" height="226" role="img" aria-labelledby=labelled aria-describedby=described>
                    <desc id=about_id>{about(chart, metric)}</desc>
                    {grid.collect::<Vec<_>>()}
                    {bars}
                    {limit_line}
                </svg>
            </div>
            {legend(&chart.series)}
            {limit_words}
        </figure>
        <details class="raw">
            <summary>"The chart as a table"</summary>
            {as_table(chart, metric)}
        </details>
    }
    .into_any()
}

/// Pixels from the top at which a number stands.
fn y(n: u64, whole: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a chart needs no more than 52 bits"
    )]
    let share = n as f64 / whole.max(1) as f64;
    ABOVE + PLOT * (1.0 - share)
}

fn bars(chart: &Chart, metric: Metric, whole: u64) -> Vec<AnyView> {
    let n = chart.buckets.len().max(1);
    #[expect(
        clippy::cast_precision_loss,
        reason = "there are at most a few hundred"
    )]
    let slot = 100.0 / n as f64;
    let width = (slot * 0.74).min(WIDEST);
    let percent = |x: f64| format!("{x:.3}%");
    let step = every(n);
    let mut left = 0.0;
    let mut drawn = Vec::with_capacity(n);
    for (i, bucket) in chart.buckets.iter().enumerate() {
        let mut below = 0_u64;
        let mut parts = Vec::new();
        for (colour, value) in bucket.values.iter().enumerate().filter(|(_, v)| **v > 0) {
            let above = below.saturating_add(*value);
            let (top, bottom) = (y(above, whole), y(below, whole));
            below = above;
            parts.push(view! {
                <rect class=format!("series s{colour}") x=percent(left + (slot - width) / 2.0) width=percent(width)
                    y=top height=(bottom - top).max(0.5)></rect>
            });
        }
        // Counted from the newest, so that it always has its label.
        let labelled = (n - 1 - i).is_multiple_of(step);
        let label = labelled.then(|| {
            let x = percent(left + slot / 2.0);
            view! { <text class="tick" x=x y=ABOVE + PLOT + 18.0 text-anchor="middle">{bucket.label.clone()}</text> }
        });
        drawn.push(
            view! {
                <g class="bucket">
                    <title>{spelled(chart, bucket, metric)}</title>
                    <rect class="hit" x=percent(left) width=percent(slot) y="0" height=ABOVE + PLOT></rect>
                    {parts}
                    {label}
                </g>
            }
            .into_any(),
        );
        left += slot;
    }
    drawn
}

/// A bar in words, a line for each of its parts.
fn spelled(chart: &Chart, bucket: &Bucket, metric: Metric) -> String {
    let parts = parts(chart, bucket, metric);
    let total = metric.words(bucket.total());
    format!("{}: {total}\n{}", bucket.title, parts.join("\n"))
}

fn parts(chart: &Chart, bucket: &Bucket, metric: Metric) -> Vec<String> {
    let named = chart.series.iter().zip(&bucket.values);
    named
        .filter(|(_, n)| **n > 0)
        .map(|(name, n)| format!("{name}: {}", metric.words(*n)))
        .collect()
}

/// The chart in one sentence.
fn about(chart: &Chart, metric: Metric) -> String {
    let used = chart.buckets.iter().filter(|bucket| bucket.total() > 0);
    match used.max_by_key(|bucket| bucket.total()) {
        None => "Nothing was used in this time.".to_owned(),
        Some(most) => format!(
            "{} bars, the largest {} with {}.",
            chart.buckets.len(),
            most.title,
            metric.words(most.total())
        ),
    }
}

fn legend(series: &[String]) -> AnyView {
    let item = |(i, name): (usize, &String)| {
        view! {
            <li>
                <svg class="swatch" width="12" height="12" aria-hidden="true"><rect class=format!("series s{i}") width="12" height="12" rx="3"></rect></svg>
                <span>{name.clone()}</span>
            </li>
        }
    };
    view! { <ul class="legend" aria-label="Colours">{series.iter().enumerate().map(item).collect::<Vec<_>>()}</ul> }
        .into_any()
}

fn as_table(chart: &Chart, metric: Metric) -> AnyView {
    let used = chart
        .buckets
        .iter()
        .rev()
        .filter(|bucket| bucket.total() > 0);
    let rows: Vec<_> = used
        .map(|bucket| {
            vec![
                text(bucket.title.clone()),
                text(metric.words(bucket.total())),
                text(parts(chart, bucket, metric).join(", ")),
            ]
        })
        .collect();
    if rows.is_empty() {
        return view! { <p class="muted">"Nothing was used in this time."</p> }.into_any();
    }
    table("The chart as a table", COLUMNS, rows)
}

#[cfg(test)]
mod tests {
    use super::{ABOVE, PLOT, about, y};
    use crate::forms::usage::series::{Bucket, Chart};
    use crate::forms::usage::view::Metric;

    #[test]
    fn nothing_stands_on_the_axis_and_the_whole_at_the_top() {
        assert!((y(0, 10) - (ABOVE + PLOT)).abs() < 1e-9);
        assert!((y(10, 10) - ABOVE).abs() < 1e-9);
        assert!(y(0, 0).is_finite() && y(u64::MAX, u64::MAX) >= ABOVE - 1e-9);
    }

    #[test]
    fn the_description_names_the_largest_bar() {
        let bucket = |title: &str, n| Bucket {
            key: String::new(),
            label: String::new(),
            title: title.to_owned(),
            values: vec![n],
        };
        let mut chart = Chart {
            series: vec!["main".to_owned()],
            buckets: vec![bucket("a", 3), bucket("b", 7)],
        };
        let words = about(&chart, Metric::Calls);
        assert_eq!(words, "2 bars, the largest b with 7 calls.");
        chart.buckets.clear();
        assert_eq!(
            about(&chart, Metric::Calls),
            "Nothing was used in this time."
        );
    }
}
