//! Every gateway with its live status.

use std::collections::HashMap;
use std::time::Duration;

use domain::id::GatewayId;
use domain::wire::registry::{FleetStatus, GatewaySummary};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::enrol::EnrolDialog;
use super::filter::FilterBar;
use super::row::row;
use crate::api::Api;
use crate::api::live::Live;
use crate::components::audit_alarm;
use crate::components::failure::Failure;
use crate::components::page::titled;
use crate::components::status;
use crate::forms::fleet_filter::FleetFilter;
use crate::paths;
use crate::ui::announce::Announcer;
use crate::ui::button::{Button, Weight};
use crate::ui::clock::Relative;
use crate::ui::icon::Icon;
use crate::ui::loading::Loading;
use crate::ui::notice::{Notice, Tone};

/// How often the registry is asked while somebody looks.
const EVERY: Duration = Duration::from_secs(3);

/// The page.
pub(crate) fn page() -> AnyView {
    let api = Api::get();
    let live = Live::every(EVERY, move |abort| Box::pin(api.gateways(abort)));
    let query = use_query_map();
    let filter = Memo::new(move |_| {
        query.with(|q| FleetFilter::from_query(q.get_str("q"), q.get_str("status")))
    });
    let enrolling = RwSignal::new(false);
    titled(|| "Fleet".to_owned());
    announce_changes(live);

    let loaded = Memo::new(move |_| live.value.with(Option::is_some));
    let empty = Memo::new(move |_| live.value.with(|v| v.as_ref().is_some_and(Vec::is_empty)));
    let body = move || match (loaded.get(), empty.get()) {
        (false, _) => match live.error.get() {
            Some(error) => {
                view! { <Failure what="The fleet" error=error retry=move |()| live.refresh() /> }
                    .into_any()
            }
            None => view! { <Loading what="Loading the fleet" /> }.into_any(),
        },
        (true, true) => nothing_yet(enrolling),
        (true, false) => view! {
            <FilterBar filter=filter gateways=live.value />
            {table(live, filter)}
        }
        .into_any(),
    };
    view! {
        <div class="page-head">
            <div>
                <h1 tabindex="-1" data-page-heading="">"Fleet"</h1>
                <p class="muted updated">{freshness(live)}</p>
            </div>
            <div class="actions">
                <Button on_press=move |()| enrolling.set(true) weight=Weight::Primary>
                    {Icon::Plus.view()} "Enrol a gateway"
                </Button>
            </div>
        </div>
        {move || live.stale().then(|| stale(live))}
        {audit_alarm::of_fleet(Signal::derive(move || live.value.get().unwrap_or_default()))}
        {body}
        <EnrolDialog open=enrolling />
    }
    .into_any()
}

fn freshness(live: Live<Vec<GatewaySummary>>) -> impl Fn() -> Option<AnyView> {
    move || {
        let at = live.at.get()?;
        Some(view! { "Updated " <Relative at=at /> }.into_any())
    }
}

fn stale(live: Live<Vec<GatewaySummary>>) -> AnyView {
    let why = live
        .error
        .with(|e| e.as_ref().map(crate::api::error::ApiError::message));
    view! {
        <Notice tone=Tone::Warn>
            <p>"What you see may be out of date. " {why} " Trying again every few seconds; the gateways keep working meanwhile."</p>
        </Notice>
    }
    .into_any()
}

fn table(live: Live<Vec<GatewaySummary>>, filter: Memo<FleetFilter>) -> AnyView {
    let gateways = Memo::new(move |_| {
        let all = live.value.get().unwrap_or_default();
        all.into_iter()
            .map(|g| (g.id.clone(), g))
            .collect::<HashMap<GatewayId, GatewaySummary>>()
    });
    let shown = Memo::new(move |_| {
        let filter = filter.get();
        let mut shown: Vec<_> = gateways.with(|all| {
            let fits = all.values().filter(|g| filter.matches(g));
            fits.map(|g| (g.name.clone(), g.id.clone())).collect()
        });
        shown.sort_unstable();
        shown
            .into_iter()
            .map(|(_, id): (_, GatewayId)| id)
            .collect::<Vec<_>>()
    });
    view! {
        <Show when=move || shown.with(Vec::is_empty)>
            <div class="empty">
                <p>"No gateway matches this filter."</p>
                <a class="button" href=paths::fleet()>"Show all"</a>
            </div>
        </Show>
        <table role="table" class="stacked fleet" aria-label="Gateways" hidden=move || shown.with(Vec::is_empty)
            data-stale=move || live.stale().to_string()>
            <thead role="rowgroup">
                <tr role="row">
                    <th role="columnheader" scope="col">"Gateway"</th>
                    <th role="columnheader" scope="col">"Status"</th>
                    <th role="columnheader" scope="col">"Policy"</th>
                    <th role="columnheader" scope="col">"Tokens today"</th>
                    <th role="columnheader" scope="col">"Models"</th>
                    <th role="columnheader" scope="col">"OpenClaw"</th>
                    <th role="columnheader" scope="col">"State"</th>
                    <th role="columnheader" scope="col"><span class="visually-hidden">"Open"</span></th>
                </tr>
            </thead>
            <tbody role="rowgroup">
                <For each=move || shown.get() key=Clone::clone children=move |id| row(id, gateways) />
            </tbody>
        </table>
    }
    .into_any()
}

fn nothing_yet(enrolling: RwSignal<bool>) -> AnyView {
    view! {
        <div class="empty">
            <h2>"No gateway is enrolled yet"</h2>
            <p>
                "A gateway joins with a one-use token: create one here, and give it to the gateway within a few minutes."
            </p>
            <Button on_press=move |()| enrolling.set(true) weight=Weight::Primary>
                {Icon::Plus.view()} "Create a join token"
            </Button>
        </div>
    }
    .into_any()
}

/// Says changes of status aloud; the first answer is no change.
fn announce_changes(live: Live<Vec<GatewaySummary>>) {
    let announcer = Announcer::get();
    Effect::new(move |before: Option<HashMap<GatewayId, FleetStatus>>| {
        let now = live.value.get().unwrap_or_default();
        if let Some(before) = before.filter(|before| !before.is_empty()) {
            let said: Vec<_> = changes(&before, &now);
            if !said.is_empty() {
                announcer.say(said.join(". "));
            }
        }
        now.into_iter().map(|g| (g.id, g.status)).collect()
    });
}

fn changes(before: &HashMap<GatewayId, FleetStatus>, now: &[GatewaySummary]) -> Vec<String> {
    let changed = |g: &&GatewaySummary| before.get(&g.id) != Some(&g.status);
    now.iter()
        .filter(changed)
        .map(|g| format!("{} is {}", g.name, status::fleet(g.status).1))
        .collect()
}
