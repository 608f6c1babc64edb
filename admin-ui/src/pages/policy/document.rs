//! The whole policy as text: every clause there is, with what the schema says of the one
//! at the cursor, and faults at their lines.

use domain::access::Role;
use domain::problem::FieldError;
use leptos::html::Textarea;
use leptos::prelude::*;

use super::editor::Editor;
use super::form;
use crate::forms::policy::document::{
    byte_offset, line_of, line_start, pointer_at, spans, utf16_offset,
};
use crate::forms::policy::draft::document_pointer;
use crate::forms::policy::schema::about;
use crate::ui::icon::Icon;
use crate::ui::notice::{Notice, Tone};
use crate::ui::text::plural;

/// The editor of the text.
pub(super) fn view(editor: Editor) -> AnyView {
    let node = NodeRef::<Textarea>::new();
    let faults = Memo::new(move |_| located(&editor.text.get(), &editor.faults()));
    let read_only = Signal::derive(move || editor.context.why_not(Role::Admin).is_some());
    let lines = Memo::new(move |_| editor.text.with(|text| text.matches('\n').count() + 1));
    let at = RwSignal::new(String::new());
    let look = move || {
        if let Some(area) = node.get_untracked() {
            let units = area.selection_start().ok().flatten().unwrap_or(0);
            let units = usize::try_from(units).unwrap_or(0);
            let text = area.value();
            let spans = spans(&text);
            let pointer = pointer_at(&spans, byte_offset(&text, units)).to_owned();
            if at.with_untracked(|at| *at != pointer) {
                at.set(pointer);
            }
        }
    };
    let numbers = move || {
        let marked = faults.with(|faults| faults.iter().map(|(line, _)| *line).collect::<Vec<_>>());
        let number = |line: usize| {
            let class = if marked.contains(&line) {
                "line-number bad"
            } else {
                "line-number"
            };
            view! { <span class=class>{line}</span> }
        };
        (1..=lines.get()).map(number).collect::<Vec<_>>()
    };
    view! {
        <p class="muted">
            "Every clause of the policy. What is left out has its default; the panel says what the clause at the cursor means."
        </p>
        {summary(faults, node)}
        <form class="policy-form" novalidate=true on:submit=move |event| event.prevent_default()>
            <div class="document">
                <div class="document-text">
                    <div class="line-numbers" aria-hidden="true">{numbers}</div>
                    <textarea node_ref=node aria-label="Policy as JSON" wrap="off" spellcheck="false" autocomplete="off"
                        rows=move || (lines.get() + 1).to_string()
                        readonly=move || read_only.get()
                        aria-invalid=move || (!faults.with(Vec::is_empty)).then_some("true")
                        aria-describedby="policy-faults"
                        prop:value=move || editor.text.get()
                        on:input:target=move |event| {
                            editor.type_text(event.target().value());
                            look();
                        }
                        on:keyup=move |_| look()
                        on:click=move |_| look()
                        on:focus=move |_| look()></textarea>
                </div>
                <aside class="panel clause-help" tabindex="0" aria-label="The clause at the cursor">{move || help(&at.get())}</aside>
            </div>
            {form::bar(editor, read_only)}
        </form>
    }
    .into_any()
}

/// Faults with the lines they are about, in the order of the text.
fn located(text: &str, faults: &[FieldError]) -> Vec<(usize, FieldError)> {
    let spans = spans(text);
    let at = |fault: &FieldError| (line_of(text, &spans, fault), fault.clone());
    let mut found: Vec<_> = faults.iter().map(at).collect();
    found.sort_by_key(|(line, _)| *line);
    found
}

/// What to correct, each with a way to its line.
fn summary(faults: Memo<Vec<(usize, FieldError)>>, node: NodeRef<Textarea>) -> AnyView {
    let go = move |line: usize| {
        if let Some(area) = node.get_untracked() {
            let text = area.value();
            let from = utf16_offset(&text, line_start(&text, line));
            let to = utf16_offset(&text, line_start(&text, line + 1)).saturating_sub(1);
            let units = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            drop(area.set_selection_range(units(from), units(to.max(from))));
            drop(area.focus());
        }
    };
    let item = move |(line, fault): (usize, FieldError)| {
        let pointer = document_pointer(&fault.pointer).to_owned();
        view! {
            <li>
                <button type="button" class="link" on:click=move |_| go(line)>{format!("Line {line}")}</button>
                " " <code>{pointer}</code> " " {fault.detail}
            </li>
        }
    };
    let text = move || {
        let found = faults.get();
        let n = u64::try_from(found.len()).unwrap_or(u64::MAX);
        (n > 0).then(|| {
            view! {
                <Notice tone=Tone::Bad>
                    <p>{format!("{n} thing{} to correct before this can be applied.", plural(n))}</p>
                    <ul class="plain-list">{found.into_iter().map(item).collect::<Vec<_>>()}</ul>
                </Notice>
            }
        })
    };
    view! { <div id="policy-faults" tabindex="-1">{text}</div> }.into_any()
}

/// What the schema says of a clause.
fn help(pointer: &str) -> AnyView {
    let shown = if pointer.is_empty() {
        "the whole document"
    } else {
        pointer
    };
    let heading = view! { <p class="clause"><code>{shown.to_owned()}</code></p> };
    let Some(about) = about(pointer) else {
        return view! {
            {heading}
            <p class="text-bad">{Icon::Warning.view()} " No policy has such a clause."</p>
        }
        .into_any();
    };
    let inside = about.inside.into_iter().map(|(name, text)| {
        view! { <div><dt><code>{name}</code></dt><dd>{text}</dd></div> }
    });
    view! {
        {heading}
        <p>{about.text}</p>
        <p class="muted">{about.kind}</p>
        <dl class="inside">{inside.collect::<Vec<_>>()}</dl>
    }
    .into_any()
}
