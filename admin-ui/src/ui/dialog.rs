//! A modal dialog over the browser's own `<dialog>`: it keeps the focus inside,
//! closes on Escape and gives the focus back.

use leptos::html::Dialog as DialogElement;
use leptos::prelude::*;

use super::id::unique;

/// A modal dialog. What is inside is made when it opens and dropped when it closes.
#[component]
pub(crate) fn Dialog(
    /// Whether it is open.
    open: RwSignal<bool>,
    /// Its heading.
    #[prop(into)]
    title: String,
    /// Whether it is as wide as a page allows.
    #[prop(optional)]
    wide: bool,
    /// What is inside.
    children: ChildrenFn,
) -> impl IntoView {
    let node = NodeRef::<DialogElement>::new();
    let heading = unique("dialog");
    let labelled = heading.clone();
    Effect::new(move |_| {
        let Some(dialog) = node.get() else { return };
        match (open.get(), dialog.open()) {
            // A dialog that cannot be shown modally is shown all the same.
            (true, false) if dialog.show_modal().is_err() => {
                dialog.show();
            }
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    view! {
        <dialog node_ref=node class=if wide { "dialog wide" } else { "dialog" }
            aria-labelledby=labelled on:close=move |_| open.set(false)>
            <h2 id=heading>{title}</h2>
            <Show when=move || open.get()>{children()}</Show>
        </dialog>
    }
}
