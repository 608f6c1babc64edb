//! Links that leave the app.

use leptos::prelude::*;

use super::icon::Icon;
use super::text::web_link;

/// A link when `url` is an http(s) address, else its text.
pub(crate) fn external(url: &str, text: String, class: &'static str) -> AnyView {
    external_named(url, text, String::new(), class)
}

/// The same, with more of its name for screen readers: links of one text that
/// lead to different places must not sound alike.
pub(crate) fn external_named(
    url: &str,
    text: String,
    more: String,
    class: &'static str,
) -> AnyView {
    match web_link(url) {
        Some(href) => view! {
            <a class=class href=href.to_owned() target="_blank" rel="noopener noreferrer external">
                {text}{Icon::External.view()}
                <span class="visually-hidden">{more}" (opens in a new tab)"</span>
            </a>
        }
        .into_any(),
        None => view! { <span>{text}</span> }.into_any(),
    }
}
