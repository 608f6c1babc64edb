//! Tokens used today against the daily limit.

use domain::wire::gateway::BudgetStatus;
use leptos::prelude::*;

use crate::ui::clock::Relative;
use crate::ui::meter::Meter;
use crate::ui::text::{count, count_short, percent};

/// The use of today in words.
pub(crate) fn in_words(budget: &BudgetStatus) -> String {
    let used = count(budget.tokens_used);
    match budget.tokens_per_day {
        Some(limit) => {
            let share = percent(budget.tokens_used, limit, 999);
            format!("{used} of {} tokens ({share} %)", count(limit))
        }
        None => format!("{used} tokens, no limit"),
    }
}

/// A line for the fleet: numbers and a small bar.
pub(crate) fn small(budget: Signal<BudgetStatus>) -> AnyView {
    let limit = move || budget.get().tokens_per_day;
    view! {
        <div class="budget-small" title=move || in_words(&budget.get())>
            <span class="numbers">
                {move || count_short(budget.get().tokens_used)}
                <span class="muted">
                    {move || limit().map_or(" no limit".to_owned(), |l| format!(" / {}", count_short(l)))}
                </span>
            </span>
            <Show when=move || limit().is_some()>
                <Meter label="Tokens used today" used=Signal::derive(move || budget.get().tokens_used)
                    whole=Signal::derive(move || limit().unwrap_or(0))
                    text=Signal::derive(move || in_words(&budget.get())) />
            </Show>
        </div>
    }
    .into_any()
}

/// The panel of a gateway's overview.
pub(crate) fn panel(budget: Signal<BudgetStatus>) -> AnyView {
    let limit = move || budget.get().tokens_per_day;
    let spent = move || limit().is_some_and(|limit| budget.get().tokens_used >= limit);
    view! {
        <p class="figure">
            {move || count(budget.get().tokens_used)}
            <span class="muted">
                {move || limit().map_or(" tokens, no limit".to_owned(), |l| format!(" of {} tokens", count(l)))}
            </span>
        </p>
        <Show when=move || limit().is_some()>
            <Meter label="Tokens used today" used=Signal::derive(move || budget.get().tokens_used)
                whole=Signal::derive(move || limit().unwrap_or(0))
                text=Signal::derive(move || in_words(&budget.get())) />
        </Show>
        <p class="muted">
            <Show when=spent>
                <strong class="text-bad">"Used up: model calls are refused. "</strong>
            </Show>
            "Starts again " <Relative at=Signal::derive(move || budget.get().resets_at) />
            {move || budget.get().time_zone.map(|zone| format!(", at midnight in {zone}"))} "."
        </p>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::in_words;
    use domain::wire::gateway::BudgetStatus;

    #[test]
    fn a_budget_reads_in_words() {
        let mut budget = BudgetStatus {
            tokens_per_day: Some(1_000),
            tokens_used: 250,
            resets_at: chrono::DateTime::UNIX_EPOCH,
            time_zone: None,
            stopped: None,
        };
        assert_eq!(in_words(&budget), "250 of 1\u{202f}000 tokens (25 %)");
        budget.tokens_used = 1_500;
        assert_eq!(
            in_words(&budget),
            "1\u{202f}500 of 1\u{202f}000 tokens (150 %)"
        );
        budget.tokens_per_day = None;
        assert_eq!(in_words(&budget), "1\u{202f}500 tokens, no limit");
    }
}
