//! A horizontal bar: how much of a whole is used.

use leptos::prelude::*;

use super::text::percent;

/// Share from which the bar warns.
const WARN_PERCENT: u64 = 80;

/// A bar that fills from left to right, and says its value as text to screen readers.
#[component]
pub(crate) fn Meter(
    /// How much is used.
    #[prop(into)]
    used: Signal<u64>,
    /// How much there is.
    #[prop(into)]
    whole: Signal<u64>,
    /// What it measures.
    label: &'static str,
    /// The value in words.
    #[prop(into)]
    text: Signal<String>,
    /// Whether more is no reason to warn.
    #[prop(optional)]
    calm: bool,
) -> impl IntoView {
    let share = move || percent(used.get(), whole.get(), 100);
    let class = move || match share() {
        _ if calm => "meter",
        100 => "meter full",
        WARN_PERCENT.. => "meter high",
        _ => "meter",
    };
    view! {
        <svg class=class viewBox="0 0 100 8" preserveAspectRatio="none" role="meter"
            aria-label=label aria-valuemin="0" aria-valuemax="100"
            aria-valuenow=share aria-valuetext=move || text.get()>
            <rect class="meter-track" x="0" y="0" width="100" height="8"></rect>
            // The least bit shows, so that something used never looks like nothing.
            <rect class="meter-fill" x="0" y="0" height="8"
                width=move || if used.get() == 0 { 0 } else { share().max(1) }></rect>
        </svg>
    }
}
