//! Times that keep up with the clock.

use std::time::Duration;

use chrono::{DateTime, Utc};
use leptos::prelude::*;

use super::text::{absolute, relative, span};

/// The time, once a second while the tab is looked at; copied freely.
#[derive(Clone, Copy)]
pub(crate) struct Clock(RwSignal<DateTime<Utc>>);

impl Clock {
    /// Makes it available to every component below.
    pub(crate) fn provide(read: fn() -> DateTime<Utc>) {
        let clock = Self(RwSignal::new(read()));
        let tick = move || {
            if !document().hidden() {
                clock.0.set(read());
            }
        };
        set_interval(tick, Duration::from_secs(1));
        provide_context(clock);
    }

    /// The one that was provided.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// Now; what reads it is drawn again each second.
    pub(crate) fn now(self) -> DateTime<Utc> {
        self.0.get()
    }
}

/// A time relative to now, the absolute one in its title.
#[component]
pub(crate) fn Relative(
    /// The time.
    #[prop(into)]
    at: Signal<DateTime<Utc>>,
) -> impl IntoView {
    let clock = Clock::get();
    view! {
        <time datetime=move || at.get().to_rfc3339() title=move || absolute(at.get())>
            {move || relative(at.get(), clock.now())}
        </time>
    }
}

/// How long something has been so, since when in its title.
#[component]
pub(crate) fn Elapsed(
    /// When it began.
    since: DateTime<Utc>,
) -> impl IntoView {
    let clock = Clock::get();
    view! {
        <time datetime=since.to_rfc3339() title=absolute(since)>{move || span(clock.now() - since)}</time>
    }
}
