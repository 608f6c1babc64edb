//! Who did what at a gateway, newest first.

use domain::wire::gateway::AuditEntry;
use leptos::prelude::*;

use crate::components::failure::Failure;
use crate::components::paged::Paged;
use crate::ui::clock::Relative;
use crate::ui::loading::Loading;

/// The section.
pub(crate) fn section() -> AnyView {
    let list = Paged::<AuditEntry>::new(
        |entry| entry.seq,
        |gateway, before, abort| {
            Box::pin(async move { gateway.audit(before.as_deref(), abort).await })
        },
    );
    let loaded = Memo::new(move |_| list.live.value.with(Option::is_some));
    let empty = Memo::new(move |_| list.items().is_empty());
    let body = move || match (loaded.get(), list.live.error.get()) {
        (true, _) if empty.get() => {
            view! { <p class="muted">"Nothing has happened yet."</p> }.into_any()
        }
        (true, _) => table(list),
        (false, Some(error)) => {
            view! { <Failure what="The audit" error=error retry=move |()| list.live.refresh() /> }
                .into_any()
        }
        (false, None) => view! { <Loading what="Loading the audit" /> }.into_any(),
    };
    view! {
        <h2 tabindex="-1" data-section-heading="">"Audit"</h2>
        {body}
    }
    .into_any()
}

fn table(list: Paged<AuditEntry>) -> AnyView {
    let row = |entry: AuditEntry| {
        view! {
            <tr role="row">
                <td role="cell" data-label="When"><Relative at=entry.at /></td>
                <td role="cell" data-label="Who">{entry.actor}</td>
                <td role="cell" data-label="What"><code>{entry.action}</code></td>
                <td role="cell" data-label="Detail" class="prose">{entry.detail}</td>
            </tr>
        }
    };
    view! {
        <table role="table" class="stacked" aria-label="Audit">
            <thead role="rowgroup">
                <tr role="row">
                    <th role="columnheader" scope="col">"When"</th>
                    <th role="columnheader" scope="col">"Who"</th>
                    <th role="columnheader" scope="col">"What"</th>
                    <th role="columnheader" scope="col">"Detail"</th>
                </tr>
            </thead>
            <tbody role="rowgroup">
                <For each=move || list.items() key=|e| e.seq children=row />
            </tbody>
        </table>
        {list.more_button()}
    }
    .into_any()
}
