//! Granting more for a while, with what it does before it is done.

use domain::wire::usage::{AccountReport, BudgetsReport, Gauge};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::abort::Abort;
use crate::api::live::Live;
use crate::api::zone::Zone;
use crate::components::gateway_context::GatewayContext;
use crate::forms::policy::draft::{MAX_NOTE, parse_tokens};
use crate::forms::usage::extension::{ExtensionDraft, LENGTHS, parse_dollars, preview, until};
use crate::forms::usage::view::Metric;
use crate::ui::announce::Announcer;
use crate::ui::button::{Button, Weight};
use crate::ui::choices::select;
use crate::ui::clock::Clock;
use crate::ui::dialog::Dialog;
use crate::ui::field::{TextArea, TextField};
use crate::ui::notice::{Notice, Tone};

/// The dialog; each opening begins anew.
#[component]
pub(super) fn ExtendDialog(
    /// Whether it is open.
    open: RwSignal<bool>,
    /// The budgets that are extended.
    live: Live<BudgetsReport>,
) -> impl IntoView {
    view! {
        <Dialog open=open title="Grant more for a while"><Extend open=open live=live /></Dialog>
    }
}

/// The fields; copied freely.
#[derive(Clone, Copy)]
struct Form {
    agent: RwSignal<String>,
    tokens: RwSignal<String>,
    dollars: RwSignal<String>,
    hours: RwSignal<String>,
    note: RwSignal<String>,
}

impl Form {
    fn draft(self) -> ExtensionDraft {
        ExtensionDraft {
            agent: Some(self.agent.get()).filter(|agent| !agent.is_empty()),
            tokens: self.tokens.get(),
            dollars: self.dollars.get(),
            hours: self.hours.get().parse().ok(),
            note: self.note.get(),
        }
    }

    fn account(self, report: &BudgetsReport) -> Option<AccountReport> {
        let agent = self.agent.get();
        let mut accounts = report.accounts.iter();
        accounts
            .find(|account| account.agent.as_deref().unwrap_or_default() == agent)
            .cloned()
    }
}

#[component]
fn Extend(open: RwSignal<bool>, live: Live<BudgetsReport>) -> impl IntoView {
    let context = GatewayContext::get();
    let (announcer, abort) = (Announcer::get(), Abort::on_cleanup());
    let text = || RwSignal::new(String::new());
    let form = Form {
        agent: text(),
        tokens: text(),
        dollars: text(),
        hours: text(),
        note: text(),
    };
    let busy = RwSignal::new(false);
    let wrong = RwSignal::new(Vec::<String>::new());
    let grant = move |()| {
        let request = untrack(move || {
            let report = live.value.get()?;
            let account = form.account(&report)?;
            Some(
                form.draft()
                    .into_request(&account, report.resets_at, crate::api::now()),
            )
        });
        let request = match request {
            Some(Ok(request)) => request,
            Some(Err(faults)) => return wrong.set(faults),
            None => return,
        };
        wrong.set(Vec::new());
        busy.set(true);
        let gateway = context.gateway();
        spawn_local(async move {
            let answer = gateway.extend(&request, abort).await;
            if abort.ended() {
                return;
            }
            busy.set(false);
            match answer {
                Ok(_) => {
                    announcer.say("Granted");
                    live.refresh();
                    context.status.refresh();
                    open.set(false);
                }
                Err(error) if error.field_errors().is_empty() => wrong.set(vec![error.message()]),
                Err(error) => {
                    let said = error.field_errors().iter();
                    wrong.set(
                        said.map(|e| format!("{} {}", e.pointer, e.detail))
                            .collect(),
                    );
                }
            }
        });
    };
    let whose = untrack(move || live.value.get()).map_or_else(Vec::new, |report| {
        let limited = |a: &&AccountReport| {
            a.agent.is_none() || a.tokens.limit.is_some() || a.cost_micro_usd.limit.is_some()
        };
        let accounts = report.accounts.iter().filter(limited);
        let named = |a: &AccountReport| match &a.agent {
            None => (String::new(), "The whole gateway".to_owned()),
            Some(agent) => (agent.clone(), format!("Agent {agent}")),
        };
        accounts.map(named).collect::<Vec<_>>()
    });
    let lengths = LENGTHS.map(|(hours, words)| {
        (
            hours.map(|h| h.to_string()).unwrap_or_default(),
            words.to_owned(),
        )
    });
    view! {
        <p>"More than the policy allows, until a time. Afterwards the policy's limit holds again."</p>
        {select("Whose limit", whose, form.agent.into(), Callback::new(move |v| form.agent.set(v)))}
        <div class="field-pair">
            <TextField label="Tokens more a day" value=form.tokens input_mode="numeric" placeholder="200 000" />
            <TextField label="US dollars more a day" value=form.dollars input_mode="decimal" placeholder="5.00" />
        </div>
        {select("Until", lengths.into(), form.hours.into(), Callback::new(move |v| form.hours.set(v)))}
        <TextArea label="Why (optional)" hint="Kept in the audit." value=form.note max=MAX_NOTE />
        {move || live.value.get().map(|report| effect(form, &report))}
        {move || (!wrong.with(Vec::is_empty)).then(|| view! {
            <Notice tone=Tone::Bad>
                {wrong.get().into_iter().map(|text| view! { <p>{text}</p> }).collect::<Vec<_>>()}
            </Notice>
        })}
        <div class="actions">
            <Button on_press=grant weight=Weight::Primary busy=busy>"Grant"</Button>
            <Button on_press=move |()| open.set(false)>"Cancel"</Button>
        </div>
    }
}

/// What the grant would do, while it is typed.
fn effect(form: Form, report: &BudgetsReport) -> Option<AnyView> {
    let account = form.account(report)?;
    let draft = form.draft();
    let tokens = parse_tokens(&draft.tokens).ok().flatten().unwrap_or(0);
    let cost = parse_dollars(&draft.dollars).ok().flatten().unwrap_or(0);
    let line = |metric: Metric, gauge: &Gauge, granted: u64| {
        let seen = preview(gauge, granted)?;
        Some(view! {
            <p>
                "Limit of today: " <del>{metric.words(seen.limit)}</del> " " <ins>{metric.words(seen.then)}</ins>
                {format!(". {} would be free.", metric.words(seen.free))}
            </p>
        })
    };
    let lines: Vec<_> = [
        line(Metric::Tokens, &account.tokens, tokens),
        line(Metric::Cost, &account.cost_micro_usd, cost),
    ]
    .into_iter()
    .flatten()
    .collect();
    if lines.is_empty() {
        return None;
    }
    let now = Clock::get().now();
    let ends = Zone::new(&report.time_zone).words(until(draft.hours, report.resets_at, now));
    let ends = format!("It ends {ends} in {}.", report.time_zone);
    Some(view! { <Notice tone=Tone::Info>{lines} <p>{ends}</p></Notice> }.into_any())
}
