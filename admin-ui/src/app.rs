//! The app: who is signed in decides what shows; the address decides which page.

use leptos::prelude::*;
use leptos_router::components::{FlatRoutes, Route, Router};
use leptos_router::hooks::use_location;
use leptos_router::path;

use crate::api;
use crate::components::leave_guard::{LeaveDialog, LeaveGuard};
use crate::components::page;
use crate::components::session::{Session, State};
use crate::components::shell::Shell;
use crate::pages;
use crate::paths;
use crate::ui::announce::Announcer;
use crate::ui::clock::Clock;
use crate::ui::loading::Loading;
use crate::ui::toast::Toasts;

/// The whole app.
#[component]
pub(crate) fn App() -> impl IntoView {
    Announcer::provide();
    Toasts::provide();
    Clock::provide(api::now);
    LeaveGuard::provide();
    let session = Session::provide();
    // The routes are made once and stay while only the person's details change.
    let signed_in = Memo::new(move |_| matches!(session.state.get(), State::SignedIn(_)));
    view! {
        <Router>
            <FocusOnNavigation />
            <LeaveDialog />
            <Shell>
                {move || if signed_in.get() { routes() } else { entrance(session) }}
            </Shell>
        </Router>
    }
}

fn routes() -> AnyView {
    view! {
        <FlatRoutes fallback=pages::missing::page>
            <Route path=path!("/") view=pages::fleet::list::page />
            <Route path=path!("/gateways/:id/:section?") view=pages::gateway::show::page />
        </FlatRoutes>
    }
    .into_any()
}

fn entrance(session: Session) -> AnyView {
    match session.state.get() {
        State::Asking | State::SignedIn(_) => {
            view! { <Loading what="Asking who you are" /> }.into_any()
        }
        State::SignedOut(error) => pages::session::sign_in::view(&error),
        State::Refused(error) => pages::session::refused::view(&error),
        State::Failed(error) => pages::session::failed::view(error, session),
    }
}

/// Moves the focus to the new page's heading, so that the keyboard and screen
/// readers begin there. The first page leaves the focus where the browser has it.
#[component]
fn FocusOnNavigation() -> impl IntoView {
    let path = use_location().pathname;
    Effect::new(move |before: Option<String>| {
        let now = path.get();
        if let Some(before) = before.filter(|before| *before != now) {
            let same = paths::gateway_of(&now).is_some()
                && paths::gateway_of(&before) == paths::gateway_of(&now);
            page::focus(if same {
                "[data-section-heading]"
            } else {
                "[data-page-heading]"
            });
            if !same {
                window().scroll_to_with_x_and_y(0.0, 0.0);
            }
        }
        now
    });
}
