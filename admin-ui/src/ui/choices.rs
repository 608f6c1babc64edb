//! One of a few, chosen with a press.

use leptos::prelude::*;

use super::id::unique;

/// Buttons of which one is pressed, behind a visible name.
pub(crate) fn choices(
    label: &'static str,
    options: Vec<(String, String)>,
    current: Signal<String>,
    choose: Callback<String>,
) -> AnyView {
    let id = unique("choices");
    let option = move |(slug, text): (String, String)| {
        let (mine, chosen) = (slug.clone(), slug);
        view! {
            <button type="button" class="segment"
                aria-pressed=move || (current.get() == mine).to_string()
                on:click=move |_| choose.run(chosen.clone())>{text}</button>
        }
    };
    view! {
        <div class="choice-row">
            <span class="muted" id=id.clone()>{label}</span>
            <div class="segments" role="group" aria-labelledby=id>
                {options.into_iter().map(option).collect::<Vec<_>>()}
            </div>
        </div>
    }
    .into_any()
}

/// A list to choose from, behind a visible name.
pub(crate) fn select(
    label: &'static str,
    options: Vec<(String, String)>,
    current: Signal<String>,
    choose: Callback<String>,
) -> AnyView {
    let id = unique("select");
    let option = move |(slug, text): (String, String)| {
        let mine = slug.clone();
        view! { <option value=slug selected=move || current.get() == mine>{text}</option> }
    };
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <select id=id on:change:target=move |event| choose.run(event.target().value())>
                {options.into_iter().map(option).collect::<Vec<_>>()}
            </select>
        </div>
    }
    .into_any()
}

/// A search field behind a name for screen readers.
pub(crate) fn search(
    label: &'static str,
    current: Signal<String>,
    typed: Callback<String>,
) -> AnyView {
    let id = unique("search");
    view! {
        <div class="search">
            {super::icon::Icon::Search.view()}
            <label class="visually-hidden" for=id.clone()>{label}</label>
            <input id=id type="search" placeholder=label autocomplete="off"
                prop:value=move || current.get()
                on:input:target=move |event| typed.run(event.target().value()) />
        </div>
    }
    .into_any()
}
