//! What must stay true of the policy: its own tests, with what they answer now.

use std::time::Duration;

use leptos::prelude::*;

use crate::api::live::Live;
use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::components::verdict;
use crate::forms::policy::expectations::{Outcome, outcomes, questions};
use crate::forms::policy::question::{parts, words};
use crate::paths::{self, Section};
use crate::ui::icon::Icon;
use crate::ui::loading::Loading;
use crate::ui::notice::{Notice, Tone};
use crate::ui::table::{Column, table};

/// How often they are asked again: an exception may end meanwhile.
const EVERY: Duration = Duration::from_secs(30);

const COLUMNS: &[Column] = &[
    ("Expectation", false),
    ("Must be", false),
    ("Is", false),
    ("By", false),
    ("Result", false),
];

/// The section.
pub(crate) fn section() -> AnyView {
    let context = GatewayContext::get();
    let live = Live::every(EVERY, move |abort| {
        let gateway = context.gateway();
        Box::pin(async move {
            let tests = gateway.policy(abort).await?.document.tests;
            if tests.is_empty() {
                return Ok(Vec::new());
            }
            let answers = gateway
                .explain(questions(&tests), None, abort)
                .await?
                .answers;
            Ok(outcomes(&tests, answers))
        })
    });
    let body = move || match (live.value.get(), live.error.get()) {
        (Some(outcomes), _) => results(context, &outcomes),
        (None, Some(error)) => {
            view! { <Failure what="The tests" error=error retry=move |()| live.refresh() /> }
                .into_any()
        }
        (None, None) => view! { <Loading what="Asking the tests" /> }.into_any(),
    };
    view! {
        <h2 tabindex="-1" data-section-heading="">"Tests"</h2>
        <p class="muted">
            "What must stay true of this policy. They are asked on every save, and a save that breaks one takes a reason."
        </p>
        {body}
    }
    .into_any()
}

fn results(context: GatewayContext, outcomes: &[Outcome]) -> AnyView {
    let document = paths::gateway(&context.id(), Section::Document);
    let edit = view! { <p><a class="text-link" href=document>"Edit them under All clauses, as tests"</a></p> };
    if outcomes.is_empty() {
        return view! {
            <div class="empty">
                <p>"The policy has no tests yet. One says, for example, that nobody may run commands from Telegram."</p>
                {edit}
            </div>
        }
        .into_any();
    }
    let broken = outcomes.iter().filter(|outcome| !outcome.holds()).count();
    let (tone, says) = if broken == 0 {
        (Tone::Good, format!("All {} hold.", outcomes.len()))
    } else {
        (
            Tone::Bad,
            format!("{broken} of {} do not hold.", outcomes.len()),
        )
    };
    let row = |outcome: &Outcome| {
        let parts = parts(&outcome.question);
        let href = paths::with_query(&paths::gateway(&context.id(), Section::Explain), &parts);
        let question = words(&outcome.question);
        let name = outcome.name.clone().unwrap_or_else(|| question.clone());
        let (class, icon, word) = if outcome.holds() {
            ("verdict good", Icon::Check, "Holds")
        } else {
            ("verdict bad", Icon::Warning, "Broken")
        };
        let below = outcome.name.is_some().then_some(question);
        vec![
            view! { <a class="text-link" href=href>{name}</a> <span class="sub muted">{below}</span> }.into_any(),
            verdict::view(outcome.expected),
            verdict::view(outcome.answer.decision),
            crate::ui::table::code(outcome.answer.clause.clone()),
            view! { <span class=class>{icon.view()}{word}</span> }.into_any(),
        ]
    };
    view! {
        <Notice tone=tone><p>{says}</p></Notice>
        {table("Tests of the policy", COLUMNS, outcomes.iter().map(row).collect())}
        {edit}
    }
    .into_any()
}
