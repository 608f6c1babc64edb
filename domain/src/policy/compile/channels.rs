//! What channels, their groups and senders have less.
//!
//! OpenClaw knows tools per sender on every channel, but per group only on some,
//! and per direct message on Telegram alone. What it cannot say is left out here;
//! [`enforced`] tells, and coverage and explanations report it.

use serde_json::{Map, Value, json};

use super::tools::{names, patterns};
use crate::policy::document::{ApprovalTarget, ChannelTools, LayerTools, Policy};
use crate::policy::tools::ToolPattern;

/// Channels whose groups OpenClaw takes tools for (`channels.<id>.groups.<id>.tools`).
const BY_GROUP: [&str; 6] = [
    "imessage", "irc", "signal", "telegram", "whatsapp", "zalouser",
];

/// What of a channel's clauses OpenClaw's configuration can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enforced {
    /// Rules of the channel, in direct messages.
    pub direct: bool,
    /// Rules of the channel and of its groups, in groups.
    pub groups: bool,
}

/// What OpenClaw's configuration can say of a channel. Rules for senders it always can.
#[must_use]
pub fn enforced(channel: &str) -> Enforced {
    Enforced {
        direct: channel == "telegram",
        groups: BY_GROUP.contains(&channel),
    }
}

/// `tools.toolsBySender`; none when no channel names a sender.
pub(super) fn by_sender(policy: &Policy) -> Option<Value> {
    let mut senders = Map::new();
    for (id, channel) in &policy.tools.channels {
        for (sender, layer) in &channel.senders {
            if let Some(rule) = rule(layer.only.as_deref(), &layer.deny) {
                senders.insert(format!("channel:{id}:{sender}"), rule);
            }
        }
    }
    (!senders.is_empty()).then_some(Value::Object(senders))
}

/// The `channels` section; none when no clause needs it.
pub(super) fn section(policy: &Policy) -> Option<Value> {
    let mut section = Map::new();
    for (id, channel) in &policy.tools.channels {
        if let Some(value) = self::channel(id.as_str(), channel) {
            section.insert(id.to_string(), value);
        }
    }
    let approvers = approvers(policy);
    if !approvers.is_empty() {
        let telegram = section.entry("telegram").or_insert_with(|| json!({}));
        if let Some(map) = telegram.as_object_mut() {
            map.insert(
                "execApprovals".to_owned(),
                json!({ "approvers": approvers, "target": "dm" }),
            );
        }
    }
    (!section.is_empty()).then_some(Value::Object(section))
}

fn channel(id: &str, channel: &ChannelTools) -> Option<Value> {
    let can = enforced(id);
    let everybody = rule(channel.only.as_deref(), &channel.deny);
    let mut section = Map::new();
    if let (true, Some(rule)) = (can.direct, &everybody) {
        section.insert("direct".to_owned(), json!({ "*": { "tools": rule } }));
    }
    if can.groups {
        let mut groups = Map::new();
        if let Some(rule) = &everybody {
            groups.insert("*".to_owned(), json!({ "tools": rule }));
        }
        for (group, layer) in &channel.groups {
            if let Some(rule) = both(channel, layer) {
                groups.insert(group.clone(), json!({ "tools": rule }));
            }
        }
        if !groups.is_empty() {
            section.insert("groups".to_owned(), Value::Object(groups));
        }
    }
    (!section.is_empty()).then_some(Value::Object(section))
}

/// What a group has: OpenClaw takes its rule instead of the channel's, so it holds
/// both. Of two `only` lists it can hold one: the group's, without what the
/// channel's leaves out.
fn both(channel: &ChannelTools, layer: &LayerTools) -> Option<Value> {
    let mut deny = channel.deny.clone();
    deny.extend(layer.deny.iter().cloned());
    let only = match (&channel.only, &layer.only) {
        (Some(outer), Some(inner)) => {
            let mut names = super::super::overlap::overlap(outer, inner);
            if names.is_empty() {
                // An empty list would mean everything.
                names.extend("none-of-both".parse::<ToolPattern>().ok());
            }
            Some(names)
        }
        (outer, inner) => inner.clone().or_else(|| outer.clone()),
    };
    rule(only.as_deref(), &deny)
}

fn rule(only: Option<&[ToolPattern]>, deny: &[ToolPattern]) -> Option<Value> {
    let mut rule = Map::new();
    if let Some(only) = only {
        rule.insert("allow".to_owned(), patterns(only));
    }
    if !deny.is_empty() {
        rule.insert("deny".to_owned(), json!(names(deny)));
    }
    (!rule.is_empty()).then_some(Value::Object(rule))
}

/// Who may answer requests for approval on Telegram.
fn approvers(policy: &Policy) -> Vec<&str> {
    let approvals = &policy.access.approvals;
    let named: Vec<&str> = approvals
        .answered_by
        .iter()
        .filter_map(|who| who.strip_prefix("telegram:"))
        .collect();
    if !approvals.answered_by.is_empty() {
        return named;
    }
    let on_telegram = |target: &&ApprovalTarget| target.channel.as_str() == "telegram";
    approvals
        .targets
        .iter()
        .filter(on_telegram)
        .map(|target| target.to.as_str())
        .collect()
}

/// `approvals`; none when nobody is asked anywhere but in OpenClaw's own pages.
pub(super) fn approvals(policy: &Policy) -> Option<Value> {
    let targets = &policy.access.approvals.targets;
    let place = |target: &ApprovalTarget| json!({ "channel": target.channel, "to": target.to });
    (!targets.is_empty()).then(|| {
        let targets: Vec<Value> = targets.iter().map(place).collect();
        json!({ "exec": { "enabled": true, "mode": "targets", "targets": targets } })
    })
}

/// Channels that a clause configures, whose plugins OpenClaw must load.
pub(super) fn plugins(policy: &Policy) -> Vec<String> {
    let section = section(policy);
    let configured = section
        .as_ref()
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::keys);
    let targets = policy
        .access
        .approvals
        .targets
        .iter()
        .map(|target| target.channel.to_string());
    configured.cloned().chain(targets).collect()
}
