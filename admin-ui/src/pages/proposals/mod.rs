//! What agents and people propose to change, and the decision on it.

mod detail;

use domain::proposal::{Proposal, State};
use leptos::prelude::*;

use crate::components::address::Address;
use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::components::paged::Paged;
use crate::components::status::{self, Mood};
use crate::forms::proposal::{STATES, kind_words, number, state_of, state_words};
use crate::paths::{self, Section};
use crate::ui::choices::choices;
use crate::ui::clock::Relative;
use crate::ui::loading::Loading;
use crate::ui::table::{Column, code, table, text};

const COLUMNS: &[Column] = &[
    ("Proposal", false),
    ("What", false),
    ("By", false),
    ("Why", false),
    ("Made", false),
    ("State", false),
];

/// The section: all of them, or the one that the address names.
pub(crate) fn section() -> AnyView {
    let address = Address::here();
    let chosen = Memo::new(move |_| address.get("id"));
    let body = move || {
        let id = chosen.get();
        if id.is_empty() {
            list(address)
        } else {
            detail::view(id)
        }
    };
    view! {
        <h2 tabindex="-1" data-section-heading="">"Proposals"</h2>
        {body}
    }
    .into_any()
}

fn list(address: Address) -> AnyView {
    let context = GatewayContext::get();
    let paged = Paged::<Proposal>::new(number, |gateway, before, abort| {
        Box::pin(async move { gateway.proposals(before.as_deref(), abort).await })
    });
    let loaded = Memo::new(move |_| paged.live.value.with(Option::is_some));
    let body = move || {
        match (loaded.get(), paged.live.error.get()) {
        (true, _) => {
            let wanted = state_of(&address.get("state"));
            rows(context, &paged.items(), wanted)
        }
        (false, Some(error)) => {
            view! { <Failure what="The proposals" error=error retry=move |()| paged.live.refresh() /> }
                .into_any()
        }
        (false, None) => view! { <Loading what="Loading the proposals" /> }.into_any(),
    }
    };
    let states = std::iter::once((String::new(), "All".to_owned()))
        .chain(STATES.map(|(_, slug, words)| (slug.to_owned(), words.to_owned())));
    let current = Signal::derive(move || address.get("state"));
    let set = Callback::new(move |value: String| address.set("state", &value));
    view! {
        <p class="muted">
            "Agents propose changes to what governs them; a person decides, once, and never on their own proposal."
        </p>
        <div class="controls">{choices("Show", states.collect(), current, set)}</div>
        {body}
        {move || loaded.get().then(|| paged.more_button())}
    }
    .into_any()
}

fn rows(context: GatewayContext, all: &[Proposal], wanted: Option<State>) -> AnyView {
    let shown = all
        .iter()
        .filter(|proposal| wanted.is_none_or(|state| state == proposal.state));
    let path = paths::gateway(&context.id(), Section::Proposals);
    let row = |proposal: &Proposal| {
        let href = paths::with_query(&path, &[("id", &proposal.id)]);
        let name = proposal.id.clone();
        let kind = kind_words(proposal.draft.kind);
        let target = code(proposal.draft.target.clone());
        let pending = proposal.state == State::Pending;
        let lapses = pending.then(|| {
            view! { <span class="sub muted">"lapses " <Relative at=proposal.expires_at /></span> }
        });
        vec![
            view! { <a class="row-link" href=href>{name}</a> }.into_any(),
            view! { {target} <span class="sub muted">{kind}</span> }.into_any(),
            text(proposal.author.clone()),
            text(proposal.draft.reason.clone()),
            view! { <Relative at=proposal.created_at /> }.into_any(),
            view! { {badge(proposal.state)} {lapses} }.into_any(),
        ]
    };
    let rows: Vec<_> = shown.map(row).collect();
    if rows.is_empty() {
        let says = match wanted {
            None => "Nobody has proposed anything yet.".to_owned(),
            Some(state) => format!("None of them is in this state: {}.", state_words(state)),
        };
        return view! { <div class="empty"><p>{says}</p></div> }.into_any();
    }
    table("Proposals", COLUMNS, rows)
}

/// A state with its shape.
fn badge(state: State) -> AnyView {
    let mood = match state {
        State::Pending => Mood::Warn,
        State::Approved | State::Applied => Mood::Good,
        State::Rejected | State::Refused => Mood::Bad,
        State::Expired => Mood::Idle,
    };
    status::badge((mood, state_words(state)))
}
