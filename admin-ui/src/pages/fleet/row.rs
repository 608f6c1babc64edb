//! One gateway of the fleet.

use std::collections::HashMap;

use domain::id::GatewayId;
use domain::wire::gateway::{BudgetStatus, ModelInfo, PolicyStatus, SandboxPhase};
use domain::wire::registry::{GatewaySummary, Heartbeat};
use leptos::prelude::*;

use crate::components::{audit_alarm, budget, status, stopped};
use crate::paths::{self, Section};
use crate::ui::clock::Relative;
use crate::ui::link::{external, external_named};
use crate::ui::text::{bytes, plural, short_hash};

/// Its row.
pub(crate) fn row(id: GatewayId, all: Memo<HashMap<GatewayId, GatewaySummary>>) -> AnyView {
    let href = paths::gateway(&id, Section::Overview);
    let gateway = Memo::new(move |last: Option<&Option<GatewaySummary>>| {
        // What just left the fleet keeps its last look until its row is gone.
        all.with(|all| all.get(&id).cloned())
            .or_else(|| last.cloned().flatten())
    });
    let of =
        move |read: fn(&GatewaySummary) -> AnyView| move || gateway.with(|g| g.as_ref().map(read));
    let heartbeat = move || gateway.with(|g| g.as_ref().and_then(|g| g.heartbeat.clone()));
    let budget = Memo::new(move |_| heartbeat().map(|h| h.budget));
    let policy = Memo::new(move |_| heartbeat().map(|h| h.policy));
    let models = Memo::new(move |_| heartbeat().map(|h| h.models).unwrap_or_default());
    let name = Memo::new(move |_| {
        gateway
            .with(|g| g.as_ref().map(|g| g.name.to_string()))
            .unwrap_or_default()
    });
    let url = Memo::new(move |_| {
        gateway
            .with(|g| g.as_ref().map(|g| g.url.clone()))
            .unwrap_or_default()
    });
    view! {
        <tr role="row">
            <th role="rowheader" scope="row" data-label="Gateway">
                <a class="row-link" href=href>{move || name.get()}</a>
                <span class="muted url">{move || url.get()}</span>
            </th>
            <td role="cell" data-label="Status">{of(status_cell)}</td>
            <td role="cell" data-label="Policy">{move || policy.get().map_or_else(unknown, |p| policy_cell(&p))}</td>
            <td role="cell" data-label="Tokens today">
                {move || if budget.with(Option::is_some) { budget_cell(budget) } else { unknown() }}
            </td>
            <td role="cell" data-label="Models">{move || models_cell(&models.get())}</td>
            <td role="cell" data-label="OpenClaw">
                {move || match heartbeat().and_then(|h| h.openclaw_version) {
                    Some(version) => view! { <code>{version}</code> }.into_any(),
                    None => unknown(),
                }}
            </td>
            <td role="cell" data-label="State">{move || heartbeat().map_or_else(unknown, |h| pointer_cell(&h))}</td>
            <td role="cell" class="row-end" data-label="">
                {move || open_link(&url.get(), &name.get())}
            </td>
        </tr>
    }
    .into_any()
}

fn unknown() -> AnyView {
    view! { <span class="muted">"not known"</span> }.into_any()
}

fn status_cell(gateway: &GatewaySummary) -> AnyView {
    let step = gateway.heartbeat.as_ref().and_then(|h| {
        let starting = h.sandbox.phase == SandboxPhase::Starting;
        h.sandbox.step.filter(|_| starting).map(status::step)
    });
    let why = gateway.reason.clone().or_else(|| step.map(str::to_owned));
    let seen = gateway.last_seen_at;
    let stop = gateway
        .heartbeat
        .as_ref()
        .and_then(|h| h.budget.stopped.as_ref());
    view! {
        {status::badge(status::fleet(gateway.status))}
        {stop.map(|stop| view! { <span class="sub">{stopped::tag(stop)}</span> })}
        {gateway.audit_alarm.as_ref().map(|alarm| view! { <span class="sub">{audit_alarm::tag(alarm)}</span> })}
        {why.map(|why| view! { <span class="muted sub">{why}</span> })}
        {seen.map(|at| view! { <span class="muted sub">"seen " <Relative at=at /></span> })}
    }
    .into_any()
}

fn policy_cell(policy: &PolicyStatus) -> AnyView {
    let detail = policy.detail.clone();
    view! {
        <span class="line"><strong>{format!("v{}", policy.version)}</strong> {status::badge(status::apply(policy.state))}</span>
        {detail.map(|detail| view! { <span class="muted sub">{detail}</span> })}
    }
    .into_any()
}

fn budget_cell(budget: Memo<Option<BudgetStatus>>) -> AnyView {
    let held = Signal::derive(move || {
        budget.get().unwrap_or(BudgetStatus {
            tokens_per_day: None,
            tokens_used: 0,
            resets_at: chrono::DateTime::UNIX_EPOCH,
            time_zone: None,
            stopped: None,
        })
    });
    budget::small(held)
}

/// The default model, how many more there are, and whether a stand-in answers.
fn models_cell(models: &[ModelInfo]) -> AnyView {
    let Some(first) = models.first() else {
        return unknown();
    };
    let more = u64::try_from(models.len() - 1).unwrap_or(0);
    let stand_in = models.iter().any(|model| model.stand_in);
    view! {
        <code class="model">{format!("{}/{}", first.provider, first.id)}</code>
        {(more > 0).then(|| view! { <span class="muted sub">{format!("and {more} other{}", plural(more))}</span> })}
        {stand_in.then(|| view! { <span class="tag" title="No real model answers: a local program with fixed replies stands in for it.">"Stand-in model"</span> })}
    }
    .into_any()
}

fn pointer_cell(heartbeat: &Heartbeat) -> AnyView {
    let pointers = &heartbeat.pointers;
    if pointers.r2.is_none() && pointers.git.is_empty() {
        return view! { <span class="muted words">"no snapshot yet"</span> }.into_any();
    }
    let r2 = pointers.r2.clone().map(|r2| {
        view! { <span class="words" title=r2.key>"R2 " {bytes(r2.bytes)} ", " <Relative at=r2.at /></span> }
    });
    let git = pointers.git.clone().into_iter().map(|git| {
        view! {
            <span class="sub">
                {external(&git.repository, "Git".to_owned(), "text-link")} " " <code>{short_hash(&git.commit)}</code>
            </span>
        }
    });
    view! { {r2} {git.collect::<Vec<_>>()} }.into_any()
}

fn open_link(url: &str, name: &str) -> AnyView {
    external_named(url, "Open".to_owned(), format!(" {name}"), "button")
}
