//! Answers questions about one document, arranged once.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::arguments::{in_workspace, on_list, reaches, takes_addresses, takes_files};
use super::{Answer, Passed, Question};
use crate::policy::catalog::{canonical, profile_has};
use crate::policy::closures::closures;
use crate::policy::compile::enforced;
use crate::policy::coverage::{Enforcer, clause_of};
use crate::policy::document::{
    AgentTools, ChannelTools, ExecMode, Expected, FsScope, LayerTools, Policy, ToolProfile,
};
use crate::policy::exceptions::in_force;
use crate::policy::layers::{Layer, Sourced, agent_view};
use crate::policy::rules::{Purpose, RuleSet};
use crate::policy::tools::ToolPattern;
use crate::policy::validate::step;
use crate::policy::value::HostPattern;

/// Agent that a question means when it names none.
const DEFAULT_AGENT: &str = "main";

/// Answers questions about a document as it holds at one moment.
#[derive(Debug, Clone)]
pub struct Explainer {
    allow: RuleSet,
    deny: RuleSet,
    agents: HashMap<String, Agent>,
    unnamed: Agent,
    channels: HashMap<String, Channel>,
    programs: Vec<String>,
    egress: Option<Vec<HostPattern>>,
    browser: bool,
}

#[derive(Debug, Clone)]
struct Agent {
    profile: Sourced<ToolProfile>,
    own: Option<Less>,
    allow: RuleSet,
    exec: Sourced<ExecMode>,
    fs: Sourced<FsScope>,
    closed: HashMap<&'static str, Sourced<()>>,
}

/// A layer that takes away.
#[derive(Debug, Clone)]
struct Less {
    clause: String,
    only: Option<RuleSet>,
    deny: RuleSet,
}

#[derive(Debug, Clone)]
struct Channel {
    less: Less,
    groups: HashMap<String, Less>,
    senders: HashMap<String, Less>,
}

impl Less {
    fn new(clause: String, only: Option<&[ToolPattern]>, deny: &[ToolPattern]) -> Self {
        Self {
            only: only.map(|only| RuleSet::new(Purpose::Gives, format!("{clause}/only"), only)),
            deny: RuleSet::new(Purpose::TakesAway, format!("{clause}/deny"), deny),
            clause,
        }
    }

    fn of_layer(clause: String, layer: &LayerTools) -> Self {
        Self::new(clause, layer.only.as_deref(), &layer.deny)
    }
}

impl Explainer {
    /// Arranges a document as it holds at a moment (`None`: no exception holds).
    #[must_use]
    pub fn new(policy: &Policy, now: Option<DateTime<Utc>>) -> Self {
        let policy = &in_force(policy, now);
        let tools = &policy.tools;
        let agent = |(id, own): (&crate::policy::AgentId, &AgentTools)| {
            (id.to_string(), Agent::new(policy, id.as_str(), Some(own)))
        };
        let channel = |(id, channel): (&crate::policy::ChannelId, &ChannelTools)| {
            (id.to_string(), Channel::new(id.as_str(), channel))
        };
        Self {
            allow: RuleSet::new(Purpose::Gives, "/tools/allow", &tools.allow),
            deny: RuleSet::new(Purpose::TakesAway, "/tools/deny", &tools.deny),
            agents: tools.agents.iter().map(agent).collect(),
            unnamed: Agent::new(policy, "", None),
            channels: tools.channels.iter().map(channel).collect(),
            programs: tools.exec.allow_commands.clone(),
            egress: tools.egress.clone(),
            browser: policy.budgets.browser.is_some(),
        }
    }

    /// Answers one question.
    #[must_use]
    pub fn answer(&self, question: &Question) -> Answer {
        let tool = canonical(question.tool.as_str());
        let agent = question
            .agent
            .as_ref()
            .map_or(DEFAULT_AGENT, |agent| agent.as_str());
        let agent = self.agents.get(agent).unwrap_or(&self.unnamed);
        let mut words = Words(Vec::new());
        self.given(agent, tool, &mut words);
        words.list(Layer::Gateway, &self.deny, tool);
        if let Some(own) = &agent.own {
            words.less(Layer::Agent, own, tool);
        }
        if let Some(reason) = agent.closed.get(tool) {
            words.say(
                reason.layer,
                &reason.clause,
                Expected::Deny,
                format!("closes {tool}"),
            );
        }
        if tool == "browser" && !self.browser {
            let because = "agents have no browser unless the document gives them one".to_owned();
            words.say(Layer::Baseline, "/budgets/browser", Expected::Deny, because);
        }
        self.channel(question, tool, &mut words);
        self.arguments(agent, question, tool, &mut words);
        words.decide(question)
    }

    /// Answers many questions, such as a whole matrix.
    #[must_use]
    pub fn answers(&self, questions: &[Question]) -> Vec<Answer> {
        questions
            .iter()
            .map(|question| self.answer(question))
            .collect()
    }

    fn given(&self, agent: &Agent, tool: &str, words: &mut Words) {
        let Sourced {
            value: profile,
            layer,
            clause,
        } = &agent.profile;
        if profile_has(*profile, tool) {
            words.say(
                *layer,
                clause,
                Expected::Allow,
                format!("the profile {profile} has {tool}"),
            );
        } else if let Some(clause) = self.allow.find(tool) {
            words.say(
                Layer::Gateway,
                &clause,
                Expected::Allow,
                format!("adds {tool}"),
            );
        } else if let Some(clause) = agent.allow.find(tool) {
            words.say(
                Layer::Agent,
                &clause,
                Expected::Allow,
                format!("adds {tool}"),
            );
        } else {
            let because = format!("the profile {profile} does not have {tool} and nothing adds it");
            words.say(*layer, clause, Expected::Deny, because);
        }
    }

    fn channel(&self, question: &Question, tool: &str, words: &mut Words) {
        let Some(channel) = question
            .channel
            .as_ref()
            .and_then(|id| self.channels.get(id.as_str()))
        else {
            return;
        };
        words.less(Layer::Channel, &channel.less, tool);
        if let Some(group) = question
            .group
            .as_ref()
            .and_then(|group| channel.groups.get(group))
        {
            words.less(Layer::Group, group, tool);
        }
        if let Some(sender) = question
            .sender
            .as_ref()
            .and_then(|sender| channel.senders.get(sender))
        {
            words.less(Layer::Sender, sender, tool);
        }
    }

    fn arguments(&self, agent: &Agent, question: &Question, tool: &str, words: &mut Words) {
        let arguments = &question.arguments;
        if tool == "exec" && agent.exec.value != ExecMode::Deny {
            let listed = arguments
                .command
                .as_ref()
                .is_some_and(|command| on_list(command, &self.programs));
            let (says, because) = match (agent.exec.value, listed) {
                (ExecMode::Full, _) => (Expected::Allow, "every command runs"),
                (_, true) => (Expected::Allow, "the program is on the list"),
                (ExecMode::Allowlist | ExecMode::Deny, false) => {
                    (Expected::Deny, "only programs on the list run")
                }
                (ExecMode::Ask, false) => (
                    Expected::Ask,
                    "people are asked about programs that are not on the list",
                ),
                (ExecMode::Auto, false) => (
                    Expected::Ask,
                    "a model or people look at programs that are not on the list",
                ),
            };
            let Sourced { layer, clause, .. } = &agent.exec;
            words.say(*layer, clause, says, because.to_owned());
        }
        if let Some(path) = &arguments.path
            && takes_files(tool)
            && agent.fs.value == FsScope::Workspace
        {
            let inside = in_workspace(path);
            let says = if inside {
                Expected::Allow
            } else {
                Expected::Deny
            };
            let where_ = if inside { "in" } else { "outside" };
            words.say(
                agent.fs.layer,
                &agent.fs.clause,
                says,
                format!("the path is {where_} the workspace"),
            );
        }
        if let (Some(url), Some(hosts)) = (&arguments.url, &self.egress)
            && takes_addresses(tool)
        {
            let (says, because) = if reaches(url, hosts) {
                (
                    Expected::Allow,
                    "the host is one that the container may reach",
                )
            } else {
                (
                    Expected::Deny,
                    "the host is none that the container may reach",
                )
            };
            words.say(Layer::Gateway, "/tools/egress", says, because.to_owned());
        }
    }
}

impl Agent {
    fn new(policy: &Policy, id: &str, own: Option<&AgentTools>) -> Self {
        let view = agent_view(policy, id);
        let at = format!("/tools/agents/{}", step(id));
        let own_allow = own.map_or(&[][..], |own| own.allow.as_slice());
        let mut closed = HashMap::new();
        for closure in closures(policy, &view) {
            for tool in closure.tools {
                closed
                    .entry(canonical(tool))
                    .or_insert_with(|| closure.reason.clone());
            }
        }
        Self {
            allow: RuleSet::new(Purpose::Gives, format!("{at}/allow"), own_allow),
            own: own.map(|own| Less::new(at, own.only.as_deref(), &own.deny)),
            profile: view.profile,
            exec: view.exec,
            fs: view.fs,
            closed,
        }
    }
}

impl Channel {
    fn new(id: &str, channel: &ChannelTools) -> Self {
        let at = format!("/tools/channels/{}", step(id));
        let layers = |kind: &str, layers: &std::collections::BTreeMap<String, LayerTools>| {
            let one = |(key, layer): (&String, &LayerTools)| {
                (
                    key.clone(),
                    Less::of_layer(format!("{at}/{kind}/{}", step(key)), layer),
                )
            };
            layers.iter().map(one).collect()
        };
        Self {
            groups: layers("groups", &channel.groups),
            senders: layers("senders", &channel.senders),
            less: Less::new(at.clone(), channel.only.as_deref(), &channel.deny),
        }
    }
}

/// What the layers said so far.
struct Words(Vec<Passed>);

impl Words {
    fn say(&mut self, layer: Layer, clause: &str, says: Expected, because: String) {
        self.0.push(Passed {
            layer,
            clause: clause.to_owned(),
            says,
            because,
        });
    }

    fn list(&mut self, layer: Layer, deny: &RuleSet, tool: &str) {
        match deny.find(tool) {
            Some(clause) => self.say(layer, &clause, Expected::Deny, format!("denies {tool}")),
            None => self.say(
                layer,
                deny.clause(),
                Expected::Allow,
                format!("does not deny {tool}"),
            ),
        }
    }

    fn less(&mut self, layer: Layer, less: &Less, tool: &str) {
        if let Some(clause) = less.deny.find(tool) {
            return self.say(layer, &clause, Expected::Deny, format!("denies {tool}"));
        }
        match &less.only {
            Some(only) => match only.find(tool) {
                Some(clause) => self.say(layer, &clause, Expected::Allow, format!("names {tool}")),
                None => self.say(
                    layer,
                    only.clause(),
                    Expected::Deny,
                    format!("names other tools, not {tool}"),
                ),
            },
            None => self.say(
                layer,
                &less.clause,
                Expected::Allow,
                format!("does not deny {tool}"),
            ),
        }
    }

    /// The strictest word; of equals one that names the tool in a `deny`, then
    /// the first, save that what lets a call pass is said best by the last that
    /// looked at its arguments.
    fn decide(self, question: &Question) -> Answer {
        let named = |word: &Passed| word.clause.contains("/deny/");
        let strictest = self
            .0
            .iter()
            .map(|word| word.says)
            .max()
            .unwrap_or(Expected::Deny);
        let of_it: Vec<&Passed> = self
            .0
            .iter()
            .filter(|word| word.says == strictest)
            .collect();
        let deciding = of_it
            .iter()
            .find(|word| strictest == Expected::Deny && named(word))
            .or(of_it.first());
        let (layer, clause, because) = deciding.map_or_else(
            || (Layer::Baseline, String::new(), String::new()),
            |word| (word.layer, word.clause.clone(), word.because.clone()),
        );
        let (enforced_by, meant_for) = enforcement(question, layer, &clause);
        Answer {
            decision: strictest,
            clause,
            layer,
            because,
            enforced_by,
            meant_for,
            passed: self.0,
        }
    }
}

/// What enforces a clause in this place: some channels have no way to say theirs.
fn enforcement(question: &Question, layer: Layer, clause: &str) -> (Enforcer, Enforcer) {
    let can = question
        .channel
        .as_ref()
        .map(|channel| enforced(channel.as_str()));
    let said = match (layer, can) {
        (Layer::Channel, Some(can)) => {
            if question.group.is_some() {
                can.groups
            } else {
                can.direct
            }
        }
        (Layer::Group, Some(can)) => can.groups,
        _ => true,
    };
    match clause_of(clause) {
        Some(found) if said => (found.enforced_by(), found.enforcer),
        _ => (Enforcer::DeclaredOnly, Enforcer::DeclaredOnly),
    }
}
