//! A page, or part of one, that could not be loaded.

use leptos::prelude::*;

use crate::api::error::ApiError;
use crate::ui::button::Button;
use crate::ui::notice::{Notice, Tone};

/// What went wrong and a way to try again.
#[component]
pub(crate) fn Failure(
    /// What was not loaded, to begin a sentence.
    what: &'static str,
    /// Why.
    error: ApiError,
    /// Tries again.
    #[prop(into)]
    retry: Callback<()>,
) -> impl IntoView {
    view! {
        <Notice tone=Tone::Bad>
            <p><strong>{what}" could not be loaded."</strong></p>
            <p>{error.message()}</p>
            <Button on_press=retry>"Try again"</Button>
        </Notice>
    }
}
