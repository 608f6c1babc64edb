//! What a gateway's models are used for, and what may still be spent.

mod browser;
mod budgets;
mod calls;
mod chart;
mod extend;
mod gauge;

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::abort::Abort;
use crate::api::download;
use crate::api::live::Live;
use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::ui::button::Button;
use crate::ui::icon::Icon;
use crate::ui::loading::Loading;
use crate::ui::toast::Toasts;

/// How often budgets are asked for.
const EVERY: Duration = Duration::from_secs(5);
/// How often what was refused is asked for.
const REFUSALS_EVERY: Duration = Duration::from_secs(15);
/// Media type of a report as a file.
const CSV: &str = "text/csv";

/// The section.
pub(crate) fn section() -> AnyView {
    let context = GatewayContext::get();
    let budgets = Live::every(EVERY, move |abort| {
        let gateway = context.gateway();
        Box::pin(async move { gateway.budgets(abort).await })
    });
    let refusals = Live::every(REFUSALS_EVERY, move |abort| {
        let gateway = context.gateway();
        Box::pin(async move { gateway.refusals(abort).await })
    });
    let known = Memo::new(move |_| budgets.value.with(Option::is_some));
    let body = move || {
        // Once there is something to show, a failure must not draw it all anew.
        if known.get() {
            return view! {
                {budgets::view(budgets, refusals)}
                {chart::view(budgets)}
                {calls::view()}
            }
            .into_any();
        }
        match budgets.error.get() {
            Some(error) => {
                view! { <Failure what="The budgets" error=error retry=move |()| budgets.refresh() /> }
                    .into_any()
            }
            None => view! { <Loading what="Loading the usage" /> }.into_any(),
        }
    };
    view! {
        <h2 tabindex="-1" data-section-heading="">"Usage"</h2>
        {body}
    }
    .into_any()
}

/// A button that fetches a report as CSV and gives it to the person.
#[component]
fn CsvButton(
    /// Path of the report.
    #[prop(into)]
    path: Signal<String>,
    /// What the file's name says beside the gateway's.
    what: &'static str,
) -> impl IntoView {
    let context = GatewayContext::get();
    let (toasts, abort) = (Toasts::get(), Abort::on_cleanup());
    let busy = RwSignal::new(false);
    let press = move |()| {
        busy.set(true);
        let (gateway, path) = (context.gateway(), path.get_untracked());
        let name = format!("{}-{what}.csv", untrack(move || context.name()));
        spawn_local(async move {
            let answer = gateway.file(&path, CSV, abort).await;
            if abort.ended() {
                return;
            }
            busy.set(false);
            match answer {
                Ok(text) if download::save(&name, CSV, &text) => {}
                Ok(_) => toasts.failed("The browser did not let this page save a file."),
                Err(error) => toasts.failed(error.message()),
            }
        });
    };
    view! {
        <Button on_press=press busy=busy label=format!("Download {what} as CSV")>{Icon::Down.view()} "CSV"</Button>
    }
}
