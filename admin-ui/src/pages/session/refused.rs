//! Somebody is signed in whom the registry does not let in.

use leptos::prelude::*;

use crate::api::error::ApiError;
use crate::components::page::titled;
use crate::components::session::sign_in_href;

/// Who they are, as the registry says, and what to do.
pub(crate) fn view(error: &ApiError) -> AnyView {
    titled(|| "No access".to_owned());
    let other = sign_in_href(error);
    view! {
        <section class="entrance">
            <h1 tabindex="-1" data-page-heading="">"You have no access to this registry"</h1>
            <p class="lead">{error.message()}</p>
            <p>"Ask one of its operators to add your e-mail address, then reload this page; or sign in as somebody else."</p>
            {other.map(|href| view! {
                <p><a class="button" href=href rel="external">"Sign in as somebody else"</a></p>
            })}
        </section>
    }
    .into_any()
}
