//! Who may administer and who may use the gateway, and who answers approvals.

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::access::Role;
use crate::policy::value::{ChannelId, EmailAddress, IsoDuration};

/// Who may administer and who may use the gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// People who may see or change the gateway; at least one admin.
    pub operators: Vec<OperatorEntry>,
    /// People who may talk to the gateway and nothing else.
    #[serde(default)]
    pub users: Vec<EmailAddress>,
    /// Groups of the identity provider; a person has the highest role that their
    /// address or one of their groups has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupEntry>,
    /// Service tokens, for scripts. They have no other way to a role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceEntry>,
    /// Where agents' requests for approval go.
    #[serde(default, skip_serializing_if = "is_default")]
    pub approvals: Approvals,
}

/// One person and what they may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OperatorEntry {
    /// E-mail address, as Cloudflare Access verifies it.
    pub email: EmailAddress,
    /// `viewer`, `operator` or `admin`.
    pub role: Role,
}

/// A group of the identity provider and what its members may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GroupEntry {
    /// Name or id as the `groups` claim spells it, 1 to 128 characters.
    pub group: String,
    /// `user`, `viewer`, `operator` or `admin`.
    pub role: Role,
}

/// A service token and what scripts that hold it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ServiceEntry {
    /// Its client id (`common_name`) in Cloudflare Access, 1 to 128 characters.
    pub name: String,
    /// `user`, `viewer`, `operator` or `admin`.
    pub role: Role,
}

/// Where agents' requests to run a command go, and who answers them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Approvals {
    /// Everybody who is asked; the first answer counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<ApprovalTarget>,
    /// What happens when nobody answers in time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_timeout: OnTimeout,
    /// How long a request waits, from `PT1M` to `PT30M`; half an hour when absent, and until
    /// OpenClaw can be told another time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<IsoDuration>,
    /// Who may answer on a channel, as `channel:sender`, such as
    /// `telegram:123456`; when empty, the recipients of `targets` alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered_by: Vec<String>,
}

/// A place where a request for approval is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApprovalTarget {
    /// Channel, such as `telegram`.
    pub channel: ChannelId,
    /// Recipient as the channel names it, such as a Telegram user's number.
    pub to: String,
}

/// What happens to a request for approval that nobody answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// The command does not run.
    #[default]
    Deny,
    /// It runs when it is on the list of allowed commands.
    Allowlist,
}
