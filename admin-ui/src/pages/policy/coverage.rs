//! What enforces each clause that the policy states, and whether a test has shown it.

use std::time::Duration;

use domain::policy::coverage::Covered;
use domain::wire::gateway::Coverage;
use leptos::prelude::*;

use crate::api::live::Live;
use crate::components::address::Address;
use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::components::verdict;
use crate::forms::policy::coverage::{CoverageFilter, ENFORCERS, is_proven};
use crate::forms::policy::schema::about;
use crate::ui::choices::{choices, search, select};
use crate::ui::loading::Loading;
use crate::ui::meter::Meter;
use crate::ui::table::{Column, table, text};

/// How often it is asked for.
const EVERY: Duration = Duration::from_secs(30);

const COLUMNS: &[Column] = &[
    ("Clause", false),
    ("Enforced by", false),
    ("How", false),
    ("Shown", false),
];

/// The section.
pub(crate) fn section() -> AnyView {
    let context = GatewayContext::get();
    let address = Address::here();
    let live = Live::every(EVERY, move |abort| {
        let gateway = context.gateway();
        Box::pin(async move { gateway.coverage(abort).await })
    });
    let body = move || match (live.value.get(), live.error.get()) {
        (Some(coverage), _) => covered(&coverage, address),
        (None, Some(error)) => {
            view! { <Failure what="The coverage" error=error retry=move |()| live.refresh() /> }
                .into_any()
        }
        (None, None) => view! { <Loading what="Loading the coverage" /> }.into_any(),
    };
    let part = move |key: &'static str| Signal::derive(move || address.get(key));
    let set = move |key: &'static str| Callback::new(move |value: String| address.set(key, &value));
    let owned = |slug: &str, words: &str| (slug.to_owned(), words.to_owned());
    let shown = vec![
        owned("", "All"),
        owned("proven", "Proven"),
        owned("declared", "Declared only"),
    ];
    let by = std::iter::once(owned("", "Anything"))
        .chain(ENFORCERS.iter().map(|(_, slug, words)| owned(slug, words)));
    view! {
        <h2 tabindex="-1" data-section-heading="">"Coverage"</h2>
        <p class="muted">
            "Declared is not enforced. A clause counts as proven when a test ran the real OpenClaw with and without it, and saw the difference."
        </p>
        <div class="controls">
            {search("Search clauses", part("q"), set("q"))}
            {choices("Show", shown, part("show"), set("show"))}
            {select("Meant for", by.collect(), part("by"), set("by"))}
        </div>
        {body}
    }
    .into_any()
}

fn covered(coverage: &Coverage, address: Address) -> AnyView {
    let filter = CoverageFilter::read(&address.get("q"), &address.get("show"), &address.get("by"));
    let all = u64::try_from(coverage.clauses.len()).unwrap_or(0);
    let proven = coverage.clauses.iter().filter(|clause| is_proven(clause));
    let proven = u64::try_from(proven.count()).unwrap_or(0);
    let words = format!(
        "{proven} of {all} clauses of v{} are proven",
        coverage.version
    );
    let rows: Vec<_> = coverage
        .clauses
        .iter()
        .filter(|clause| filter.lets(clause))
        .map(row)
        .collect();
    let found = if rows.is_empty() {
        view! { <div class="empty"><p>"No clause of this policy matches."</p></div> }.into_any()
    } else {
        table("Clauses and what enforces them", COLUMNS, rows)
    };
    view! {
        <div class="panel">
            <p class="figure">{proven} <span class="muted">{format!(" of {all} clauses that v{} states are proven", coverage.version)}</span></p>
            <Meter label="Proven clauses" calm=true used=Signal::stored(proven) whole=Signal::stored(all.max(1)) text=Signal::stored(words) />
        </div>
        {found}
    }
    .into_any()
}

fn row(clause: &Covered) -> Vec<AnyView> {
    let meaning = about(&clause.pointer).map(|about| about.text);
    let proof = clause
        .proof
        .clone()
        .map(|proof| view! { <code class="sub muted">{proof}</code> });
    let proven = is_proven(clause);
    vec![
        view! { <code>{clause.pointer.clone()}</code> <span class="sub muted">{meaning}</span> }
            .into_any(),
        text(verdict::enforcer(clause.meant_for)),
        text(clause.compiles_to.clone()),
        view! { {verdict::proven(proven)} {proof} }.into_any(),
    ]
}
