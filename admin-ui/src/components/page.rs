//! What a page does when it is come to: its title and the focus.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::HtmlElement;

/// The product's name, at the end of each title.
const PRODUCT: &str = "tedix-claw";

/// Keeps the browser's title in step with `title`.
pub(crate) fn titled(title: impl Fn() -> String + 'static) {
    Effect::new(move |_| document().set_title(&format!("{} · {PRODUCT}", title())));
}

/// Moves the focus to the heading of the page or section that was just opened,
/// so that a screen reader begins there. `selector` names it.
pub(crate) fn focus(selector: &'static str) {
    request_animation_frame(move || {
        let found = document().query_selector(selector).ok().flatten();
        if let Some(element) = found.and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
            drop(element.focus());
        }
    });
}
