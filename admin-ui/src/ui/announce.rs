//! One polite live region for the whole page.

use leptos::prelude::*;

/// Says something to people who use a screen reader; copied freely.
#[derive(Clone, Copy)]
pub(crate) struct Announcer(RwSignal<String>);

impl Announcer {
    /// Makes it available to every component below.
    pub(crate) fn provide() {
        provide_context(Self(RwSignal::new(String::new())));
    }

    /// The one that was provided.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// Says it when the screen reader has finished what it is saying.
    pub(crate) fn say(self, text: impl Into<String>) {
        self.0.set(text.into());
    }
}

/// The region; once per page.
#[component]
pub(crate) fn LiveRegion() -> impl IntoView {
    let Announcer(text) = Announcer::get();
    view! { <div class="visually-hidden" role="status" aria-live="polite">{move || text.get()}</div> }
}
