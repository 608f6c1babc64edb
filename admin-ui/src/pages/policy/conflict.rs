//! Somebody saved another version meanwhile: both edits side by side.

use domain::wire::gateway::PolicyEnvelope;
use leptos::prelude::*;

use super::editor::Editor;
use crate::forms::policy::draft::PolicyDraft;
use crate::forms::policy::merge::{ChangedBy, Comparison, Entry, Mark, compare};
use crate::ui::button::{Button, Weight};
use crate::ui::clock::Relative;
use crate::ui::icon::Icon;

/// The comparison and the two ways on.
pub(super) fn view(editor: Editor, theirs: PolicyEnvelope) -> AnyView {
    let Some(base) = editor.base.get_untracked() else {
        return ().into_any();
    };
    let mine = untrack(move || editor.draft());
    let compared = compare(
        &base.draft,
        &PolicyDraft::from_policy(&theirs.document),
        &mine,
    );
    let (was, now) = (base.version, theirs.version);
    let rows = compared.iter().map(row).collect::<Vec<_>>();
    let theirs = StoredValue::new(theirs);
    let (author, at, note) =
        theirs.with_value(|t| (t.author.clone(), t.created_at, t.note.clone()));
    view! {
        <div class="conflict panel">
            <h3 tabindex="-1" data-review-heading="">{format!("v{now} was saved while you were editing v{was}")}</h3>
            <p>
                <strong>{author}</strong> " saved it " <Relative at=at />
                {note.map(|note| format!(": “{note}”"))}
                ". Nothing of yours is lost: choose what becomes of it."
            </p>
            <table role="table" class="stacked compare" aria-label="Both edits side by side">
                <thead role="rowgroup">
                    <tr role="row">
                        <th role="columnheader" scope="col">"Field"</th>
                        <th role="columnheader" scope="col">{format!("v{now}, saved")}</th>
                        <th role="columnheader" scope="col">"Your edit"</th>
                        <th role="columnheader" scope="col">"Your edit on top"</th>
                    </tr>
                </thead>
                <tbody role="rowgroup">{rows}</tbody>
            </table>
            <div class="actions">
                <Button on_press=move |()| theirs.with_value(|t| editor.rebase_onto(t)) weight=Weight::Primary>
                    {format!("Rebase my edit onto v{now}")}
                </Button>
                <Button on_press=move |()| theirs.with_value(|t| editor.discard_for(t))>"Discard mine"</Button>
            </div>
        </div>
    }
    .into_any()
}

fn row(compared: &Comparison) -> AnyView {
    let (class, by) = match compared.by {
        ChangedBy::Theirs => ("by", "changed by them"),
        ChangedBy::Mine => ("by", "changed by you"),
        ChangedBy::BothAlike => ("by", "changed alike by both"),
        ChangedBy::Both => ("by both", "changed by both"),
    };
    let result = compared.rebased.iter().map(|text| Entry {
        text: text.clone(),
        mark: Mark::Kept,
    });
    view! {
        <tr role="row">
            <th role="rowheader" scope="row" data-label="Field">
                {compared.field.label()}
                <span class=class>{(compared.by == ChangedBy::Both).then(|| Icon::Warning.view())}{by}</span>
            </th>
            <td role="cell" data-label="Saved">{entries(&compared.theirs)}</td>
            <td role="cell" data-label="Your edit">{entries(&compared.mine)}</td>
            <td role="cell" data-label="Your edit on top">{entries(&result.collect::<Vec<_>>())}</td>
        </tr>
    }
    .into_any()
}

fn entries(list: &[Entry]) -> AnyView {
    if list.is_empty() {
        return view! { <span class="muted">"none"</span> }.into_any();
    }
    let item = |entry: &Entry| {
        let text = entry.text.clone();
        match entry.mark {
            Mark::Kept => view! { <li>{text}</li> }.into_any(),
            Mark::Added => view! { <li><ins>{text}</ins></li> }.into_any(),
            Mark::Removed => view! { <li><del>{text}</del></li> }.into_any(),
        }
    };
    view! { <ul class="entries">{list.iter().map(item).collect::<Vec<_>>()}</ul> }.into_any()
}
