//! May an agent use a tool, and which clause says so? The question is in the address.

use domain::policy::Expected;
use domain::policy::coverage::Enforcer;
use domain::policy::explain::{Answer, Passed, Question};
use domain::policy::tools::SUGGESTED;
use domain::problem::FieldError;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::abort::Abort;
use crate::api::error::ApiError;
use crate::components::address::Address;
use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::components::verdict;
use crate::forms::policy::question::{PARTS, read, words};
use crate::ui::button::{Button, Weight};
use crate::ui::copy::CopyButton;
use crate::ui::field::Errors;
use crate::ui::loading::Loading;
use crate::ui::table::{Column, code, table, text};

const COLUMNS: &[Column] = &[
    ("Layer", false),
    ("Says", false),
    ("Clause", false),
    ("Because", false),
];

/// What became of the question in the address.
#[derive(Debug, Clone, PartialEq)]
enum State {
    Nothing,
    Asking,
    Failed(ApiError),
    Answered(Box<Question>, Option<u64>, Box<Answer>),
}

/// The section.
pub(crate) fn section() -> AnyView {
    let context = GatewayContext::get();
    let address = Address::here();
    let abort = Abort::on_cleanup();
    let state = RwSignal::new(State::Nothing);
    let faults = RwSignal::new(Vec::<FieldError>::new());
    let asked = Memo::new(move |_| PARTS.map(|(key, _, _)| address.get(key)));
    let ask = move |parts: [String; PARTS.len()]| {
        if parts.iter().all(String::is_empty) {
            return state.set(State::Nothing);
        }
        let part = |key: &str| {
            let found = PARTS.iter().zip(&parts).find(|((k, _, _), _)| *k == key);
            found.map_or_else(String::new, |(_, value)| value.clone())
        };
        let question = match read(part) {
            Ok(question) => question,
            Err(wrong) => {
                faults.set(wrong);
                return state.set(State::Nothing);
            }
        };
        faults.set(Vec::new());
        state.set(State::Asking);
        let gateway = context.gateway();
        spawn_local(async move {
            let answer = gateway.explain(vec![question.clone()], None, abort).await;
            // Another question may have been asked meanwhile.
            if abort.ended() || untrack(move || asked.get()) != parts {
                return;
            }
            state.set(match answer {
                Ok(explanation) => match explanation.answers.into_iter().next() {
                    Some(answer) => {
                        State::Answered(Box::new(question), explanation.version, Box::new(answer))
                    }
                    None => State::Nothing,
                },
                Err(error) => State::Failed(error),
            });
        });
    };
    Effect::new(move |_| ask(asked.get()));
    let body = move || match state.get() {
        State::Nothing => ().into_any(),
        State::Asking => view! { <Loading what="Asking the gateway" /> }.into_any(),
        State::Failed(error) => {
            let again = move |()| ask(untrack(move || asked.get()));
            view! { <Failure what="The answer" error=error retry=again /> }.into_any()
        }
        State::Answered(question, version, answer) => answered(&question, version, &answer),
    };
    view! {
        <h2 tabindex="-1" data-section-heading="">"Explain"</h2>
        <p class="muted">"May an agent use a tool? The answer names the clause that decides, and what enforces it."</p>
        {form(address, asked, faults)}
        {body}
    }
    .into_any()
}

fn form(
    address: Address,
    asked: Memo<[String; PARTS.len()]>,
    faults: RwSignal<Vec<FieldError>>,
) -> AnyView {
    let values = PARTS.map(|_| RwSignal::new(String::new()));
    // The address may come from a link, or from going back.
    Effect::new(move |_| {
        for (value, part) in values.iter().zip(asked.get()) {
            value.set(part);
        }
    });
    let ask = move || {
        let parts = values.map(|value| value.get_untracked().trim().to_owned());
        let pairs: Vec<(&str, &str)> = PARTS
            .iter()
            .zip(&parts)
            .map(|((key, _, _), value)| (*key, value.as_str()))
            .collect();
        address.set_all(&pairs);
    };
    let field = move |i: usize| {
        let (Some((key, label, hint)), Some(value)) =
            (PARTS.get(i).copied(), values.get(i).copied())
        else {
            return ().into_any();
        };
        let (id, errors_id) = (format!("ask-{key}"), format!("ask-{key}-errors"));
        let errors = Signal::derive(move || {
            let own = |faults: &Vec<FieldError>| {
                let mine = faults.iter().filter(|fault| fault.pointer == key);
                mine.map(|fault| fault.detail.clone()).collect::<Vec<_>>()
            };
            faults.with(own)
        });
        view! {
            <div class="field">
                <label for=id.clone()>{label}</label>
                <input id=id type="text" autocomplete="off" spellcheck="false" placeholder=hint
                    list=(key == "tool").then_some("ask-tools")
                    aria-describedby=errors_id.clone()
                    aria-invalid=move || (!errors.get().is_empty()).then_some("true")
                    prop:value=move || value.get()
                    on:input:target=move |event| value.set(event.target().value()) />
                <Errors id=errors_id errors=errors />
            </div>
        }
        .into_any()
    };
    let tools = SUGGESTED
        .iter()
        .map(|(tool, about)| view! { <option value=*tool>{*about}</option> });
    view! {
        <form class="panel ask" novalidate=true
            on:submit=move |event| {
                event.prevent_default();
                ask();
            }>
            <div class="fields">{[0, 1, 2].map(field)}</div>
            <details class="raw">
                <summary>"For whom, and with what"</summary>
                <div class="fields">{[3, 4, 5, 6, 7].map(field)}</div>
            </details>
            <datalist id="ask-tools">{tools.collect::<Vec<_>>()}</datalist>
            <div class="actions"><Button on_press=move |()| ask() weight=Weight::Primary>"Explain"</Button></div>
        </form>
    }
    .into_any()
}

fn answered(question: &Question, version: Option<u64>, answer: &Answer) -> AnyView {
    let (class, headline) = match answer.decision {
        Expected::Allow => ("answer allow", "Yes"),
        Expected::Ask => ("answer ask", "Only when a person approves it"),
        Expected::Deny => ("answer deny", "No"),
    };
    let link = window().location().href().unwrap_or_default();
    let rows = answer.passed.iter().map(|passed| row(passed, answer));
    let version = version.map(|v| format!(" (policy v{v})"));
    view! {
        <section class=class aria-labelledby="answer" aria-live="polite">
            <p class="muted">{words(question)}{version}</p>
            <h3 id="answer">{verdict::mark(answer.decision)}{headline}</h3>
            <p>
                "By " <code>{answer.clause.clone()}</code> ", a clause of the " {verdict::layer(answer.layer)}
                ": it " {answer.because.clone()} "."
            </p>
            <p>{enforced(answer)}</p>
            <div class="actions"><CopyButton text=link what="link to this question" /></div>
        </section>
        <h3>"Layers passed, in order"</h3>
        {table("Layers passed", COLUMNS, rows.collect())}
    }
    .into_any()
}

fn row(passed: &Passed, answer: &Answer) -> Vec<AnyView> {
    let decides = passed.clause == answer.clause && passed.says == answer.decision;
    let decides = decides.then(|| view! { <span class="tag plain">"Decides"</span> });
    let layer = verdict::layer(passed.layer);
    vec![
        view! { {layer} " " {decides} }.into_any(),
        verdict::view(passed.says),
        code(passed.clause.clone()),
        text(passed.because.clone()),
    ]
}

/// What enforces the clause that decides, and whether that has been shown.
fn enforced(answer: &Answer) -> AnyView {
    let meant = verdict::enforcer(answer.meant_for);
    if answer.enforced_by != Enforcer::DeclaredOnly {
        return view! { {verdict::proven(true)} {format!(" Enforced by {meant}, as a test has shown.")} }
            .into_any();
    }
    let words = if answer.meant_for == Enforcer::DeclaredOnly {
        " Nothing enforces this clause: it only says what is wanted.".to_owned()
    } else {
        format!(" Meant for {meant}; no test has yet seen it hold.")
    };
    view! { {verdict::proven(false)} {words} }.into_any()
}
