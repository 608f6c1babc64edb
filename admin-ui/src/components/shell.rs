//! What surrounds every page.

use domain::wire::registry::Me;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::HtmlElement;

use super::session::{Session, State, sign_in_href};
use crate::paths;
use crate::ui::announce::LiveRegion;
use crate::ui::notice::{Notice, Tone};
use crate::ui::text::web_link;
use crate::ui::toast::ToastRegion;

/// Header, page, messages.
#[component]
pub(crate) fn Shell(children: Children) -> impl IntoView {
    let session = Session::get();
    let me = move || match session.state.get() {
        State::SignedIn(me) => Some(me),
        _ => None,
    };
    view! {
        <a class="skip" href="#main" on:click=move |event| skip(&event)>"Skip to the content"</a>
        <header class="top">
            <a class="brand" href=paths::fleet()>{mark()}<span>"tedix-claw"</span></a>
            {move || me().map(|me| account(&me))}
        </header>
        {move || session.ended.get().map(|error| ended(sign_in_href(&error)))}
        <main id="main" tabindex="-1">{children()}</main>
        <ToastRegion />
        <LiveRegion />
    }
}

/// Moves the focus without touching the address, which belongs to the router.
fn skip(event: &leptos::web_sys::MouseEvent) {
    event.prevent_default();
    let main = document()
        .get_element_by_id("main")
        .and_then(|m| m.dyn_into::<HtmlElement>().ok());
    if let Some(main) = main {
        drop(main.focus());
    }
}

fn account(me: &Me) -> AnyView {
    let sign_out = web_link(&me.sign_out_url).map(str::to_owned);
    view! {
        <div class="account">
            <span class="email" title=format!("Registry {}", me.tedix_version)>{me.email.clone()}</span>
            {sign_out.map(|href| view! { <a class="button quiet" href=href rel="external">"Sign out"</a> })}
        </div>
    }
    .into_any()
}

fn ended(href: Option<String>) -> AnyView {
    view! {
        <div class="banner">
            <Notice tone=Tone::Warn>
                <p>
                    "Your sign-in has ended, so nothing here is up to date. An open edit is kept. "
                    {sign_in_link(href, "text-link")}
                </p>
            </Notice>
        </div>
    }
    .into_any()
}

/// A link to sign in; where the server named no place, to this page again.
pub(crate) fn sign_in_link(href: Option<String>, class: &'static str) -> AnyView {
    let href = href.unwrap_or_else(|| window().location().href().unwrap_or_default());
    view! { <a class=class href=href rel="external">"Sign in"</a> }.into_any()
}

/// The product's mark: three strokes of a claw.
fn mark() -> AnyView {
    view! {
        <svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false">
            <path d="M5 3c-.5 6.500.6 12 3.600 17.500M11.500 2.500c-.6 6.800.3 12.300 2.800 18.500M18 3c-.4 6 .2 10.800 2.200 16"
                fill="none" stroke="currentColor" stroke-width="2.6" stroke-linecap="round"></path>
        </svg>
    }
    .into_any()
}
