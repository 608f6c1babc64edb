//! An address that leads nowhere.

use leptos::prelude::*;

use crate::components::page::titled;
use crate::paths;

/// Says so, and where to go.
pub(crate) fn page() -> AnyView {
    titled(|| "Not found".to_owned());
    view! {
        <section class="entrance">
            <h1 tabindex="-1" data-page-heading="">"There is no such page"</h1>
            <p>"The address may be mistyped, or the gateway is no longer enrolled."</p>
            <p><a class="button primary" href=paths::fleet()>"Show the fleet"</a></p>
        </section>
    }
    .into_any()
}
