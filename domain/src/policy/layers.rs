//! Layers: what holds for one agent, and which clause says so.
//!
//! From below: OpenClaw's default as this project closes it, the gateway's
//! clauses, the agent's override; channels, groups and senders only take tools
//! away. What any layer takes away stays away.

use serde::{Deserialize, Serialize};

use super::catalog::{gives, profile_has, takes_away};
use super::document::{ExecMode, FsScope, Policy, ToolProfile};
use super::tools::ToolPattern;
use super::validate::step;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// What holds when the document says nothing.
    Baseline,
    /// The gateway's clauses.
    Gateway,
    /// An agent's override.
    Agent,
    /// A channel.
    Channel,
    /// A group on a channel.
    Group,
    /// A sender on a channel.
    Sender,
}

/// A value, and the clause that it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Layer of the clause.
    pub layer: Layer,
    /// JSON pointer to the clause; to where it would be, for the baseline.
    pub clause: String,
}

/// What holds for one agent before any channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    /// The set that it starts from.
    pub profile: Sourced<ToolProfile>,
    /// Patterns added to it.
    pub allow: Vec<Sourced<ToolPattern>>,
    /// If present, nothing else.
    pub only: Option<Sourced<Vec<ToolPattern>>>,
    /// Patterns taken away.
    pub deny: Vec<Sourced<ToolPattern>>,
    /// Which commands run; `deny` when it has no tool to run one.
    pub exec: Sourced<ExecMode>,
    /// Whether commands may run outside a sandbox.
    pub elevated: Sourced<bool>,
    /// Which files the file tools reach.
    pub fs: Sourced<FsScope>,
    /// Whether it may start other agents.
    pub subagents: Sourced<bool>,
}

/// What holds for an agent; one that the document does not name has the gateway's clauses.
#[must_use]
pub fn agent_view(policy: &Policy, agent: &str) -> AgentView {
    let tools = &policy.tools;
    let own = tools
        .agents
        .iter()
        .find(|(id, _)| id.as_str() == agent)
        .map(|(_, own)| own);
    let at = |field: &str| format!("/tools/agents/{}/{field}", step(agent));
    let each = |list: &[ToolPattern], layer, base: &str| -> Vec<Sourced<ToolPattern>> {
        let entry = |(index, pattern): (usize, &ToolPattern)| Sourced {
            value: pattern.clone(),
            layer,
            clause: format!("{base}/{index}"),
        };
        list.iter().enumerate().map(entry).collect()
    };
    let mut allow = each(&tools.allow, Layer::Gateway, "/tools/allow");
    let mut deny = each(&tools.deny, Layer::Gateway, "/tools/deny");
    if let Some(own) = own {
        allow.extend(each(&own.allow, Layer::Agent, &at("allow")));
        deny.extend(each(&own.deny, Layer::Agent, &at("deny")));
    }
    let only = own.and_then(|own| own.only.clone()).map(|value| Sourced {
        value,
        layer: Layer::Agent,
        clause: at("only"),
    });
    let mut view = AgentView {
        profile: pick(
            own.and_then(|own| own.profile),
            &at("profile"),
            Some(tools.profile),
            "/tools/profile",
            tools.profile,
        ),
        allow,
        only,
        deny,
        exec: pick(
            own.and_then(|own| own.exec),
            &at("exec"),
            tools.exec.mode,
            "/tools/exec/mode",
            ExecMode::Full,
        ),
        elevated: pick(
            own.and_then(|own| own.elevated),
            &at("elevated"),
            tools.elevated.then_some(true),
            "/tools/elevated",
            false,
        ),
        fs: pick(
            own.and_then(|own| own.fs),
            &at("fs"),
            (tools.fs != FsScope::default()).then_some(tools.fs),
            "/tools/fs",
            FsScope::default(),
        ),
        subagents: pick(
            own.and_then(|own| own.subagents),
            &at("subagents"),
            tools.subagents.allowed,
            "/tools/subagents/allowed",
            true,
        ),
    };
    if let Some(reason) = view.refuses("exec")
        && view.exec.value != ExecMode::Deny
    {
        let Sourced { layer, clause, .. } = reason;
        view.exec = Sourced {
            value: ExecMode::Deny,
            layer,
            clause,
        };
    }
    view
}

fn pick<T>(
    own: Option<T>,
    own_clause: &str,
    gateway: Option<T>,
    clause: &str,
    baseline: T,
) -> Sourced<T> {
    if let Some(value) = own {
        return Sourced {
            value,
            layer: Layer::Agent,
            clause: own_clause.to_owned(),
        };
    }
    let layer = if gateway.is_some() {
        Layer::Gateway
    } else {
        Layer::Baseline
    };
    Sourced {
        value: gateway.unwrap_or(baseline),
        layer,
        clause: clause.to_owned(),
    }
}

impl AgentView {
    /// The clause that gives a tool: the profile or an addition to it.
    #[must_use]
    pub fn given_by(&self, tool: &str) -> Option<Sourced<()>> {
        if profile_has(self.profile.value, tool) {
            return Some(self.profile.reason());
        }
        self.allow
            .iter()
            .find(|entry| gives(entry.value.as_str(), tool))
            .map(Sourced::reason)
    }

    /// The clause that takes a tool away by name, if one does: a `deny`, an `only`
    /// that leaves it out, or a profile without it.
    #[must_use]
    pub fn refuses(&self, tool: &str) -> Option<Sourced<()>> {
        if let Some(entry) = self
            .deny
            .iter()
            .find(|entry| takes_away(entry.value.as_str(), tool))
        {
            return Some(entry.reason());
        }
        if let Some(only) = &self.only
            && !only
                .value
                .iter()
                .any(|pattern| gives(pattern.as_str(), tool))
        {
            return Some(only.reason());
        }
        self.given_by(tool).is_none().then(|| self.profile.reason())
    }

    /// Whether it may run commands.
    #[must_use]
    pub fn may_run_commands(&self) -> bool {
        self.exec.value != ExecMode::Deny
    }
}

impl<T> Sourced<T> {
    /// Where it comes from, without the value.
    #[must_use]
    pub fn reason(&self) -> Sourced<()> {
        Sourced {
            value: (),
            layer: self.layer,
            clause: self.clause.clone(),
        }
    }
}
