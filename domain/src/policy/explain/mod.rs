//! Explain: may an agent use a tool, for whom, where and with what?
//!
//! An answer names the clause that decides, the layers that were passed, and what
//! enforces that clause. Deny wins over ask, ask over allow; of clauses that say
//! the same, one that names the tool wins over one that leaves it out.

mod arguments;
mod explainer;

use serde::{Deserialize, Serialize};

use super::coverage::Enforcer;
use super::document::{Arguments, Expectation, Expected};
use super::layers::Layer;
use super::tools::ToolPattern;
use super::value::{AgentId, ChannelId};

pub use explainer::Explainer;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Agent; OpenClaw's default agent when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// One tool.
    pub tool: ToolPattern,
    /// Channel; the gateway's own chat when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    /// Group on the channel; a direct message when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Sender on the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// What the tool is called with.
    #[serde(default)]
    pub arguments: Arguments,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What happens.
    pub decision: Expected,
    /// JSON pointer to the clause that decides.
    pub clause: String,
    /// Its layer.
    pub layer: Layer,
    /// What it says, in one sentence.
    pub because: String,
    /// What enforces that clause, as far as a test has shown.
    pub enforced_by: Enforcer,
    /// What is meant to.
    pub meant_for: Enforcer,
    /// Layers in the order they were passed, the deciding one included.
    pub passed: Vec<Passed>,
}

/// One layer's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The layer.
    pub layer: Layer,
    /// JSON pointer to the clause that was looked at.
    pub clause: String,
    /// What it says by itself.
    pub says: Expected,
    /// Why, in one sentence.
    pub because: String,
}

impl From<&Expectation> for Question {
    fn from(test: &Expectation) -> Self {
        Self {
            agent: test.agent.clone(),
            tool: test.tool.clone(),
            channel: test.channel.clone(),
            group: test.group.clone(),
            sender: test.sender.clone(),
            arguments: test.arguments.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
