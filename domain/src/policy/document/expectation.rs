//! What must stay true of a document: questions with the answers they must have.

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::policy::tools::ToolPattern;
use crate::policy::value::{AgentId, ChannelId};

/// One saved expectation, such as "nobody may run commands from Telegram".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// What it says, in words; 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Agent; OpenClaw's default agent (`main`) when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// A tool, not a group or glob.
    pub tool: ToolPattern,
    /// Channel; when absent, the gateway's own chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    /// Group on the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Sender on the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// What the tool is called with.
    #[serde(default, skip_serializing_if = "is_default")]
    pub arguments: Arguments,
    /// The answer it must have.
    pub expect: Expected,
}

/// What a tool is called with, as far as a policy looks at it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// Command line, of tools that run one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// File, of tools that read or write one; relative to the workspace or absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Address, of tools that fetch one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// What a policy says to a call of a tool, from most to least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// It goes ahead.
    Allow,
    /// A person is asked.
    Ask,
    /// It is refused.
    Deny,
}

impl Expected {
    /// The word in a policy.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}
