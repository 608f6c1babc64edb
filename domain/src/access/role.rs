//! What a policy grants a person.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a person may do at a gateway, from little to much; each includes the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Talk to OpenClaw.
    User,
    /// See status, policy, usage and audit.
    Viewer,
    /// Start, stop and restart the container.
    Operator,
    /// Change the policy, join a registry, destroy the container.
    Admin,
}

impl Role {
    /// The name in a policy.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// What the role adds, to follow "may".
    #[must_use]
    pub fn may(self) -> &'static str {
        match self {
            Self::User => "talk to OpenClaw",
            Self::Viewer => "see status, policy, usage and audit",
            Self::Operator => "start, stop and restart the container",
            Self::Admin => "change the policy",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
