//! Nobody is signed in.

use leptos::prelude::*;

use crate::api::error::ApiError;
use crate::components::page::titled;
use crate::components::session::sign_in_href;
use crate::components::shell::sign_in_link;

/// What this is, and the way in.
pub(crate) fn view(error: &ApiError) -> AnyView {
    titled(|| "Sign in".to_owned());
    let href = sign_in_href(error);
    view! {
        <section class="entrance">
            <h1 tabindex="-1" data-page-heading="">"Govern your OpenClaw gateways"</h1>
            <p class="lead">
                "See how each gateway is doing, decide who administers it, which tools its agents may use and what they may spend, and watch OpenClaw itself confirm it."
            </p>
            <p>{sign_in_link(href, "button primary large")}</p>
            <p class="muted">"You sign in with Cloudflare Access and come back to this page."</p>
        </section>
    }
    .into_any()
}
