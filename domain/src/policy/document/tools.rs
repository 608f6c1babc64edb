//! Which tools agents may use, and how far these reach.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::is_default;
use crate::policy::tools::ToolPattern;
use crate::policy::value::{AgentId, ChannelId, HostPattern};

/// Which tools agents may use: a profile, then additions, then removals. Removal wins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ToolPolicy {
    /// The set to start from.
    #[serde(default)]
    pub profile: ToolProfile,
    /// Tools, groups (`group:runtime`) or globs (`web_*`) added to the profile.
    #[serde(default)]
    pub allow: Vec<ToolPattern>,
    /// Tools, groups or globs removed whatever else says otherwise.
    #[serde(default)]
    pub deny: Vec<ToolPattern>,
    /// How commands run, where a profile or `allow` has the tool `exec`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub exec: Exec,
    /// Whether people on a channel may have commands run outside a sandbox.
    #[serde(default, skip_serializing_if = "is_default")]
    pub elevated: bool,
    /// Which files the file tools reach.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fs: FsScope,
    /// Which sessions run in OpenClaw's own sandbox (the container is one already).
    #[serde(default, skip_serializing_if = "is_default")]
    pub sandbox: SandboxMode,
    /// Agents that agents start.
    #[serde(default, skip_serializing_if = "is_default")]
    pub subagents: Subagents,
    /// MCP servers whose tools agents may use, by name; none but these.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mcp_servers: BTreeMap<AgentId, McpServer>,
    /// Hosts that the container may reach besides the gateway's own. Nothing opens any yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<Vec<HostPattern>>,
    /// Overrides for single agents.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub agents: BTreeMap<AgentId, AgentTools>,
    /// Overrides for channels, their groups and senders; these can only tighten.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<ChannelId, ChannelTools>,
    /// Overrides of agents that may loosen, each with a reason and an end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
}

/// OpenClaw's named tool sets (`tools.profile`), from narrow to wide.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ToolProfile {
    /// Session status only.
    Minimal,
    /// Messaging and sessions, no files and no commands.
    #[default]
    Messaging,
    /// Files, commands, web, sessions and memory.
    Coding,
    /// Every tool that OpenClaw has.
    Full,
}

/// How commands run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Exec {
    /// Which commands run, and which are asked about; `full` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ExecMode>,
    /// Programs that the modes below `full` run unasked: names such as `git` or
    /// paths with `*`, such as `/usr/bin/*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_commands: Vec<String>,
}

/// Which commands run, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExecMode {
    /// None.
    Deny,
    /// Those on the list.
    Allowlist,
    /// Those on the list; people are asked about others.
    Ask,
    /// Those on the list; a model looks at others and may let them run or ask people.
    Auto,
    /// All.
    Full,
}

/// Which files the file tools reach, from least to most.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FsScope {
    /// The agent's workspace.
    #[default]
    Workspace,
    /// Whatever OpenClaw's user may read.
    All,
}

/// Which sessions run in OpenClaw's own sandbox, from most to least free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SandboxMode {
    /// None: the container is the sandbox.
    #[default]
    Off,
    /// All but an agent's main session. Needs a container runtime in the container.
    NonMain,
    /// All. Needs a container runtime in the container.
    All,
}

/// Agents that agents start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Subagents {
    /// Whether agents may start others; they may when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<bool>,
    /// How deep agents may start agents; 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_depth: Option<u8>,
    /// How many one agent may have running; 1 to 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_children: Option<u8>,
    /// How many may run at once; 1 to 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u8>,
}

/// An MCP server, over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct McpServer {
    /// Where it is: `https://…`, without user, query and fragment.
    pub url: String,
    /// Its tools that agents may use; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<ToolPattern>>,
}

/// What holds for one agent instead of the gateway's clause of the same name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AgentTools {
    /// The set to start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ToolProfile>,
    /// Added to the profile, besides the gateway's `allow`. Not with `only`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<ToolPattern>,
    /// If present, nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<ToolPattern>>,
    /// Removed, besides the gateway's `deny`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<ToolPattern>,
    /// Which commands run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<ExecMode>,
    /// Whether commands may run outside a sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elevated: Option<bool>,
    /// Which files the file tools reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fs: Option<FsScope>,
    /// Whether it may start other agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subagents: Option<bool>,
}

/// What a channel takes away, from everybody, in a group, or from a sender.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ChannelTools {
    /// If present, nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<ToolPattern>>,
    /// Removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<ToolPattern>,
    /// By group, as the channel names it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, LayerTools>,
    /// By sender, as the channel names it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub senders: BTreeMap<String, LayerTools>,
}

/// What a group or a sender has less than the channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LayerTools {
    /// If present, nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<ToolPattern>>,
    /// Removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<ToolPattern>,
}

/// Lets one clause of an agent's override give more than the gateway does. What
/// the gateway denies stays denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Pointer to that clause, such as `/tools/agents/ops/profile`.
    pub clause: String,
    /// Why, 1 to 500 characters.
    pub reason: String,
    /// Until when. Afterwards the clause counts as absent.
    #[cfg_attr(test, schemars(with = "String"))]
    pub expires_at: DateTime<Utc>,
}

impl ToolProfile {
    /// Every profile, from narrow to wide.
    pub const ALL: [Self; 4] = [Self::Minimal, Self::Messaging, Self::Coding, Self::Full];

    /// The name in OpenClaw's configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Messaging => "messaging",
            Self::Coding => "coding",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for ToolProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ExecMode {
    /// Every mode, from least to most.
    pub const ALL: [Self; 5] = [
        Self::Deny,
        Self::Allowlist,
        Self::Ask,
        Self::Auto,
        Self::Full,
    ];

    /// The name in OpenClaw's configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allowlist => "allowlist",
            Self::Ask => "ask",
            Self::Auto => "auto",
            Self::Full => "full",
        }
    }
}

impl SandboxMode {
    /// The name in OpenClaw's configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::NonMain => "non-main",
            Self::All => "all",
        }
    }
}
