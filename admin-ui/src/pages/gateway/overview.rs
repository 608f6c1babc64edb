//! How a gateway is doing.

use domain::access::Role;
use domain::wire::gateway::{ApplyState, Enrolment, ModelInfo};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{devices, openclaw};
use crate::api::abort::Abort;
use crate::api::error::ApiError;
use crate::api::gateway::SandboxAction;
use crate::components::facts::Facts;
use crate::components::gateway_context::GatewayContext;
use crate::components::lifecycle::ActionButton;
use crate::components::{budget, hashes, phase, pointers, status};
use crate::paths::{self, Section};
use crate::ui::clock::Relative;
use crate::ui::link::external;
use crate::ui::loading::Loading;
use crate::ui::notice::{Notice, Tone};

/// The section.
pub(crate) fn section() -> AnyView {
    let context = GatewayContext::get();
    let facts = Memo::new(move |_| context.facts());
    let known = Memo::new(move |_| facts.with(Option::is_some));
    let part = move |read: fn(&Facts) -> AnyView| move || facts.with(|f| f.as_ref().map(read));
    let budget_now = Memo::new(move |_| facts.with(|f| f.as_ref().map(|f| f.budget.clone())));
    let policy_href = paths::gateway(&context.id(), Section::Policy);
    let panels = move || {
        let policy_href = policy_href.clone();
        view! {
            <div class="panels">
                <section class="panel wide" aria-labelledby="p-container">
                    <h3 id="p-container">"Container"</h3>
                    {part(|f| phase::panel(&f.sandbox))}
                </section>
                <section class="panel wide" aria-labelledby="p-policy">
                    <h3 id="p-policy">"Policy"</h3>
                    {part(policy)}
                    <p><a class="text-link" href=policy_href>"Edit the policy"</a></p>
                </section>
                <section class="panel" aria-labelledby="p-budget">
                    <h3 id="p-budget">"Tokens today"</h3>
                    {move || budget_now.get().map(|b| {
                        let first = b;
                        budget::panel(Signal::derive(move || budget_now.get().unwrap_or_else(|| first.clone())))
                    })}
                </section>
                <section class="panel" aria-labelledby="p-models">
                    <h3 id="p-models">"Models"</h3>
                    {part(|f| models(&f.models))}
                </section>
                <section class="panel" aria-labelledby="p-pointers">
                    <h3 id="p-pointers">"Where its state lies"</h3>
                    {part(|f| pointers::view(&f.pointers))}
                </section>
                <section class="panel full" aria-labelledby="p-openclaw">
                    <h3 id="p-openclaw">"OpenClaw's version"</h3>
                    {openclaw::panel()}
                </section>
                <section class="panel full" aria-labelledby="p-devices">
                    <h3 id="p-devices">"Devices"</h3>
                    <devices::List />
                </section>
                <section class="panel full" aria-labelledby="p-about">
                    <h3 id="p-about">"About"</h3>
                    <dl class="facts columns">{part(versions)} <Registration /></dl>
                </section>
            </div>
            <section class="panel danger-zone" aria-labelledby="p-danger">
                <h3 id="p-danger">"Destroy the container"</h3>
                <p class="muted">"Saves its state, then ends it with its file system. The policy, usage, audit and snapshots stay, and a start makes a new container."</p>
                <ActionButton action=SandboxAction::Destroy text="Destroy" needs=Role::Admin />
            </section>
        }
        .into_any()
    };
    view! {
        <h2 class="visually-hidden" tabindex="-1" data-section-heading="">"Overview"</h2>
        {move || if known.get() { panels() } else { waiting(context) }}
    }
    .into_any()
}

fn waiting(context: GatewayContext) -> AnyView {
    (move || match context.status.error.get() {
        Some(_) => ().into_any(),
        None => view! { <Loading what="Asking the gateway" /> }.into_any(),
    })
    .into_any()
}

fn policy(facts: &Facts) -> AnyView {
    let policy = &facts.policy;
    let detail = policy.detail.clone().map(|detail| {
        let tone = if policy.state == ApplyState::Failed {
            Tone::Bad
        } else {
            Tone::Info
        };
        view! { <Notice tone=tone><p>{detail}</p></Notice> }
    });
    let confirmed = policy.confirmed_at.map(|at| {
        let version = policy
            .effective_version
            .map(|v| format!("v{v} "))
            .unwrap_or_default();
        view! { <p class="muted">"OpenClaw last confirmed " {version} <Relative at=at /> "."</p> }
    });
    view! {
        <p class="line"><strong>{format!("v{}", policy.version)}</strong> {status::badge(status::apply(policy.state))}</p>
        {detail}
        {hashes::view(policy)}
        {confirmed}
    }
    .into_any()
}

fn models(models: &[ModelInfo]) -> AnyView {
    if models.is_empty() {
        return view! { <p class="muted">"OpenClaw may call no model."</p> }.into_any();
    }
    let item = |(i, model): (usize, &ModelInfo)| {
        let (name, stand_in) = (format!("{}/{}", model.provider, model.id), model.stand_in);
        view! {
            <li>
                <code class="model">{name}</code>
                {(i == 0).then(|| view! { <span class="tag plain">"Default"</span> })}
                {stand_in.then(|| view! { <span class="tag">"Stand-in model"</span> })}
            </li>
        }
    };
    let note = models.iter().any(|m| m.stand_in).then(|| {
        view! { <p class="muted">"A stand-in is a local program with fixed replies: no real model answers, and nothing is paid."</p> }
    });
    view! { <ul class="plain-list">{models.iter().enumerate().map(item).collect::<Vec<_>>()}</ul> {note} }
        .into_any()
}

fn versions(facts: &Facts) -> AnyView {
    view! {
        <div><dt>"OpenClaw"</dt><dd>{facts.openclaw_version.clone().unwrap_or_else(|| "not known yet".to_owned())}</dd></div>
        <div><dt>"Gateway Worker"</dt><dd>{facts.tedix_version.clone()}</dd></div>
    }
    .into_any()
}

/// The gateway's side of its enrolment.
#[component]
fn Registration() -> impl IntoView {
    let context = GatewayContext::get();
    let abort = Abort::on_cleanup();
    let enrolment = RwSignal::new(None::<Result<Enrolment, ApiError>>);
    let gateway = context.gateway();
    spawn_local(async move {
        let answer = gateway.enrolment(abort).await;
        if !abort.ended() {
            enrolment.set(Some(answer));
        }
    });
    let summary = move || context.summary.value.get();
    view! {
        <div><dt>"Id"</dt><dd><code>{context.id().to_string()}</code></dd></div>
        {move || summary().map(|s| view! {
                <div><dt>"Address"</dt><dd>{external(&s.url, s.url.clone(), "text-link")}</dd></div>
                <div><dt>"Enrolled"</dt><dd><Relative at=s.enrolled_at /></dd></div>
                {s.last_seen_at.map(|at| view! { <div><dt>"Last heartbeat"</dt><dd><Relative at=at /></dd></div> })}
            })}
        {move || enrolment.get().and_then(Result::ok).map(|e| view! {
                <div><dt>"Registry"</dt><dd>{external(&e.registry_url, e.registry_url.clone(), "text-link")}</dd></div>
                {e.last_error.map(|why| view! { <div><dt>"Last heartbeat refused"</dt><dd class="text-bad">{why}</dd></div> })}
            })}
    }
}
