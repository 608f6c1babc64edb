//! Words and marks for what a policy says, and for what enforces it.

use domain::policy::coverage::Enforcer;
use domain::policy::{Expected, Layer};
use leptos::prelude::*;

use crate::ui::icon::Icon;

/// The mark of a decision.
pub(crate) fn mark(decision: Expected) -> AnyView {
    match decision {
        Expected::Allow => Icon::Check.view(),
        Expected::Ask => Icon::Info.view(),
        Expected::Deny => Icon::Cross.view(),
    }
}

/// A decision with its mark.
pub(crate) fn view(decision: Expected) -> AnyView {
    let (class, word) = match decision {
        Expected::Allow => ("verdict good", "allow"),
        Expected::Ask => ("verdict warn", "ask"),
        Expected::Deny => ("verdict bad", "deny"),
    };
    view! { <span class=class>{mark(decision)}{word}</span> }.into_any()
}

/// Where a clause stands.
pub(crate) const fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Baseline => "baseline",
        Layer::Gateway => "gateway",
        Layer::Agent => "agent",
        Layer::Channel => "channel",
        Layer::Group => "group",
        Layer::Sender => "sender",
    }
}

/// What enforces a clause.
pub(crate) const fn enforcer(enforcer: Enforcer) -> &'static str {
    match enforcer {
        Enforcer::OpenclawConfig => "OpenClaw's configuration",
        Enforcer::GatewayWorker => "the gateway Worker",
        Enforcer::TedixInit => "tedix-init",
        Enforcer::DeclaredOnly => "nothing",
    }
}

/// Whether a test has shown that it holds.
pub(crate) fn proven(proven: bool) -> AnyView {
    let (class, icon, word) = if proven {
        ("verdict good", Icon::Check, "Proven")
    } else {
        ("verdict warn", Icon::Warning, "Declared only")
    };
    view! { <span class=class>{icon.view()}{word}</span> }.into_any()
}
