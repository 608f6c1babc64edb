//! What may be spent: ranges, and agents that would have more than the gateway.

use std::ops::RangeInclusive;

use super::{Faults, step};
use crate::policy::document::{AgentBudget, Budgets};
use crate::policy::value::{IsoDuration, ModelPattern};

/// Tokens a day: a gateway that used more would run 11 million tokens a second.
const TOKENS: RangeInclusive<u64> = 1..=1_000_000_000_000;
/// Millionths of a dollar a day.
const COST: RangeInclusive<u64> = 1..=1_000_000_000_000_000;
const CALLS_PER_TASK: RangeInclusive<u64> = 1..=10_000;
const CONCURRENT: RangeInclusive<u64> = 1..=1_000;
const PER_MINUTE: RangeInclusive<u64> = 1..=100_000;
const OUTPUT: RangeInclusive<u64> = 1..=10_000_000;
/// Minutes a day of 100 sessions around the clock.
const BROWSER_MINUTES: RangeInclusive<u64> = 1..=144_000;

pub(super) fn check(budgets: &Budgets, faults: &mut Faults) {
    let gateway = AgentBudget {
        tokens_per_day: budgets.tokens_per_day,
        cost_per_day_micro_usd: budgets.cost_per_day_micro_usd,
        calls_per_task: budgets.calls_per_task,
        concurrent_calls: budgets.concurrent_calls,
        calls_per_minute: budgets.calls_per_minute,
        max_output_tokens: budgets.max_output_tokens,
        models: budgets.models.clone(),
    };
    limits("/budgets", &gateway, faults);
    faults.range(
        "/budgets/soft_limit_percent".to_owned(),
        budgets.soft_limit_percent,
        &(1..=99),
    );
    for (agent, budget) in &budgets.agents {
        let at = format!("/budgets/agents/{}", step(agent.as_str()));
        limits(&at, budget, faults);
        beyond_the_gateway(&at, budget, &gateway, faults);
    }
    faults.too_many("/budgets/agents", budgets.agents.len());
    if let Some(heartbeat) = &budgets.heartbeat {
        least(
            "/budgets/heartbeat/every",
            Some(&heartbeat.every),
            300,
            "PT5M",
            faults,
        );
        if heartbeat.every.seconds() % 60 != 0 {
            faults.add("/budgets/heartbeat/every", "must be whole minutes");
        }
    }
    least(
        "/budgets/cron/min_interval",
        budgets.cron.min_interval.as_ref(),
        60,
        "PT1M",
        faults,
    );
    faults.range(
        "/budgets/cron/max_jobs".to_owned(),
        budgets.cron.max_jobs,
        &(1..=1_000),
    );
    if let Some(browser) = &budgets.browser {
        faults.range(
            "/budgets/browser/sessions".to_owned(),
            browser.sessions,
            &(1..=100),
        );
        faults.range(
            "/budgets/browser/sessions_per_day".to_owned(),
            browser.sessions_per_day,
            &(1..=10_000),
        );
        let minutes = "/budgets/browser/minutes_per_day".to_owned();
        faults.range(minutes, browser.minutes_per_day, &BROWSER_MINUTES);
    }
}

fn limits(at: &str, budget: &AgentBudget, faults: &mut Faults) {
    faults.range(
        format!("{at}/tokens_per_day"),
        budget.tokens_per_day,
        &TOKENS,
    );
    faults.range(
        format!("{at}/cost_per_day_micro_usd"),
        budget.cost_per_day_micro_usd,
        &COST,
    );
    faults.range(
        format!("{at}/calls_per_task"),
        budget.calls_per_task,
        &CALLS_PER_TASK,
    );
    faults.range(
        format!("{at}/concurrent_calls"),
        budget.concurrent_calls,
        &CONCURRENT,
    );
    faults.range(
        format!("{at}/calls_per_minute"),
        budget.calls_per_minute,
        &PER_MINUTE,
    );
    faults.range(
        format!("{at}/max_output_tokens"),
        budget.max_output_tokens,
        &OUTPUT,
    );
    faults.repeated(
        &format!("{at}/models"),
        budget.models.as_deref().unwrap_or_default(),
    );
}

/// A limit that can never be reached misleads whoever reads it.
fn beyond_the_gateway(at: &str, agent: &AgentBudget, gateway: &AgentBudget, faults: &mut Faults) {
    let number = |n: Option<u32>| n.map(u64::from);
    let pairs = [
        (
            "tokens_per_day",
            agent.tokens_per_day,
            gateway.tokens_per_day,
        ),
        (
            "cost_per_day_micro_usd",
            agent.cost_per_day_micro_usd,
            gateway.cost_per_day_micro_usd,
        ),
        (
            "calls_per_task",
            number(agent.calls_per_task),
            number(gateway.calls_per_task),
        ),
        (
            "concurrent_calls",
            number(agent.concurrent_calls),
            number(gateway.concurrent_calls),
        ),
        (
            "calls_per_minute",
            number(agent.calls_per_minute),
            number(gateway.calls_per_minute),
        ),
        (
            "max_output_tokens",
            agent.max_output_tokens,
            gateway.max_output_tokens,
        ),
    ];
    for (field, own, all) in pairs {
        if let (Some(own), Some(all)) = (own, all)
            && own > all
        {
            faults.add(
                format!("{at}/{field}"),
                format!("is more than the gateway's {all}"),
            );
        }
    }
    let Some(all) = &gateway.models else { return };
    let offered = |model: &ModelPattern| {
        all.contains(model)
            || model
                .as_str()
                .split_once('/')
                .is_some_and(|(provider, id)| {
                    id != "*" && all.iter().any(|one| one.matches(provider, id))
                })
    };
    for (index, model) in agent.models.iter().flatten().enumerate() {
        if !offered(model) {
            let detail = "is not among the gateway's models (/budgets/models)";
            faults.add(format!("{at}/models/{index}"), detail);
        }
    }
}

fn least(at: &str, value: Option<&IsoDuration>, seconds: u64, named: &str, faults: &mut Faults) {
    if value.is_some_and(|value| value.seconds() < seconds) {
        faults.add(at, format!("must be at least {named}"));
    }
}
