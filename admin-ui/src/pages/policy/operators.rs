//! The operators table of the policy form.

use domain::access::Role;
use domain::problem::FieldError;
use leptos::prelude::*;

use super::editor::{Editor, OperatorEdit};
use super::form::details;
use crate::forms::policy::draft::{document_pointer, errors_at};
use crate::ui::announce::Announcer;
use crate::ui::button::Button;
use crate::ui::field::Errors;
use crate::ui::icon::Icon;

/// Roles an operator can have, from little to much.
const ROLES: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

/// The table.
#[component]
pub(super) fn Operators(
    editor: Editor,
    faults: Memo<Vec<FieldError>>,
    read_only: Signal<bool>,
) -> impl IntoView {
    // Errors of the table as a whole; those of a row show in the row.
    let whole = Signal::derive(move || {
        let here = |f: &&&FieldError| document_pointer(&f.pointer) == "/access/operators";
        faults.with(|f| {
            details(
                &errors_at(f, "/access/operators")
                    .iter()
                    .filter(here)
                    .copied()
                    .collect::<Vec<_>>(),
            )
        })
    });
    let add = move |()| {
        editor.add_operator();
        crate::components::page::focus(".operators tbody tr:last-child input");
    };
    view! {
        <div class="field">
            <span class="label" id="operators-label">"Operators"</span>
            <p class="hint">
                "Viewers see status, policy, usage and audit; operators start, stop and restart; admins change the policy."
            </p>
            <table role="table" class="operators" aria-labelledby="operators-label">
                <thead role="rowgroup">
                    <tr role="row">
                        <th role="columnheader" scope="col">"E-mail address"</th>
                        <th role="columnheader" scope="col">"Role"</th>
                        <th role="columnheader" scope="col"><span class="visually-hidden">"Remove"</span></th>
                    </tr>
                </thead>
                <tbody role="rowgroup">
                    <For each=move || editor.operators.get() key=|row| row.key
                        children=move |row| operator(editor, &row, faults, read_only) />
                </tbody>
            </table>
            <Errors id="operators-errors" errors=whole />
            <div hidden=move || read_only.get()>
                <Button on_press=add>{Icon::Plus.view()} "Add an operator"</Button>
            </div>
        </div>
    }
}

fn operator(
    editor: Editor,
    row: &OperatorEdit,
    faults: Memo<Vec<FieldError>>,
    read_only: Signal<bool>,
) -> AnyView {
    let announcer = Announcer::get();
    let (key, email, role) = (
        row.key,
        RwSignal::from(row.email.clone()),
        RwSignal::from(row.role.clone()),
    );
    let errors = Signal::derive(move || {
        let at = editor
            .operators
            .with(|rows| rows.iter().position(|r| r.key == key));
        at.map(|i| faults.with(|f| details(&errors_at(f, &format!("/access/operators/{i}")))))
            .unwrap_or_default()
    });
    let errors_id = format!("operator-{key}-errors");
    let described = errors_id.clone();
    let called = move || {
        let email = email.get();
        if email.trim().is_empty() {
            "this operator".to_owned()
        } else {
            email
        }
    };
    let remove = move |_| {
        editor
            .operators
            .update(|rows| rows.retain(|r| r.key != key));
        announcer.say("Removed");
        crate::components::page::focus(".operators + .field-errors + div button");
    };
    let option = move |of: Role| {
        view! { <option value=of.as_str() selected=move || role.get() == of>{of.as_str()}</option> }
    };
    let chosen = move |value: String| {
        if let Some(chosen) = ROLES.into_iter().find(|role| role.as_str() == value) {
            role.set(chosen);
        }
    };
    view! {
        <tr role="row">
            <td role="cell">
                <input type="text" inputmode="email" autocapitalize="none" autocomplete="off" spellcheck="false" aria-label="E-mail address" placeholder="name@example.com"
                    aria-describedby=described
                    aria-invalid=move || (!errors.get().is_empty()).then_some("true")
                    readonly=move || read_only.get()
                    prop:value=move || email.get()
                    on:input:target=move |event| email.set(event.target().value()) />
                <Errors id=errors_id errors=errors />
            </td>
            <td role="cell">
                <select aria-label=move || format!("Role of {}", called()) disabled=move || read_only.get()
                    prop:value=move || role.get().as_str()
                    on:change:target=move |event| chosen(event.target().value())>
                    {ROLES.map(option)}
                </select>
            </td>
            <td role="cell">
                <button type="button" class="button quiet icon-only" hidden=move || read_only.get()
                    aria-label=move || format!("Remove {}", called()) on:click=remove>{Icon::Cross.view()}</button>
            </td>
        </tr>
    }
    .into_any()
}
