//! What would change in a policy, clause by clause.

use domain::policy::{Change, Direction};
use leptos::prelude::*;

use crate::forms::policy::review::{clause, direction, groups, summary, verb};
use crate::ui::icon::Icon;

/// The whole in a sentence, then each change with its direction and its effect.
pub(crate) fn view(changes: &[Change]) -> AnyView {
    let parts = groups(changes).into_iter().map(|group| {
        view! {
            <section class="diff-group">
                <h4>{group.title}</h4>
                <ul class="diff">{group.changes.iter().map(change).collect::<Vec<_>>()}</ul>
            </section>
        }
    });
    view! {
        <p>{summary(changes)}</p>
        {parts.collect::<Vec<_>>()}
    }
    .into_any()
}

fn change(change: &Change) -> AnyView {
    let (class, icon) = match change.direction {
        Direction::Tightens => ("direction tightens", Icon::Down),
        Direction::Loosens => ("direction loosens", Icon::Up),
    };
    let before = change
        .before
        .clone()
        .map(|text| view! { <del>{text}</del> });
    let after = change.after.clone().map(|text| view! { <ins>{text}</ins> });
    view! {
        <li>
            <span class=class>{icon.view()}{direction(change.direction)}</span>
            <span class="clause">{clause(change)} <span class="muted">" " {verb(change.kind)}</span></span>
            <span class="values">{before} {after}</span>
            <span class="effect">{change.effect.clone()}</span>
        </li>
    }
    .into_any()
}
