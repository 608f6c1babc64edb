//! What an edit would change, clause by clause, before it is applied.

use domain::wire::gateway::PolicyDiff;
use leptos::prelude::*;

use super::editor::{Editor, Stage};
use crate::components::changes;
use crate::forms::policy::draft::MAX_NOTE;
use crate::forms::policy::expectations::Outcome;
use crate::forms::policy::question::words;
use crate::ui::button::{Button, Weight};
use crate::ui::field::TextArea;
use crate::ui::notice::{Notice, Tone};

/// The review.
pub(super) fn view(editor: Editor, diff: &PolicyDiff, broken: &[Outcome]) -> AnyView {
    let nothing = diff.changes.is_empty();
    let heading = format!("Changes to v{}", diff.base_version);
    let breaks = !broken.is_empty();
    let why_not = Signal::derive(move || {
        let unsaid = breaks && editor.force.with(|force| force.trim().is_empty());
        if nothing {
            Some("Nothing would change.".to_owned())
        } else {
            unsaid.then(|| "Say why it is saved though it breaks its own tests.".to_owned())
        }
    });
    let back = move |()| {
        editor.stage.set(Stage::Editing);
        crate::components::page::focus("[data-section-heading]");
    };
    view! {
        <div class="review panel">
            <h3 tabindex="-1" data-review-heading="">{heading}</h3>
            {changes::view(&diff.changes)}
            {breaks.then(|| forced(editor, broken))}
            <TextArea label="Note (optional)" hint="Why, for those who read the history." value=editor.note max=MAX_NOTE />
            <div class="actions">
                <Button on_press=move |()| editor.apply() weight=Weight::Primary busy=editor.busy why_not=why_not>{if breaks { "Apply all the same" } else { "Apply" }}</Button>
                <Button on_press=back>"Back to the edit"</Button>
            </div>
        </div>
    }
    .into_any()
}

/// What the edit breaks, and the reason that it takes to save it.
fn forced(editor: Editor, broken: &[Outcome]) -> AnyView {
    let n = u64::try_from(broken.len()).unwrap_or(u64::MAX);
    let item = |outcome: &Outcome| {
        let name = outcome.name.clone().map(|name| format!("{name}: "));
        let says = format!(
            "{} It must be {}, and would be {} by ",
            words(&outcome.question),
            outcome.expected.as_str(),
            outcome.answer.decision.as_str()
        );
        view! { <li><strong>{name}</strong> {says} <code>{outcome.answer.clause.clone()}</code></li> }
    };
    let items: Vec<_> = broken.iter().map(item).collect();
    view! {
        <Notice tone=Tone::Bad>
            <p><strong>{format!("This breaks {n} of the policy's own tests.")}</strong></p>
            <ul class="plain-list">{items}</ul>
        </Notice>
        <TextArea label="Reason to save it all the same" hint="Kept in the audit. Better: change the edit, or the test."
            value=editor.force max=MAX_NOTE />
    }
    .into_any()
}
