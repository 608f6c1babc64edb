//! The document an operator edits: five domains, and the expectations it is tested by.
//!
//! Every section but `access` may be absent. What is absent reads as its default
//! and is not written back, so that a document that was stored before a section
//! existed keeps its hash.

mod access;
mod budgets;
mod expectation;
mod persistence;
mod self_modification;
mod tools;

use serde::{Deserialize, Serialize};

use super::value::EmailAddress;
use crate::access::Role;

pub use access::{
    Access, ApprovalTarget, Approvals, GroupEntry, OnTimeout, OperatorEntry, ServiceEntry,
};
pub use budgets::{AgentBudget, BrowserLimits, Budgets, CronLimits, Heartbeat, UnpricedModels};
pub use expectation::{Arguments, Expectation, Expected};
pub use persistence::{
    GitService, Persistence, Promotion, SkillPack, Snapshots, WorkspaceRepository,
};
pub use self_modification::{ChangeRule, SelfModification, WorkspaceRule};
pub use tools::{
    AgentTools, ChannelTools, Exception, Exec, ExecMode, FsScope, LayerTools, McpServer,
    SandboxMode, Subagents, ToolPolicy, ToolProfile,
};

/// The `schema` number this version reads and writes.
pub const SCHEMA: u32 = 1;

/// A gateway's policy, schema 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Number of the format: 1.
    pub schema: u32,
    /// Who may administer and who may use the gateway.
    pub access: Access,
    /// Which tools agents may use.
    #[serde(default)]
    pub tools: ToolPolicy,
    /// What may be spent.
    #[serde(default)]
    pub budgets: Budgets,
    /// What agents may change about themselves.
    #[serde(default, skip_serializing_if = "is_default")]
    pub self_modification: SelfModification,
    /// What is kept, where and for how long.
    #[serde(default, skip_serializing_if = "is_default")]
    pub persistence: Persistence,
    /// What must stay true: checked whenever the document is validated or saved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<Expectation>,
}

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
                ..Access::default()
            },
            tools: ToolPolicy {
                profile: ToolProfile::Coding,
                ..ToolPolicy::default()
            },
            budgets: Budgets {
                tokens_per_day: Some(1_000_000),
                ..Budgets::default()
            },
            self_modification: SelfModification::default(),
            persistence: Persistence::default(),
            tests: Vec::new(),
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

    /// The highest role of a person, by address and by the groups that their
    /// identity provider vouches for.
    #[must_use]
    pub fn role_of_member(&self, email: &EmailAddress, groups: &[String]) -> Option<Role> {
        let member = |entry: &&GroupEntry| groups.contains(&entry.group);
        let by_group = self
            .access
            .groups
            .iter()
            .filter(member)
            .map(|entry| entry.role)
            .max();
        self.role_of(email).max(by_group)
    }

    /// The role of a service token, by the name that Cloudflare Access gives it.
    #[must_use]
    pub fn role_of_service(&self, name: &str) -> Option<Role> {
        let named = self.access.services.iter().find(|entry| entry.name == name);
        named.map(|entry| entry.role)
    }
}

/// Whether a value is its type's default, and so not written.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
