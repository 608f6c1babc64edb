//! A labelled field with its hint and its errors.

use leptos::prelude::*;

use super::icon::Icon;
use super::id::unique;

/// Errors under a field, said aloud when they appear.
#[component]
pub(crate) fn Errors(
    /// The element's id, for `aria-describedby`.
    #[prop(into)]
    id: String,
    /// What is wrong; nothing is shown when nothing is.
    #[prop(into)]
    errors: Signal<Vec<String>>,
) -> impl IntoView {
    view! {
        <div class="field-errors" id=id aria-live="polite">
            {move || {
                errors.get().into_iter().map(error).collect::<Vec<_>>()
            }}
        </div>
    }
}

fn error(text: String) -> AnyView {
    view! { <p class="field-error">{Icon::Warning.view()}<span>{text}</span></p> }.into_any()
}

/// A few lines of text with a limit.
#[component]
pub(crate) fn TextArea(
    /// What it asks for.
    #[prop(into)]
    label: String,
    /// What to know before typing.
    #[prop(into)]
    hint: String,
    /// What was typed.
    value: RwSignal<String>,
    /// Most characters.
    max: usize,
    /// What is wrong.
    #[prop(optional, into)]
    errors: Signal<Vec<String>>,
) -> impl IntoView {
    let id = unique("field");
    let (hint_id, errors_id) = (format!("{id}-hint"), format!("{id}-errors"));
    let described = format!("{hint_id} {errors_id}");
    let left = move || max.saturating_sub(value.with(|text| text.chars().count()));
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <p class="hint" id=hint_id>{hint} " " {left} " characters left."</p>
            <textarea id=id rows="2" maxlength=max.to_string() aria-describedby=described
                aria-invalid=move || (!errors.get().is_empty()).then_some("true")
                prop:value=move || value.get()
                on:input:target=move |event| value.set(event.target().value())></textarea>
            <Errors id=errors_id errors=errors />
        </div>
    }
}

/// One line of text.
#[component]
pub(crate) fn TextField(
    /// What it asks for.
    #[prop(into)]
    label: String,
    /// What to know before typing.
    #[prop(optional, into)]
    hint: String,
    /// What was typed.
    value: RwSignal<String>,
    /// What is wrong.
    #[prop(optional, into)]
    errors: Signal<Vec<String>>,
    /// Whether it cannot be changed.
    #[prop(optional, into)]
    read_only: Signal<bool>,
    /// On-screen keyboard to offer, such as `numeric`.
    #[prop(optional)]
    input_mode: &'static str,
    /// What is shown while nothing is typed.
    #[prop(optional)]
    placeholder: &'static str,
) -> impl IntoView {
    let id = unique("field");
    let (hint_id, errors_id) = (format!("{id}-hint"), format!("{id}-errors"));
    let described = format!("{hint_id} {errors_id}");
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <p class="hint" id=hint_id>{hint}</p>
            <input id=id type="text" autocomplete="off" spellcheck="false" inputmode=input_mode
                placeholder=placeholder
                aria-describedby=described
                aria-invalid=move || (!errors.get().is_empty()).then_some("true")
                readonly=move || read_only.get()
                prop:value=move || value.get()
                on:input:target=move |event| value.set(event.target().value()) />
            <Errors id=errors_id errors=errors />
        </div>
    }
}
