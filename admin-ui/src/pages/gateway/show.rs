//! A gateway's header and tabs; the section follows the address.

use std::str::FromStr;

use domain::id::GatewayId;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::{audit, effective, overview, snapshots, versions};
use crate::components::gateway_context::GatewayContext;
use crate::components::leave_guard::LeaveGuard;
use crate::components::lifecycle::LifecycleButtons;
use crate::components::page::titled;
use crate::components::stopped::StopModelsButton;
use crate::components::{audit_alarm, phase, status, stopped};
use crate::pages;
use crate::pages::policy::edit::Mode;
use crate::paths::{self, Section};
use crate::ui::clock::Relative;
use crate::ui::icon::Icon;
use crate::ui::link::external;
use crate::ui::notice::{Notice, Tone};

/// The page. It is made anew for another gateway, not for another section.
pub(crate) fn page() -> AnyView {
    let params = use_params_map();
    let id = Memo::new(move |_| {
        params.with(|p| p.get_str("id").and_then(|id| GatewayId::from_str(id).ok()))
    });
    let section = Memo::new(move |_| {
        params.with(|p| Section::from_slug(p.get_str("section").unwrap_or_default()))
    });
    (move || match (id.get(), section.with(Option::is_some)) {
        (Some(id), true) => view! { <Gateway id=id section=section /> }.into_any(),
        _ => pages::missing::page(),
    })
    .into_any()
}

#[component]
fn Gateway(id: GatewayId, section: Memo<Option<Section>>) -> impl IntoView {
    let context = GatewayContext::provide(id);
    let at = move || section.get().unwrap_or(Section::Overview);
    titled(move || match at() {
        Section::Overview => context.name(),
        other => format!("{} · {}", context.name(), other.label()),
    });
    let gone = move || {
        context
            .summary
            .error
            .with(|e| e.as_ref().is_some_and(|e| e.status() == Some(404)))
    };
    let body = move || match at() {
        Section::Overview => overview::section(),
        Section::Usage => pages::usage::section(),
        Section::Policy => pages::policy::edit::section(Mode::Form),
        Section::Document => pages::policy::edit::section(Mode::Text),
        Section::Explain => pages::policy::explain::section(),
        Section::Tests => pages::policy::expectations::section(),
        Section::Coverage => pages::policy::coverage::section(),
        Section::Versions => versions::section(),
        Section::Effective => effective::section(),
        Section::Proposals => pages::proposals::section(),
        Section::Snapshots => snapshots::section(),
        Section::Audit => audit::section(),
    };
    view! {
        {header(context)}
        {audit_alarm::notice(context)}
        {stopped::notice(context)}
        {tabs(context, section)}
        {move || gone().then(|| view! {
            <Notice tone=Tone::Warn><p>"The registry knows no gateway of this id (any longer)."</p></Notice>
        })}
        {unreachable(context)}
        <div class="section">{body}</div>
    }
}

fn header(context: GatewayContext) -> AnyView {
    let url = Memo::new(move |_| {
        context
            .summary
            .value
            .with(|s| s.as_ref().map(|s| s.url.clone()))
    });
    let fleet = Memo::new(move |_| context.summary.value.with(|s| s.as_ref().map(|s| s.status)));
    let sandbox = Memo::new(move |_| {
        context
            .status
            .value
            .with(|s| s.as_ref().map(|s| s.sandbox.clone()))
    });
    let status = move || match (sandbox.get(), fleet.get()) {
        (Some(sandbox), _) => phase::line(&sandbox),
        (None, Some(status)) => status::badge(status::fleet(status)),
        (None, None) => ().into_any(),
    };
    view! {
        <nav aria-label="Breadcrumb" class="crumbs">
            <a href=paths::fleet()>{Icon::Left.view()}"Fleet"</a>
        </nav>
        <div class="page-head">
            <div>
                <h1 tabindex="-1" data-page-heading="">{move || context.name()}</h1>
                <p class="line">
                    {status}
                    <span class="muted updated">
                        {move || context.status.at.get().map(|at| view! { "updated " <Relative at=at /> })}
                    </span>
                </p>
            </div>
            <div class="actions">
                <LifecycleButtons />
                <StopModelsButton />
                {move || url.get().map(|url| external(&url, "Open OpenClaw".to_owned(), "button primary"))}
            </div>
        </div>
    }
    .into_any()
}

fn tabs(context: GatewayContext, section: Memo<Option<Section>>) -> AnyView {
    let id = context.id();
    let guard = LeaveGuard::get();
    let link = StoredValue::new(
        move |this: Section, label: &'static str, current: Signal<bool>| {
            let edited = move || {
                matches!(this, Section::Policy | Section::Document)
                    && guard.editing.with(Option::is_some)
            };
            view! {
            <li>
                <a href=paths::gateway(&id, this) aria-current=move || current.get().then_some("page")>
                    {label}
                    <Show when=edited><span class="dot" aria-hidden="true"></span><span class="visually-hidden">", edited"</span></Show>
                </a>
            </li>
        }
        .into_any()
        },
    );
    let at = move || section.get().unwrap_or(Section::Overview);
    let tab = move |this: Section| {
        let current = Signal::derive(move || at().tab() == this);
        link.with_value(|link| link(this, this.label(), current))
    };
    let of_policy = Memo::new(move |_| at().tab() == Section::Policy);
    let below = move || {
        of_policy.get().then(|| {
            let one = |this: Section| {
                let current = Signal::derive(move || at() == this);
                let label = if this == Section::Policy {
                    "Form"
                } else {
                    this.label()
                };
                link.with_value(|link| link(this, label, current))
            };
            view! {
                <nav aria-label="Of the policy" class="tabs below">
                    <ul>{Section::OF_POLICY.map(one)}</ul>
                </nav>
            }
        })
    };
    view! {
        <nav aria-label="Sections" class="tabs"><ul>{Section::TABS.map(tab)}</ul></nav>
        {below}
    }
    .into_any()
}

/// What to know while the gateway itself does not answer.
fn unreachable(context: GatewayContext) -> AnyView {
    let why = move || context.status.error.get().map(|error| error.message());
    let known = move || context.status.value.with(Option::is_some);
    let seen = move || {
        context
            .summary
            .value
            .with(|s| s.as_ref().and_then(|s| s.last_seen_at))
    };
    (move || {
        why().map(|why| {
            view! {
                <Notice tone=Tone::Warn>
                    <p>
                        {why} " "
                        {move || if known() {
                            view! { "What you see may be out of date." }.into_any()
                        } else {
                            seen().map(|at| view! { "What you see is what it told the registry " <Relative at=at /> "." }).into_any()
                        }}
                    </p>
                </Notice>
            }
        })
    })
    .into_any()
}
