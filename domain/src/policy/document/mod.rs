//! The document an operator edits.

mod budgets;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::tools::ToolPattern;
use crate::access::Role;

pub use budgets::{AgentBudget, BrowserLimits, Budgets, CronLimits, Heartbeat, UnpricedModels};

/// The `schema` number this version reads and writes.
pub const SCHEMA: u32 = 1;

/// A gateway's policy, schema 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// Who may administer and who may use the gateway.
    pub access: Access,
    /// Which tools agents may use.
    #[serde(default)]
    pub tools: ToolPolicy,
    /// What may be spent.
    #[serde(default)]
    pub budgets: Budgets,
}

/// Who may administer and who may use the gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// People who may see or change the gateway; at least one admin.
    pub operators: Vec<OperatorEntry>,
    /// People who may talk to the gateway and nothing else.
    #[serde(default)]
    pub users: Vec<EmailAddress>,
}

/// One person and what they may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorEntry {
    /// E-mail address, as Cloudflare Access verifies it.
    pub email: EmailAddress,
    /// `viewer`, `operator` or `admin`.
    pub role: Role,
}

/// Which tools agents may use: a profile, then additions, then removals. Removal wins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// OpenClaw's named tool sets (`tools.profile`), from narrow to wide.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
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

/// An e-mail address in lower case, as identities are compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

impl Policy {
    /// The policy that a new gateway starts with: the given people are its admins.
    #[must_use]
    pub fn bootstrap(admins: &[EmailAddress]) -> Self {
        let entry = |email: &EmailAddress| OperatorEntry {
            email: email.clone(),
            role: Role::Admin,
        };
        Self {
            schema: SCHEMA,
            access: Access {
                operators: admins.iter().map(entry).collect(),
                users: Vec::new(),
            },
            tools: ToolPolicy {
                profile: ToolProfile::Coding,
                ..ToolPolicy::default()
            },
            budgets: Budgets {
                tokens_per_day: Some(1_000_000),
                ..Budgets::default()
            },
        }
    }

    /// The role of a person, by e-mail address; none when the policy does not name them.
    #[must_use]
    pub fn role_of(&self, email: &EmailAddress) -> Option<Role> {
        let named = self
            .access
            .operators
            .iter()
            .find(|entry| &entry.email == email);
        named
            .map(|entry| entry.role)
            .or_else(|| self.access.users.contains(email).then_some(Role::User))
    }
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

impl EmailAddress {
    /// The address as text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "an e-mail address, such as ada@example.com";
        let (local, host) = text.split_once('@').ok_or(WRONG)?;
        let printable = text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"<>\"'`,;\\()".contains(&b));
        // 254: the longest address that fits an SMTP path (RFC 5321 §4.5.3.1.3).
        if local.is_empty()
            || host.is_empty()
            || host.contains('@')
            || !printable
            || text.len() > 254
        {
            return Err(WRONG);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(email: EmailAddress) -> Self {
        email.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
