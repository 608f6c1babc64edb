//! The fields of the policy.

use domain::access::Role;
use domain::policy::ToolProfile;
use domain::policy::tools::{GROUPS, SUGGESTED};
use domain::problem::FieldError;
use leptos::prelude::*;
use serde_json::Value;

use super::editor::Editor;
use super::operators::Operators;
use crate::forms::policy::draft::{document_pointer, errors_at, errors_elsewhere, parse_tokens};
use crate::paths::{self, Section};
use crate::ui::button::{Button, Weight};
use crate::ui::chips::{ChipField, Fault, Suggestion};
use crate::ui::field::TextField;
use crate::ui::notice::{Notice, Tone};
use crate::ui::text::{count, plural};

/// Fields that show their own errors.
const FIELDS: [&str; 6] = [
    "/access/operators",
    "/access/users",
    "/tools/profile",
    "/tools/allow",
    "/tools/deny",
    "/budgets/tokens_per_day",
];

/// The form.
pub(super) fn view(editor: Editor) -> AnyView {
    let faults = Memo::new(move |_| editor.faults());
    let read_only = Signal::derive(move || editor.context.why_not(Role::Admin).is_some());
    let tools: Vec<Suggestion> = SUGGESTED
        .iter()
        .chain(GROUPS)
        .map(|(value, about)| Suggestion { value, about })
        .collect();
    let of =
        move |field: &'static str| Signal::derive(move || faults.with(|f| chip_faults(f, field)));
    let tokens_errors =
        Signal::derive(move || faults.with(|f| details(&errors_at(f, "/budgets/tokens_per_day"))));
    let zone = move || {
        let said = editor.rest.with(|rest| {
            let zone = rest.pointer("/budgets/time_zone");
            zone.and_then(|zone| zone.as_str()).map(str::to_owned)
        });
        said.unwrap_or_else(|| "UTC".to_owned())
    };
    let spelled = move || match parse_tokens(&editor.tokens.get()) {
        Ok(Some(tokens)) => format!(
            "{} input and output tokens together, from midnight to midnight in {}.",
            count(tokens),
            zone()
        ),
        Ok(None) => "No limit: model calls are counted and never refused.".to_owned(),
        Err(_) => format!(
            "Input and output tokens together, from midnight to midnight in {}.",
            zone()
        ),
    };
    view! {
        {summary(faults)}
        <form class="policy-form" novalidate=true on:submit=move |event| event.prevent_default()>
            <fieldset>
                <legend>"People"</legend>
                <Operators editor=editor faults=faults read_only=read_only />
                {locks_out(editor)}
                <ChipField label="Users" value=editor.users faults=of("/access/users") read_only=read_only
                    hint="They may talk to OpenClaw and see nothing here." placeholder="name@example.com" />
            </fieldset>
            <fieldset>
                <legend>"Tools"</legend>
                {profiles(editor, read_only)}
                <ChipField label="Also allowed" value=editor.allow suggestions=tools.clone() faults=of("/tools/allow")
                    read_only=read_only hint="Tools, groups or globs that agents get besides the profile." placeholder="web_search, group:fs" />
                <ChipField label="Denied" value=editor.deny suggestions=tools faults=of("/tools/deny")
                    read_only=read_only hint="No agent gets these, whatever else allows them." placeholder="exec, group:runtime" />
            </fieldset>
            <fieldset>
                <legend>"Budgets"</legend>
                <TextField label="Tokens per day" value=editor.tokens errors=tokens_errors read_only=read_only
                    hint="Leave it empty for no limit." input_mode="numeric" placeholder="no limit" />
                <p class="muted spelled">{spelled}</p>
            </fieldset>
            {bar(editor, read_only)}
        </form>
        {others(editor)}
    }
    .into_any()
}

/// How many clauses the policy has that this form does not show, and where they are.
fn others(editor: Editor) -> AnyView {
    let document = paths::gateway(&editor.context.id(), Section::Document);
    let any = move || !editor.rest.with(Value::is_null);
    view! {
        <p class="muted">
            {move || if any() {
                "This policy says more than this form shows; all of it stays as it is. "
            } else {
                "A policy can say much more than this form shows. "
            }}
            <a class="text-link" href=document>"All clauses"</a>
        </p>
    }
    .into_any()
}

/// What to correct, above the form: the count, and what no field shows.
fn summary(faults: Memo<Vec<FieldError>>) -> AnyView {
    let text = move || {
        let n = faults.with(Vec::len);
        let n = u64::try_from(n).unwrap_or(u64::MAX);
        (n > 0).then(|| {
            let elsewhere = faults.with(|f| details(&errors_elsewhere(f, &FIELDS)));
            view! {
                <Notice tone=Tone::Bad>
                    <p>{format!("{n} thing{} to correct before this can be applied.", plural(n))}</p>
                    {elsewhere.into_iter().map(|detail| view! { <p>{detail}</p> }).collect::<Vec<_>>()}
                </Notice>
            }
        })
    };
    view! { <div id="policy-faults" tabindex="-1">{text}</div> }.into_any()
}

pub(super) fn bar(editor: Editor, read_only: Signal<bool>) -> AnyView {
    let dirty = Memo::new(move |_| editor.dirty());
    let why_not = Signal::derive(move || {
        let admin = editor.context.why_not(Role::Admin);
        admin.or_else(|| (!dirty.get()).then(|| "Nothing is changed yet.".to_owned()))
    });
    view! {
        <div class="form-bar" hidden=move || read_only.get()>
            <Button on_press=move |()| editor.review() weight=Weight::Primary busy=editor.busy why_not=why_not>
                "Review changes"
            </Button>
            <Button on_press=move |()| editor.reset() why_not=why_not>"Discard changes"</Button>
            <span class="muted">
                {move || if dirty.get() { "Not applied. Kept in this tab." } else { "No changes." }}
            </span>
        </div>
    }
    .into_any()
}

/// A warning while the edit would take the person's own admin role.
fn locks_out(editor: Editor) -> AnyView {
    let me = move || {
        editor
            .context
            .status
            .value
            .with(|s| s.as_ref().map(|s| s.viewer.clone()))
    };
    let locked = Memo::new(move |_| {
        let me = me().filter(|me| me.role == Role::Admin)?;
        let admin = |email: &str, role: Role| {
            role == Role::Admin && email.trim().eq_ignore_ascii_case(&me.subject)
        };
        let kept = editor
            .draft()
            .operators
            .iter()
            .any(|row| admin(&row.email, row.role));
        (!kept).then_some(me.subject)
    });
    (move || {
        locked.get().map(|subject| view! {
            <Notice tone=Tone::Warn>
                <p>{format!("You ({subject}) would no longer be an admin, and could not change this policy again.")}</p>
            </Notice>
        })
    })
    .into_any()
}

const fn about(profile: ToolProfile) -> &'static str {
    match profile {
        ToolProfile::Minimal => "Session status only",
        ToolProfile::Messaging => "Messages and sessions; no files, no commands",
        ToolProfile::Coding => "Files, commands, web, sessions, memory",
        ToolProfile::Full => "Every tool OpenClaw has, plugins included",
    }
}

fn profiles(editor: Editor, read_only: Signal<bool>) -> AnyView {
    let option = move |profile: ToolProfile| {
        let id = format!("profile-{profile}");
        let about_id = format!("{id}-about");
        view! {
            <div class="choice">
                <input type="radio" name="profile" id=id.clone() value=profile.as_str() aria-describedby=about_id.clone()
                    prop:checked=move || editor.profile.get() == profile
                    disabled=move || read_only.get() && editor.profile.get() != profile
                    on:change=move |_| editor.profile.set(profile) />
                <label for=id>{profile.as_str()}</label>
                <span class="muted" id=about_id>{about(profile)}</span>
            </div>
        }
    };
    view! {
        <div class="field" role="radiogroup" aria-labelledby="profile-label">
            <span class="label" id="profile-label">"Tool profile"</span>
            <p class="hint">"The set that agents start from."</p>
            <div class="choices">{ToolProfile::ALL.map(option)}</div>
        </div>
    }
    .into_any()
}

fn chip_faults(faults: &[FieldError], field: &str) -> Vec<Fault> {
    let fault = |error: &FieldError| {
        let rest = document_pointer(&error.pointer)
            .strip_prefix(field)
            .unwrap_or_default();
        Fault {
            entry: rest.trim_start_matches('/').parse().ok(),
            detail: error.detail.clone(),
        }
    };
    errors_at(faults, field).into_iter().map(fault).collect()
}

/// What the errors say.
pub(super) fn details(errors: &[&FieldError]) -> Vec<String> {
    errors.iter().map(|error| error.detail.clone()).collect()
}
