//! What an edit would change, clause by clause, before it is applied.

use domain::policy::{Change, Direction};
use domain::wire::gateway::PolicyDiff;
use leptos::prelude::*;

use super::editor::{Editor, Stage};
use crate::forms::policy::draft::MAX_NOTE;
use crate::forms::policy::review::{clause, direction, groups, summary, verb};
use crate::ui::button::{Button, Weight};
use crate::ui::icon::Icon;

/// The review.
pub(super) fn view(editor: Editor, diff: &PolicyDiff) -> AnyView {
    let nothing = diff.changes.is_empty();
    let heading = format!("Changes to v{}", diff.base_version);
    let parts = groups(&diff.changes).into_iter().map(|group| {
        view! {
            <section class="diff-group">
                <h4>{group.title}</h4>
                <ul class="diff">{group.changes.iter().map(change).collect::<Vec<_>>()}</ul>
            </section>
        }
    });
    let why_not = Signal::derive(move || nothing.then(|| "Nothing would change.".to_owned()));
    let left = move || MAX_NOTE.saturating_sub(editor.note.with(|note| note.chars().count()));
    let back = move |()| {
        editor.stage.set(Stage::Editing);
        crate::components::page::focus("[data-section-heading]");
    };
    view! {
        <div class="review panel">
            <h3 tabindex="-1" data-review-heading="">{heading}</h3>
            <p>{summary(&diff.changes)}</p>
            {parts.collect::<Vec<_>>()}
            <div class="field">
                <label for="policy-note">"Note (optional)"</label>
                <p class="hint" id="policy-note-hint">"Why, for those who read the history. " {left} " characters left."</p>
                <textarea id="policy-note" rows="2" maxlength=MAX_NOTE.to_string() aria-describedby="policy-note-hint"
                    prop:value=move || editor.note.get()
                    on:input:target=move |event| editor.note.set(event.target().value())></textarea>
            </div>
            <div class="actions">
                <Button on_press=move |()| editor.apply() weight=Weight::Primary busy=editor.busy why_not=why_not>"Apply"</Button>
                <Button on_press=back>"Back to the form"</Button>
            </div>
        </div>
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
