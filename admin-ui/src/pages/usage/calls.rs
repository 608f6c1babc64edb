//! The latest model calls, one by one. Neither prompts nor answers are kept.

use std::time::Duration;

use domain::wire::usage::{CallOutcome, CallRow};
use leptos::prelude::*;

use super::CsvButton;
use crate::api::live::Live;
use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::components::status::{self, Mood};
use crate::ui::button::Button;
use crate::ui::clock::Relative;
use crate::ui::loading::Loading;
use crate::ui::table::{Column, code, or_dash, table, text};
use crate::ui::text::{count, millis, usd};

/// How often they are asked for.
const EVERY: Duration = Duration::from_secs(10);
/// Calls shown at first.
const FIRST: usize = 10;

const COLUMNS: &[Column] = &[
    ("When", false),
    ("Agent", false),
    ("Model", false),
    ("Input", true),
    ("Output", true),
    ("Cost", true),
    ("First byte", true),
    ("In all", true),
    ("Outcome", false),
];

/// The panel.
pub(super) fn view() -> AnyView {
    let context = GatewayContext::get();
    let all = RwSignal::new(false);
    let live = Live::every(EVERY, move |abort| {
        let gateway = context.gateway();
        Box::pin(async move { Ok(gateway.calls(abort).await?.items) })
    });
    let body = move || match (live.value.get(), live.error.get()) {
        (Some(calls), _) if calls.is_empty() => {
            view! { <p class="muted">"No model has been called in the last seven days."</p> }
                .into_any()
        }
        (Some(calls), _) => listed(&calls, all),
        (None, Some(error)) => {
            view! { <Failure what="The calls" error=error retry=move |()| live.refresh() /> }
                .into_any()
        }
        (None, None) => view! { <Loading what="Loading the calls" /> }.into_any(),
    };
    view! {
        <section class="panel" aria-labelledby="u-calls">
            <div class="panel-head">
                <h3 id="u-calls">"Latest calls"</h3>
                <CsvButton path=Signal::derive(|| "usage/calls".to_owned()) what="calls" />
            </div>
            <p class="muted">"Of prompts and answers nothing is kept. Refused calls never start, so they are not among these."</p>
            {body}
        </section>
    }
    .into_any()
}

fn listed(calls: &[CallRow], all: RwSignal<bool>) -> AnyView {
    let shown = if all.get() { calls.len() } else { FIRST };
    let rows = calls.iter().take(shown).map(row).collect();
    let more = (calls.len() > shown).then(|| {
        let text = format!("Show all {}", calls.len());
        view! { <p><Button on_press=move |()| all.set(true)>{text}</Button></p> }
    });
    view! {
        {table("Latest calls", COLUMNS, rows)}
        {more}
    }
    .into_any()
}

fn row(call: &CallRow) -> Vec<AnyView> {
    let session = call.session.clone().map(|session| {
        view! { <code class="sub muted">{session}</code> }
    });
    let agent = or_dash(call.agent.clone());
    let estimated = if call.estimated { "about " } else { "" };
    vec![
        view! { <Relative at=call.at /> }.into_any(),
        view! { {agent} {session} }.into_any(),
        code(call.model.clone()),
        text(format!("{estimated}{}", count(call.usage.input_tokens))),
        text(format!("{estimated}{}", count(call.usage.output_tokens))),
        or_dash(call.cost_micro_usd.map(usd)),
        or_dash(call.first_byte_ms.map(millis)),
        text(millis(call.total_ms)),
        status::badge(outcome(call.outcome)),
    ]
}

/// How a call ended, in a word.
const fn outcome(outcome: CallOutcome) -> (Mood, &'static str) {
    match outcome {
        CallOutcome::Finished => (Mood::Good, "Finished"),
        CallOutcome::Cut => (Mood::Warn, "Cut short"),
        CallOutcome::Stopped => (Mood::Idle, "Stopped"),
        CallOutcome::Lost => (Mood::Bad, "Lost"),
    }
}
