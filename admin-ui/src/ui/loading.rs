//! What shows until an answer is there.

use leptos::prelude::*;

/// A line that says what is awaited.
#[component]
pub(crate) fn Loading(
    /// What is awaited, such as `Loading the fleet`.
    what: &'static str,
) -> impl IntoView {
    view! {
        <p class="loading" role="status"><span class="spinner" aria-hidden="true"></span>{what}"…"</p>
    }
}
