//! Tokens by day and model.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::wire::gateway::UsageRow;
use leptos::prelude::*;

use crate::api::live::Live;
use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::ui::bars::{Bar, chart};
use crate::ui::loading::Loading;
use crate::ui::text::count;

/// How often usage is asked for.
const EVERY: Duration = Duration::from_secs(10);
/// Most days in the chart.
const DAYS: usize = 14;

/// The section.
pub(crate) fn section() -> AnyView {
    let context = GatewayContext::get();
    let live = Live::every(EVERY, move |abort| {
        let gateway = context.gateway();
        Box::pin(async move { gateway.usage(abort).await.map(|page| page.items) })
    });
    let limit = Memo::new(move |_| context.facts().and_then(|f| f.budget.tokens_per_day));
    let body = move || match (live.value.get(), live.error.get()) {
        (Some(rows), _) if rows.is_empty() => {
            view! { <p class="muted">"No model has been called yet."</p> }.into_any()
        }
        (Some(rows), _) => usage(&rows, limit.get()),
        (None, Some(error)) => {
            view! { <Failure what="The usage" error=error retry=move |()| live.refresh() /> }
                .into_any()
        }
        (None, None) => view! { <Loading what="Loading the usage" /> }.into_any(),
    };
    view! {
        <h2 tabindex="-1" data-section-heading="">"Usage"</h2>
        <p class="muted">"Tokens that went through the gateway, by day in UTC."</p>
        {body}
    }
    .into_any()
}

/// Tokens by day, oldest first, the last [`DAYS`] days that have any.
fn by_day(rows: &[UsageRow]) -> Vec<(String, u64)> {
    let mut days: BTreeMap<&str, u64> = BTreeMap::new();
    for row in rows {
        let tokens = row.input_tokens.saturating_add(row.output_tokens);
        let day = days.entry(&row.day).or_default();
        *day = day.saturating_add(tokens);
    }
    let skip = days.len().saturating_sub(DAYS);
    days.into_iter()
        .skip(skip)
        .map(|(day, tokens)| (day.to_owned(), tokens))
        .collect()
}

fn usage(rows: &[UsageRow], limit: Option<u64>) -> AnyView {
    let bars: Vec<Bar> = by_day(rows)
        .into_iter()
        .map(|(day, value)| Bar {
            label: day.get(5..).unwrap_or(&day).to_owned(),
            title: format!("{day}: {} tokens", count(value)),
            value,
        })
        .collect();
    let top = bars.iter().map(|bar| bar.value).max().unwrap_or(0);
    // A limit far above every bar would flatten them all.
    let shown = limit.filter(|limit| *limit <= top.saturating_mul(4));
    let label = format!("Tokens by day; at most {} on one day", count(top));
    let row = |row: &UsageRow| {
        view! {
            <tr role="row">
                <td role="cell" data-label="Day">{row.day.clone()}</td>
                <td role="cell" data-label="Model"><code class="model">{format!("{}/{}", row.provider, row.model)}</code></td>
                <td role="cell" class="number" data-label="Calls">{count(row.calls)}</td>
                <td role="cell" class="number" data-label="Input tokens">{count(row.input_tokens)}</td>
                <td role="cell" class="number" data-label="Output tokens">{count(row.output_tokens)}</td>
            </tr>
        }
    };
    view! {
        <div class="panel">
            {chart(&bars, shown, label)}
            {shown.map(|limit| view! {
                <p class="muted">{format!("Dashed: the daily limit as it is now, {} tokens.", count(limit))}</p>
            })}
        </div>
        <table role="table" class="stacked" aria-label="Usage by day and model">
            <thead role="rowgroup">
                <tr role="row">
                    <th role="columnheader" scope="col">"Day"</th>
                    <th role="columnheader" scope="col">"Model"</th>
                    <th role="columnheader" scope="col" class="number">"Calls"</th>
                    <th role="columnheader" scope="col" class="number">"Input tokens"</th>
                    <th role="columnheader" scope="col" class="number">"Output tokens"</th>
                </tr>
            </thead>
            <tbody role="rowgroup">{rows.iter().map(row).collect::<Vec<_>>()}</tbody>
        </table>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::by_day;
    use domain::wire::gateway::UsageRow;

    fn row(day: &str, model: &str, tokens: u64) -> UsageRow {
        UsageRow {
            day: day.to_owned(),
            provider: "openai".to_owned(),
            model: model.to_owned(),
            calls: 1,
            input_tokens: tokens,
            output_tokens: 1,
        }
    }

    #[test]
    fn models_of_a_day_add_up_and_days_run_forward() {
        let rows = [
            row("2026-11-22", "a", 10),
            row("2026-11-22", "b", 5),
            row("2026-11-20", "a", 1),
        ];
        let days = by_day(&rows);
        assert_eq!(
            days,
            [("2026-11-20".to_owned(), 2), ("2026-11-22".to_owned(), 17)]
        );
    }

    #[test]
    fn only_the_last_two_weeks_are_drawn_and_nothing_overflows() {
        let rows: Vec<_> = (10..30)
            .map(|d| row(&format!("2026-11-{d}"), "a", u64::MAX))
            .collect();
        let days = by_day(&rows);
        assert_eq!(
            (days.len(), days[0].0.as_str(), days[0].1),
            (14, "2026-11-16", u64::MAX)
        );
    }
}
