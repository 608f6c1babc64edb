//! What was used over time, and by whom.

use std::time::Duration;

use domain::wire::usage::{BudgetsReport, UsageGroup};
use leptos::prelude::*;

use super::CsvButton;
use crate::api::live::Live;
use crate::api::zone::Zone;
use crate::components::address::Address;
use crate::components::chart;
use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::forms::usage::series::{self, Chart, Line};
use crate::forms::usage::view::{Metric, Split, Step, UsageView};
use crate::ui::choices::choices;
use crate::ui::loading::Loading;
use crate::ui::table::{Column, table, text};
use crate::ui::text::{count, percent, usd};

/// How often the report is asked for.
const EVERY: Duration = Duration::from_secs(10);

const COLUMNS: &[Column] = &[
    ("Who or what", false),
    ("Calls", true),
    ("Input tokens", true),
    ("of that cached", true),
    ("Output tokens", true),
    ("Cost", true),
    ("Share", false),
];

/// The report, and what it was asked for as.
type Report = (UsageView, Vec<UsageGroup>);

/// The panel.
pub(super) fn view(budgets: Live<BudgetsReport>) -> AnyView {
    let context = GatewayContext::get();
    let address = Address::here();
    let wanted =
        Memo::new(move |_| address.with(|query| UsageView::read(|key| query.get_str(key))));
    let path = move |view: UsageView| {
        let today = budgets
            .value
            .with(|report| report.as_ref().map(|r| r.day.clone()));
        let today = today.and_then(|day| day.parse().ok());
        let (from, to) = series::range(view, today.unwrap_or(crate::api::now().date_naive()));
        view.report(&from, &to)
    };
    let live: Live<Report> = Live::every(EVERY, move |abort| {
        let gateway = context.gateway();
        let view = wanted.get_untracked();
        let path = untrack(move || path(view));
        Box::pin(async move { Ok((view, gateway.usage(&path, abort).await?.items)) })
    });
    Effect::new(move |before: Option<UsageView>| {
        let now = wanted.get();
        if before.is_some_and(|before| before != now) {
            live.refresh();
        }
        now
    });
    let zone = Memo::new(move |_| {
        let report = budgets.value.get();
        report.map(|report| (report.day, report.time_zone, limits(&report.accounts)))
    });
    let body = move || match (live.value.get(), zone.get(), live.error.get()) {
        (Some((view, rows)), Some((day, zone, limits)), _) => {
            drawn(view, &rows, &day, &zone, limits)
        }
        (_, _, Some(error)) => {
            view! { <Failure what="The usage" error=error retry=move |()| live.refresh() /> }
                .into_any()
        }
        _ => view! { <Loading what="Loading the usage" /> }.into_any(),
    };
    view! {
        <section class="panel" aria-labelledby="u-chart">
            <div class="panel-head">
                <h3 id="u-chart">"Over time"</h3>
                <CsvButton path=Signal::derive(move || path(wanted.get())) what="usage" />
            </div>
            {controls(address, wanted)}
            {body}
        </section>
    }
    .into_any()
}

/// Daily limits of the gateway: tokens, cost.
fn limits(accounts: &[domain::wire::usage::AccountReport]) -> (Option<u64>, Option<u64>) {
    let whole = accounts.iter().find(|account| account.agent.is_none());
    whole.map_or((None, None), |account| {
        (account.tokens.limit, account.cost_micro_usd.limit)
    })
}

fn controls(address: Address, wanted: Memo<UsageView>) -> AnyView {
    let slugs = |all: &[(&str, &str)]| {
        let owned = |(slug, words): &(&str, &str)| ((*slug).to_owned(), (*words).to_owned());
        all.iter().map(owned).collect::<Vec<_>>()
    };
    let set = move |key: &'static str| Callback::new(move |value: String| address.set(key, &value));
    let metric = Signal::derive(move || slug(&Metric::ALL, &wanted.get().metric));
    let step = Signal::derive(move || slug(&Step::ALL, &wanted.get().step));
    let split = Signal::derive(move || slug(&Split::ALL, &wanted.get().split));
    let days = Signal::derive(move || wanted.get().days.to_string());
    // Another length of the bars has other spans.
    let set_step = Callback::new(move |value: String| {
        address.set_all(&[("step", &value), ("days", "")]);
    });
    let spans = move || {
        let mut spans = wanted.get().step.spans();
        spans.sort_unstable_by_key(|(days, _)| *days);
        let spans = spans.map(|(days, words)| (days.to_string(), words.to_owned()));
        choices("Of the last", spans.into(), days, set("days"))
    };
    view! {
        <div class="controls">
            {choices("Show", slugs(&Metric::ALL.map(|(_, s, w)| (s, w))), metric, set("metric"))}
            {choices("Bars", slugs(&Step::ALL.map(|(_, s, w)| (s, w))), step, set_step)}
            {spans}
            {choices("Colours", slugs(&Split::ALL.map(|(_, s, w)| (s, w))), split, set("split"))}
        </div>
    }
    .into_any()
}

fn slug<T: PartialEq>(all: &[(T, &str, &str)], choice: &T) -> String {
    let found = all.iter().find(|(one, _, _)| one == choice);
    found.map_or_else(String::new, |(_, slug, _)| (*slug).to_owned())
}

fn drawn(
    view: UsageView,
    rows: &[UsageGroup],
    day: &str,
    zone: &str,
    limits: (Option<u64>, Option<u64>),
) -> AnyView {
    let now = crate::api::now();
    let clocks = Zone::new(zone);
    let today = day.parse().unwrap_or(now.date_naive());
    let slots = series::slots(view, today, now, |at| clocks.read(at));
    let rows = &series::within(rows, view, &slots);
    let chart: Chart = series::chart(rows, view, slots);
    let limit = match (view.step, view.metric) {
        (Step::Day, Metric::Tokens) => limits.0,
        (Step::Day, Metric::Cost) => limits.1,
        _ => None,
    };
    let (what, per) = (
        match view.metric {
            Metric::Tokens => "Tokens",
            Metric::Cost => "Cost",
            Metric::Calls => "Model calls",
        },
        match view.step {
            Step::Day => "by day",
            Step::Hour => "by hour",
        },
    );
    let title = format!("{what} {per}, in {zone}");
    let totals = series::total(rows);
    let unpriced = (view.metric == Metric::Cost && totals.unpriced_calls > 0).then(|| {
        let n = count(totals.unpriced_calls);
        view! { <p class="muted">{format!("{n} calls went to models without a price; what they cost is not known and not drawn.")}</p> }
    });
    let sessions = (view.split == Split::Session).then(|| {
        view! { <p class="muted">"Sessions reach back seven days: that is how long single calls are kept."</p> }
    });
    view! {
        {chart::view(&chart, view.metric, limit, title)}
        {unpriced}
        {sessions}
        {sums(view, rows)}
    }
    .into_any()
}

fn sums(view: UsageView, rows: &[UsageGroup]) -> AnyView {
    let lines = series::sums(rows, view.split, view.metric);
    if lines.is_empty() {
        return view! { <p class="muted">"No model was called in this time."</p> }.into_any();
    }
    let whole = view.metric.of(&series::total(rows));
    let row = |line: &Line| {
        let totals = &line.totals;
        let share = percent(view.metric.of(totals), whole, 100);
        let cost = if totals.calls > 0 && totals.unpriced_calls == totals.calls {
            "not known".to_owned()
        } else {
            usd(totals.cost_micro_usd)
        };
        vec![
            text(line.name.clone()),
            text(count(totals.calls)),
            text(count(totals.input_tokens)),
            text(count(totals.cached_input_tokens)),
            text(count(totals.output_tokens)),
            text(cost),
            share_bar(share),
        ]
    };
    let label = match view.split {
        Split::Agent => "By agent",
        Split::Model => "By model",
        Split::Session => "By session",
    };
    view! {
        <h4>{label}</h4>
        {table(label, COLUMNS, lines.iter().take(50).map(row).collect())}
    }
    .into_any()
}

fn share_bar(share: u64) -> AnyView {
    view! {
        <span class="share">
            <svg class="share-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                <rect class="meter-track" width="100" height="8"></rect>
                <rect class="meter-fill" width=share height="8"></rect>
            </svg>
            <span class="numbers">{format!("{share} %")}</span>
        </span>
    }
    .into_any()
}
