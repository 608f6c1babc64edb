//! Buttons that say why they cannot be used.

use leptos::prelude::*;

use super::id::unique;

/// How much a button asks to be pressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Weight {
    /// One among several.
    #[default]
    Plain,
    /// What most people came for.
    Primary,
    /// What cannot be undone.
    Danger,
}

impl Weight {
    const fn class(self) -> &'static str {
        match self {
            Self::Plain => "button",
            Self::Primary => "button primary",
            Self::Danger => "button danger",
        }
    }
}

/// A button. While `why_not` says something it cannot be pressed, stays
/// reachable by keyboard, and shows that text.
#[component]
pub(crate) fn Button(
    /// What pressing it does.
    #[prop(into)]
    on_press: Callback<()>,
    /// How much it asks to be pressed.
    #[prop(optional)]
    weight: Weight,
    /// Whether what it does is under way.
    #[prop(optional, into)]
    busy: Signal<bool>,
    /// Why it cannot be pressed now.
    #[prop(optional, into)]
    why_not: Signal<Option<String>>,
    /// Its name for screen readers, where the text alone is not enough.
    #[prop(optional, into)]
    label: Option<String>,
    /// What it shows.
    children: Children,
) -> impl IntoView {
    let id = unique("why");
    let why_id = id.clone();
    let off = move || busy.get() || why_not.get().is_some();
    let press = move |_| {
        if !busy.get_untracked() && why_not.get_untracked().is_none() {
            on_press.run(());
        }
    };
    view! {
        <span class="button-wrap">
            <button
                type="button"
                class=weight.class()
                aria-label=label
                aria-disabled=move || off().then_some("true")
                aria-busy=move || busy.get().then_some("true")
                aria-describedby=move || why_not.get().map(|_| id.clone())
                on:click=press
            >
                {children()}
            </button>
            {move || {
                let id = why_id.clone();
                why_not.get().map(|why| view! { <span class="why" role="tooltip" id=id>{why}</span> }.into_any())
            }}
        </span>
    }
}
