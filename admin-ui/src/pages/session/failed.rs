//! The registry could not be asked who is signed in.

use leptos::prelude::*;

use crate::api::error::ApiError;
use crate::components::failure::Failure;
use crate::components::page::titled;
use crate::components::session::Session;

/// What went wrong and a way to try again.
pub(crate) fn view(error: ApiError, session: Session) -> AnyView {
    titled(|| "Not reachable".to_owned());
    view! {
        <section class="entrance">
            <h1 tabindex="-1" data-page-heading="">"The registry does not answer"</h1>
            <Failure what="Who you are" error=error retry=move |()| session.ask() />
            <p class="muted">"Your gateways keep working without the registry: they enforce their own policies."</p>
        </section>
    }
    .into_any()
}
