//! Every saved version of a policy, newest first.

use domain::wire::gateway::PolicyVersion;
use leptos::prelude::*;

use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::components::paged::Paged;
use crate::components::status;
use crate::ui::clock::Relative;
use crate::ui::loading::Loading;
use crate::ui::text::short_hash;

/// The section.
pub(crate) fn section() -> AnyView {
    let context = GatewayContext::get();
    let list = Paged::<PolicyVersion>::new(
        |version| version.version,
        |gateway, before, abort| {
            Box::pin(async move { gateway.versions(before.as_deref(), abort).await })
        },
    );
    let loaded = Memo::new(move |_| list.live.value.with(Option::is_some));
    let body = move || {
        match (loaded.get(), list.live.error.get()) {
        (true, _) => table(context, list),
        (false, Some(error)) => {
            view! { <Failure what="The versions" error=error retry=move |()| list.live.refresh() /> }.into_any()
        }
        (false, None) => view! { <Loading what="Loading the versions" /> }.into_any(),
    }
    };
    view! {
        <h2 tabindex="-1" data-section-heading="">"Versions"</h2>
        <p class="muted">"Every version that was ever saved. OpenClaw runs the one marked as in force."</p>
        {body}
    }
    .into_any()
}

fn table(context: GatewayContext, list: Paged<PolicyVersion>) -> AnyView {
    let policy = Memo::new(move |_| context.facts().map(|facts| facts.policy));
    let row = move |version: PolicyVersion| {
        let n = version.version;
        let mark = move || {
            policy.get().map(|policy| {
                let in_force = policy.effective_version == Some(n);
                let newest = policy.version == n;
                view! {
                    {in_force.then(|| view! { <span class="tag plain">"In force"</span> })}
                    {(newest && !in_force).then(|| status::badge(status::apply(policy.state)))}
                }
            })
        };
        view! {
            <tr role="row">
                <th role="rowheader" scope="row" data-label="Version">{format!("v{n}")} " " {mark}</th>
                <td role="cell" data-label="Saved"><Relative at=version.created_at /></td>
                <td role="cell" data-label="By">{version.author}</td>
                <td role="cell" data-label="Note" class="prose">
                    {version.note.unwrap_or_else(|| "–".to_owned())}
                </td>
                <td role="cell" data-label="Hash"><code title=version.hash>{short_hash(&version.hash)}</code></td>
            </tr>
        }
    };
    view! {
        <table role="table" class="stacked" aria-label="Versions">
            <thead role="rowgroup">
                <tr role="row">
                    <th role="columnheader" scope="col">"Version"</th>
                    <th role="columnheader" scope="col">"Saved"</th>
                    <th role="columnheader" scope="col">"By"</th>
                    <th role="columnheader" scope="col">"Note"</th>
                    <th role="columnheader" scope="col">"Hash"</th>
                </tr>
            </thead>
            <tbody role="rowgroup">
                <For each=move || list.items() key=|v| v.version children=row />
            </tbody>
        </table>
        {list.more_button()}
    }
    .into_any()
}
