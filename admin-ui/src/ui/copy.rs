//! A button that copies a text.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen_futures::JsFuture;

use super::announce::Announcer;
use super::button::Button;
use super::icon::Icon;
use super::toast::Toasts;

/// Copies `text` to the clipboard.
#[component]
pub(crate) fn CopyButton(
    /// What to copy.
    #[prop(into)]
    text: String,
    /// What it is, to follow "Copy".
    what: &'static str,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let (announcer, toasts) = (Announcer::get(), Toasts::get());
    let press = move |()| {
        let promise = window().navigator().clipboard().write_text(&text);
        spawn_local(async move {
            if JsFuture::from(promise).await.is_err() {
                toasts
                    .failed("The browser did not let this page copy. Select the text and copy it.");
                return;
            }
            copied.try_set(true);
            announcer.say("Copied");
            let back = move || {
                copied.try_set(false);
            };
            set_timeout(back, Duration::from_secs(2));
        });
    };
    view! {
        <Button on_press=press label=format!("Copy {what}")>
            {move || {
                if copied.get() {
                    view! { {Icon::Check.view()} "Copied" }.into_any()
                } else {
                    view! { {Icon::Copy.view()} "Copy" }.into_any()
                }
            }}
        </Button>
    }
}
