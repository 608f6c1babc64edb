//! Short messages about actions that did not work.
//!
//! What worked shows on the page itself and is said by the [`super::announce`] region.

use leptos::prelude::*;

use super::icon::Icon;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Toast {
    id: u64,
    text: String,
}

/// Shows messages; copied freely.
#[derive(Clone, Copy)]
pub(crate) struct Toasts(RwSignal<Vec<Toast>>);

impl Toasts {
    /// Makes them available to every component below.
    pub(crate) fn provide() {
        provide_context(Self(RwSignal::new(Vec::new())));
    }

    /// The ones that were provided.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// Something failed; stays until it is dismissed.
    pub(crate) fn failed(self, text: impl Into<String>) {
        let text = text.into();
        let id = self
            .0
            .with_untracked(|toasts| toasts.last().map_or(1, |toast| toast.id + 1));
        self.0.update(|toasts| {
            // The same failure again replaces the one that is still shown.
            toasts.retain(|toast| toast.text != text);
            toasts.push(Toast { id, text });
        });
    }

    fn dismiss(self, id: u64) {
        self.0
            .update(|toasts| toasts.retain(|toast| toast.id != id));
    }
}

/// Where the messages show; once per page.
#[component]
pub(crate) fn ToastRegion() -> impl IntoView {
    let toasts = Toasts::get();
    let toast = move |toast: Toast| {
        view! {
            <div class="toast">
                {Icon::Warning.view()}
                <span>{toast.text}</span>
                <button type="button" class="button quiet icon-only" aria-label="Dismiss message"
                    on:click=move |_| toasts.dismiss(toast.id)>
                    {Icon::Cross.view()}
                </button>
            </div>
        }
    };
    view! {
        <div class="toasts" role="alert">
            <For each=move || toasts.0.get() key=|toast| toast.id children=toast />
        </div>
    }
}
