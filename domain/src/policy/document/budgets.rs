//! What may be spent, and how often things that spend may run.
//!
//! Every limit is optional; absent means no limit. A limit on the gateway and one
//! on an agent hold together: a call needs room under both. Calls that name no
//! agent count towards the gateway alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::policy::value::{AgentId, IsoDuration, ModelPattern, TimeZone};

/// What may be spent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    /// Input and output tokens together from midnight to midnight in
    /// `time_zone`; 1 to 10^12, absent for no limit. Cached input
    /// counts like other input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
    /// Cost in millionths of a US dollar over the same day; 1 to 10^15 (a
    /// thousand million dollars), absent for no limit. Each call is priced by its
    /// model's prices and rounded up to a whole millionth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_day_micro_usd: Option<u64>,
    /// Where midnight is, for this section's days; UTC when absent. Days follow
    /// the clock, so one a year has 23 hours and one has 25 in many zones.
    #[serde(default, skip_serializing_if = "is_default")]
    pub time_zone: TimeZone,
    /// Model calls in one run of an agent, that is, from what starts it (a message,
    /// a job, a heartbeat) until it answers; 1 to 10,000. The next call is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_task: Option<u32>,
    /// Model calls under way at once; 1 to 1,000. A call beyond it is refused at
    /// once and may be tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_calls: Option<u32>,
    /// Model calls that start in any 60 seconds; 1 to 100,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_minute: Option<u32>,
    /// Most output tokens of one call; 1 to 10^7. A call that asks for more, or
    /// names no limit, is given this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// Models that may be called, of those the gateway offers; absent for all of
    /// them. An empty list means none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<ModelPattern>>,
    /// Share of a daily limit (tokens or cost, gateway or agent) from which a
    /// warning is raised, once a day for each limit, in percent; 1 to 99. Nothing
    /// is refused because of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_limit_percent: Option<u8>,
    /// What to do with a call to a model whose price is unknown.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unpriced_models: UnpricedModels,
    /// Tighter limits for single agents. An agent's limit cannot give it more than
    /// the gateway has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub agents: BTreeMap<AgentId, AgentBudget>,
    /// How often agents wake by themselves; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Heartbeat>,
    /// Scheduled jobs.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cron: CronLimits,
    /// Browser sessions; agents have no browser when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<BrowserLimits>,
}

/// Limits of one agent; each has the meaning and the range of the same limit of the gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AgentBudget {
    /// Tokens a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
    /// Millionths of a US dollar a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_day_micro_usd: Option<u64>,
    /// Model calls in one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_task: Option<u32>,
    /// Model calls under way at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_calls: Option<u32>,
    /// Model calls that start in any 60 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_minute: Option<u32>,
    /// Most output tokens of one call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// Models that it may call, of those the gateway allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<ModelPattern>>,
}

/// What to do with a call to a model whose price is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnpricedModels {
    /// Where a cost limit applies to the call, refuse it: its cost could not be
    /// limited. Without a cost limit it is let through.
    #[default]
    Refuse,
    /// Let it through. Its tokens count towards token limits, its cost as nothing.
    Count,
}

/// How often agents wake by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Time between two heartbeats of an agent, whole minutes from `PT5M`.
    pub every: IsoDuration,
}

/// Scheduled jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CronLimits {
    /// Whether jobs run at all. When absent they do where agents may run commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Least time between two runs of one job, from `PT1M`; absent for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_interval: Option<IsoDuration>,
    /// Most jobs; 1 to 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_jobs: Option<u32>,
}

/// Browser sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BrowserLimits {
    /// Sessions at once; 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u32>,
    /// Sessions that are opened in a day; 1 to 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_per_day: Option<u32>,
    /// Minutes a day over all sessions; 1 to 144,000. Sessions that are open when they
    /// are used up are closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes_per_day: Option<u32>,
}

impl Budgets {
    /// The limits of an agent alone; none when the document does not name it.
    #[must_use]
    pub fn agent(&self, agent: &str) -> Option<&AgentBudget> {
        let agent = agent.parse::<AgentId>().ok()?;
        self.agents.get(&agent)
    }

    /// Whether a model may be called, by an agent or (`None`) by nobody in particular.
    #[must_use]
    pub fn allows_model(&self, agent: Option<&str>, provider: &str, id: &str) -> bool {
        let within = |models: &Option<Vec<ModelPattern>>| {
            models
                .as_ref()
                .is_none_or(|list| list.iter().any(|model| model.matches(provider, id)))
        };
        within(&self.models)
            && agent
                .and_then(|agent| self.agent(agent))
                .is_none_or(|budget| within(&budget.models))
    }

    /// Most output tokens of one call: the least of what the call asks for, the
    /// gateway's and the agent's limit.
    #[must_use]
    pub fn output_limit(&self, agent: Option<&str>, asked: Option<u64>) -> Option<u64> {
        let own = agent
            .and_then(|agent| self.agent(agent))
            .and_then(|budget| budget.max_output_tokens);
        [asked, self.max_output_tokens, own]
            .into_iter()
            .flatten()
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::Budgets;

    fn budgets() -> Budgets {
        serde_json::from_value(serde_json::json!({
            "max_output_tokens": 4096,
            "models": ["openai/*"],
            "agents": {"Main": {"models": ["openai/small", "anthropic/*"], "max_output_tokens": 100}},
        }))
        .unwrap()
    }

    #[test]
    fn a_model_needs_room_under_the_gateway_and_under_the_agent() {
        let budgets = budgets();
        assert!(budgets.allows_model(None, "openai", "large"));
        assert!(!budgets.allows_model(Some("main"), "openai", "large"));
        assert!(budgets.allows_model(Some("MAIN"), "openai", "small"));
        assert!(!budgets.allows_model(Some("main"), "anthropic", "any"));
        assert!(budgets.allows_model(Some("other"), "openai", "large"));
    }

    #[test]
    fn the_least_limit_on_output_counts() {
        let budgets = budgets();
        assert_eq!(budgets.output_limit(None, None), Some(4096));
        assert_eq!(budgets.output_limit(Some("main"), Some(1000)), Some(100));
        assert_eq!(budgets.output_limit(Some("main"), Some(10)), Some(10));
        assert_eq!(Budgets::default().output_limit(None, None), None);
    }
}
