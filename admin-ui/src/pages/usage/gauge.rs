//! How far one limit is used: used, reserved, free.

use domain::wire::usage::Gauge;
use leptos::prelude::*;

use crate::ui::text::percent;

/// The numbers in words, and the bar.
pub(super) fn view(
    whose: &str,
    words: &dyn Fn(u64) -> String,
    gauge: &Gauge,
    soft: Option<u8>,
) -> AnyView {
    let Gauge {
        limit,
        used,
        reserved,
    } = *gauge;
    let held = (reserved > 0).then(|| {
        view! { <span><span class="key held" aria-hidden="true"></span>{words(reserved)} " reserved"</span> }
    });
    let numbers = |rest: AnyView| {
        view! {
            <p class="gauge-words">
                <span><span class="key used" aria-hidden="true"></span>{words(used)} " used"</span>
                {held}
                {rest}
            </p>
        }
    };
    let Some(limit) = limit else {
        let rest = view! { <span class="muted">"no limit"</span> }.into_any();
        return view! { <div class="gauge">{numbers(rest)}</div> }.into_any();
    };
    let taken = used.saturating_add(reserved);
    let share = |n: u64| percent(n, limit, 100);
    let (used_to, taken_to) = (share(used), share(taken));
    let full = taken >= limit;
    let warns = soft.is_some_and(|soft| percent(used, limit, 999) >= u64::from(soft));
    let class = match (full, warns) {
        (true, _) => "meter full",
        (false, true) => "meter high",
        (false, false) => "meter",
    };
    let free = words(limit.saturating_sub(taken));
    let whole = words(limit);
    let text = format!(
        "{} used, {} reserved, {free} free of {whole}",
        words(used),
        words(reserved)
    );
    let rest = view! { <span class="muted">{free} " free of " {whole}</span> }.into_any();
    // The least bit shows, so that something used never looks like nothing.
    let width = |from: u64, to: u64, any: u64| {
        if any == 0 { 0 } else { (to - from).max(1) }
    };
    let mark = soft.map(|soft| {
        let at = u32::from(soft) * 10;
        view! { <line class="meter-soft" x1=at x2=at y1="0" y2="10"></line> }
    });
    let label = format!("{whose}: {}", words(used));
    view! {
        <div class="gauge">
            {numbers(rest)}
            <svg class=class viewBox="0 0 1000 10" preserveAspectRatio="none" role="meter" aria-label=label
                aria-valuemin="0" aria-valuemax="100" aria-valuenow=taken_to aria-valuetext=text>
                <rect class="meter-track" width="1000" height="10"></rect>
                <rect class="meter-held" x=used_to * 10 width=width(used_to, taken_to, reserved) * 10 height="10"></rect>
                <rect class="meter-fill" width=width(0, used_to, used) * 10 height="10"></rect>
                {mark}
            </svg>
        </div>
    }
    .into_any()
}
