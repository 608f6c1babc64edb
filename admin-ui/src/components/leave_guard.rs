//! Warns before an edit that is not applied would be left behind.
//!
//! The edit itself is kept in the tab's storage, so leaving within the app loses
//! nothing; closing the tab does.

use leptos::ev;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{BeforeUnloadEvent, Element, HtmlAnchorElement, MouseEvent};
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use crate::paths;
use crate::ui::button::{Button, Weight};
use crate::ui::dialog::Dialog;

/// Whether an edit is open, and of which gateway; copied freely.
#[derive(Clone, Copy)]
pub(crate) struct LeaveGuard {
    /// The gateway's id, as its path spells it.
    pub(crate) editing: RwSignal<Option<String>>,
}

impl LeaveGuard {
    /// Makes it available to every component below.
    pub(crate) fn provide() -> Self {
        let guard = Self {
            editing: RwSignal::new(None),
        };
        provide_context(guard);
        guard
    }

    /// The one that was provided.
    pub(crate) fn get() -> Self {
        expect_context()
    }
}

/// The path of a link of this app that the click follows in this tab; none for others.
fn followed(event: &MouseEvent) -> Option<String> {
    let plain = event.button() == 0
        && !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key());
    let target = event.target()?.dyn_into::<Element>().ok()?;
    let link = target
        .closest("a[href]")
        .ok()??
        .dyn_into::<HtmlAnchorElement>()
        .ok()?;
    let own = link.origin() == window().location().origin().ok()?;
    let here = link.target().is_empty() && !link.rel().contains("external");
    (plain && own && here).then(|| format!("{}{}", link.pathname(), link.search()))
}

/// Listens for leaving and asks; once per page.
#[component]
pub(crate) fn LeaveDialog() -> impl IntoView {
    let guard = LeaveGuard::get();
    let open = RwSignal::new(false);
    let going_to = RwSignal::new(String::new());
    let navigate = use_navigate();
    let confirmed = StoredValue::new(false);

    let unload = window_event_listener(ev::beforeunload, move |event: BeforeUnloadEvent| {
        if guard.editing.with_untracked(Option::is_some) {
            event.prevent_default();
        }
    });
    on_cleanup(move || unload.remove());

    let clicked = move |event: MouseEvent| {
        let Some(editing) = guard.editing.get_untracked() else {
            return;
        };
        let Some(path) = followed(&event) else { return };
        // Another section of the same gateway keeps the edit in sight.
        if paths::gateway_of(&path) == Some(editing.as_str()) || confirmed.get_value() {
            return;
        }
        event.prevent_default();
        event.stop_propagation();
        going_to.set(path);
        open.set(true);
    };
    let leave = move |()| {
        open.set(false);
        guard.editing.set(None);
        navigate(&going_to.get_untracked(), NavigateOptions::default());
    };
    let leave = Callback::new(leave);
    view! {
        <CaptureClicks on_click=Callback::new(clicked) />
        <Dialog open=open title="Leave an edit that is not applied?">
            <p>"The policy edit is kept in this tab and waits for you on the gateway's Policy page. Closing the tab discards it."</p>
            <div class="actions">
                <Button on_press=move |()| open.set(false) weight=Weight::Primary>"Stay"</Button>
                <Button on_press=leave>"Leave, keep the edit"</Button>
            </div>
        </Dialog>
    }
}

/// Sees every click before the router does.
#[component]
fn CaptureClicks(on_click: Callback<MouseEvent>) -> impl IntoView {
    use leptos::wasm_bindgen::closure::Closure;
    let listener = Closure::<dyn Fn(MouseEvent)>::new(move |event| on_click.run(event));
    let target = document();
    let added = target.add_event_listener_with_callback_and_bool(
        "click",
        listener.as_ref().unchecked_ref(),
        true,
    );
    let listener = StoredValue::new_local(listener);
    on_cleanup(move || {
        if added.is_ok() {
            listener.with_value(|listener| {
                drop(document().remove_event_listener_with_callback_and_bool(
                    "click",
                    listener.as_ref().unchecked_ref(),
                    true,
                ));
            });
        }
    });
}
