//! Today's limits: what is used and reserved, what was granted beyond them.

use domain::access::Role;
use domain::budget::Extension;
use domain::wire::gateway::Page;
use domain::wire::usage::{AccountReport, BudgetsReport, RefusalRow};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::extend::ExtendDialog;
use super::{browser, gauge};
use crate::api::abort::Abort;
use crate::api::live::Live;
use crate::api::zone::Zone;
use crate::components::gateway_context::GatewayContext;
use crate::forms::usage::refused::{About, refused};
use crate::forms::usage::view::Metric;
use crate::ui::button::Button;
use crate::ui::clock::Relative;
use crate::ui::icon::Icon;
use crate::ui::notice::{Notice, Tone};
use crate::ui::table::{Column, or_dash, table, text};
use crate::ui::text::{count, plural};

const COLUMNS: &[Column] = &[
    ("Granted to", false),
    ("More a day", false),
    ("Until", false),
    ("By", false),
    ("Why", false),
];

/// The panel.
pub(super) fn view(live: Live<BudgetsReport>, refusals: Live<Page<RefusalRow>>) -> AnyView {
    let context = GatewayContext::get();
    let open = RwSignal::new(false);
    let soft = soft_limit(context);
    let why_not = Signal::derive(move || {
        let limited = live.value.with(|report| {
            let mut accounts = report.iter().flat_map(|report| &report.accounts);
            accounts.any(|a| a.tokens.limit.is_some() || a.cost_micro_usd.limit.is_some())
        });
        let none =
            (!limited).then(|| "The policy sets no limit that could be extended.".to_owned());
        context.why_not(Role::Operator).or(none)
    });
    let body = move || live.value.get().map(|report| panel(&report, soft.get()));
    let told = move |about: About| {
        let day = live
            .value
            .with(|report| Some(report.as_ref()?.day.clone()))?;
        let rows = refusals.value.get()?.items;
        refused(&rows, &day, about)
    };
    let browser = move || {
        let report = live.value.with(|report| report.as_ref()?.browser)?;
        Some(browser::view(&report, told(About::Browser)))
    };
    view! {
        <section class="panel" aria-labelledby="u-budgets">
            <div class="panel-head">
                <h3 id="u-budgets">"Today's budget"</h3>
                <Button on_press=move |()| open.set(true) why_not=why_not>{Icon::Plus.view()} "Grant more"</Button>
            </div>
            {body}
            {move || told(About::Models).map(|refused| view! { <p>{refused}</p> })}
        </section>
        {browser}
        <ExtendDialog open=open live=live />
    }
    .into_any()
}

/// The share of a limit from which the gateway warns, from its policy.
fn soft_limit(context: GatewayContext) -> RwSignal<Option<u8>> {
    let (soft, abort) = (RwSignal::new(None), Abort::on_cleanup());
    let version = Memo::new(move |_| context.facts().map(|facts| facts.policy.version));
    Effect::new(move |_| {
        version.track();
        let gateway = context.gateway();
        spawn_local(async move {
            // Without it the mark is missing; the numbers are there all the same.
            if let Ok(policy) = gateway.policy(abort).await
                && !abort.ended()
            {
                soft.set(policy.document.budgets.soft_limit_percent);
            }
        });
    });
    soft
}

fn panel(report: &BudgetsReport, soft: Option<u8>) -> AnyView {
    let zone = Zone::new(&report.time_zone).words(report.resets_at);
    let spent: Vec<_> = report
        .accounts
        .iter()
        .filter(|account| is_spent(account))
        .map(spent)
        .collect();
    let accounts: Vec<_> = report
        .accounts
        .iter()
        .map(|one| account(one, soft))
        .collect();
    let mark = soft.map(|soft| {
        view! { <p class="muted">{format!("The mark in a bar is at {soft} %: from there the gateway warns in its audit.")}</p> }
    });
    view! {
        <p class="muted">
            {format!("{} in {}. The counts start again ", report.day, report.time_zone)}
            <Relative at=report.resets_at /> {format!(", at {zone} there.")}
        </p>
        {spent}
        <ul class="accounts">{accounts}</ul>
        {mark}
        {extensions(&report.extensions, &report.time_zone)}
    }
    .into_any()
}

fn is_spent(account: &AccountReport) -> bool {
    [&account.tokens, &account.cost_micro_usd]
        .into_iter()
        .any(|gauge| gauge.limit.is_some_and(|limit| gauge.used >= limit))
}

fn spent(account: &AccountReport) -> AnyView {
    let whose = match &account.agent {
        Some(agent) => format!("Agent {agent} has used up its budget: its model calls are refused"),
        None => "The budget is used up: model calls are refused".to_owned(),
    };
    view! {
        <Notice tone=Tone::Bad>
            <p>{whose} " until the day ends, or until somebody grants more."</p>
        </Notice>
    }
    .into_any()
}

fn account(account: &AccountReport, soft: Option<u8>) -> AnyView {
    let name = match &account.agent {
        Some(agent) => format!("Agent {agent}"),
        None => "The whole gateway".to_owned(),
    };
    let n = account.calls_under_way;
    let under_way = (n > 0).then(|| {
        view! { <span class="tag plain">{format!("{} call{} under way", count(n), plural(n))}</span> }
    });
    view! {
        <li class="account-row">
            <p><strong>{name.clone()}</strong> " " {under_way}</p>
            {gauge::view(&name, &|n| Metric::Tokens.words(n), &account.tokens, soft)}
            {gauge::view(&name, &|n| Metric::Cost.words(n), &account.cost_micro_usd, soft)}
        </li>
    }
    .into_any()
}

fn extensions(granted: &[Extension], zone: &str) -> Option<AnyView> {
    let clocks = Zone::new(zone);
    let row = |extension: &Extension| {
        let more = [
            (Metric::Tokens, extension.tokens),
            (Metric::Cost, extension.micro_usd),
        ];
        let more: Vec<_> = more
            .into_iter()
            .filter(|(_, n)| *n > 0)
            .map(|(metric, n)| metric.words(n))
            .collect();
        let whom = extension.agent.as_ref().map_or_else(
            || "The gateway".to_owned(),
            |agent| format!("Agent {agent}"),
        );
        vec![
            text(whom),
            text(more.join(" and ")),
            text(clocks.words(extension.until)),
            text(extension.granted_by.clone()),
            or_dash(extension.note.clone()),
        ]
    };
    (!granted.is_empty()).then(|| {
        view! {
            <h4>{format!("Granted beyond the policy (times in {zone})")}</h4>
            {table("Granted beyond the policy", COLUMNS, granted.iter().map(row).collect())}
        }
        .into_any()
    })
}
