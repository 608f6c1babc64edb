//! A message that belongs to a place on the page.

use leptos::prelude::*;

use super::icon::Icon;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Good to know.
    Info,
    /// Done.
    Good,
    /// Needs a look.
    Warn,
    /// Did not work.
    Bad,
}

/// A message with an icon; bad news interrupts a screen reader.
#[component]
pub(crate) fn Notice(
    /// What it is about.
    tone: Tone,
    /// What it says.
    children: Children,
) -> impl IntoView {
    let (class, role, icon) = match tone {
        Tone::Info => ("notice", "status", Icon::Info),
        Tone::Good => ("notice good", "status", Icon::Check),
        Tone::Warn => ("notice warn", "status", Icon::Warning),
        Tone::Bad => ("notice bad", "alert", Icon::Warning),
    };
    view! { <div class=class role=role>{icon.view()}<div class="notice-body">{children()}</div></div> }
}
