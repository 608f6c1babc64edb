//! The fleet's filter: it lives in the address.

use domain::wire::registry::GatewaySummary;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use crate::components::status;
use crate::forms::fleet_filter::{FleetFilter, STATUSES};
use crate::paths;
use crate::ui::icon::Icon;

/// A search field, and one switch for each status that occurs.
#[component]
pub(crate) fn FilterBar(
    /// The filter in the address.
    filter: Memo<FleetFilter>,
    /// The fleet, for the counts.
    gateways: RwSignal<Option<Vec<GatewaySummary>>>,
) -> impl IntoView {
    let navigate = use_navigate();
    let go = Callback::new(move |filter: FleetFilter| {
        // Typing replaces the address, so that Back leaves the page and not a letter.
        let options = NavigateOptions {
            replace: true,
            scroll: false,
            ..NavigateOptions::default()
        };
        navigate(&paths::fleet_filtered(&filter), options);
    });
    let typed = move |text: String| {
        go.run(FleetFilter {
            text,
            ..filter.get_untracked()
        })
    };
    let count = move |wanted| {
        gateways.with(|all| all.iter().flatten().filter(|g| g.status == wanted).count())
    };
    let chip = move |wanted| {
        let on = move || filter.with(|f| f.statuses.contains(&wanted));
        let counted = Memo::new(move |_| count(wanted));
        view! {
            <button type="button" class="filter-chip" aria-pressed=move || on().to_string()
                hidden=move || counted.get() == 0 && !on()
                on:click=move |_| go.run(filter.get_untracked().toggled(wanted))>
                {status::badge(status::fleet(wanted))}
                <span class="count">{move || counted.get()}</span>
            </button>
        }
    };
    view! {
        <div class="filters" role="search">
            <div class="search">
                {Icon::Search.view()}
                <label class="visually-hidden" for="fleet-search">"Search by name or address"</label>
                <input id="fleet-search" type="search" placeholder="Search by name or address" autocomplete="off"
                    prop:value=move || filter.get().text
                    on:input:target=move |event| typed(event.target().value()) />
            </div>
            <div class="filter-chips" role="group" aria-label="Show only">{STATUSES.map(chip)}</div>
            <Show when=move || !filter.with(FleetFilter::is_empty)>
                <a class="text-link" href=paths::fleet()>"Clear the filter"</a>
            </Show>
        </div>
    }
}
