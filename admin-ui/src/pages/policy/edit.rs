//! The policy section: what shows follows the editor's stage.

use domain::access::Role;
use leptos::prelude::*;

use super::editor::{Editor, Stage};
use super::{conflict, document, form, progress, review};
use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::paths::{self, Section};
use crate::ui::button::Button;
use crate::ui::loading::Loading;
use crate::ui::notice::{Notice, Tone};

/// How the policy is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Field by field: what most edits are about.
    Form,
    /// The whole document as text: every clause there is.
    Text,
}

/// The section.
pub(crate) fn section(mode: Mode) -> AnyView {
    let context = GatewayContext::get();
    let editor = Editor::open(context);
    let newest = Memo::new(move |_| {
        context
            .status
            .value
            .with(|s| s.as_ref().map(|s| s.policy.version))
    });
    Effect::new(move |_| {
        if let Some(newest) = newest.get() {
            editor.follow(newest);
        }
    });
    let version = move || {
        editor
            .base
            .with(|base| base.as_ref().map(|base| base.version))
    };
    let body = move || match editor.stage.get() {
        Stage::Loading => view! { <Loading what="Loading the policy" /> }.into_any(),
        Stage::Failed(error) => {
            view! { <Failure what="The policy" error=error retry=move |()| editor.load() /> }
                .into_any()
        }
        Stage::Editing => editing(editor, newest, mode),
        Stage::Reviewing(diff, broken) => review::view(editor, &diff, &broken),
        Stage::Conflict(theirs) => conflict::view(editor, theirs),
    };
    view! {
        <h2 tabindex="-1" data-section-heading="">
            {match mode {
                Mode::Form => "Policy",
                Mode::Text => "All clauses",
            }}
            {move || version().map(|v| view! { <span class="muted">{format!(" v{v}")}</span> })}
        </h2>
        {progress::view(editor)}
        {body}
    }
    .into_any()
}

fn editing(editor: Editor, newest: Memo<Option<u64>>, mode: Mode) -> AnyView {
    let ahead = Memo::new(move |_| {
        let base = editor
            .base
            .with(|base| base.as_ref().map(|base| base.version))?;
        newest.get().filter(|newest| *newest > base)
    });
    let dirty = Memo::new(move |_| editor.dirty());
    let may_not = Memo::new(move |_| editor.context.why_not(Role::Admin));
    view! {
        {move || editor.remark.get().map(|remark| view! { <Notice tone=Tone::Info><p>{remark}</p></Notice> })}
        {move || (dirty.get()).then(|| ahead.get()).flatten().map(|v| view! {
            <Notice tone=Tone::Warn>
                <p>{format!("Somebody saved v{v} while you were editing.")}</p>
                <Button on_press=move |()| editor.compare() busy=editor.busy>"Compare with my edit"</Button>
            </Notice>
        })}
        {move || may_not.get().map(|why| view! {
            <Notice tone=Tone::Info><p>{why} " The policy can be read here."</p></Notice>
        })}
        {fields(editor, mode)}
    }
    .into_any()
}

fn fields(editor: Editor, mode: Mode) -> AnyView {
    if mode == Mode::Text {
        return document::view(editor);
    }
    let unreadable = Memo::new(move |_| !editor.unreadable.with(Vec::is_empty));
    let document = paths::gateway(&editor.context.id(), Section::Document);
    (move || {
        if !unreadable.get() {
            return form::view(editor);
        }
        let document = document.clone();
        view! {
            <Notice tone=Tone::Warn>
                <p>"Your edit of the document cannot be read as a policy yet, so there is no form of it."</p>
                <div class="actions">
                    <a class="button primary" href=document>"Go on under All clauses"</a>
                    <Button on_press=move |()| editor.reset()>"Discard changes"</Button>
                </div>
            </Notice>
        }
        .into_any()
    })
    .into_any()
}
