//! Which tools agents may use, how far these reach, and overrides that loosen.

use std::collections::HashSet;

use super::{Faults, step};
use crate::policy::catalog;
use crate::policy::document::{AgentTools, ChannelTools, LayerTools, Policy, ToolPolicy};
use crate::policy::exceptions::loosenings;
use crate::policy::tools::ToolPattern;
use crate::policy::value::is_https;

pub(super) fn check(policy: &Policy, faults: &mut Faults) {
    let tools = &policy.tools;
    faults.repeated("/tools/allow", &tools.allow);
    faults.repeated("/tools/deny", &tools.deny);
    faults.repeated("/tools/exec/allow_commands", &tools.exec.allow_commands);
    for (index, command) in tools.exec.allow_commands.iter().enumerate() {
        if !is_program(command) {
            let detail = "must be a program such as git, or a path such as /usr/bin/*";
            faults.add(format!("/tools/exec/allow_commands/{index}"), detail);
        }
    }
    reach(tools, faults);
    for (agent, own) in &tools.agents {
        self::agent(
            &format!("/tools/agents/{}", step(agent.as_str())),
            own,
            faults,
        );
    }
    faults.too_many("/tools/agents", tools.agents.len());
    for (id, channel) in &tools.channels {
        self::channel(
            &format!("/tools/channels/{}", step(id.as_str())),
            channel,
            faults,
        );
    }
    faults.too_many("/tools/channels", tools.channels.len());
    exceptions(policy, faults);
}

fn reach(tools: &ToolPolicy, faults: &mut Faults) {
    let number = |n: Option<u8>| n.map(u64::from);
    let subagents = &tools.subagents;
    for (field, value, range) in [
        ("max_depth", subagents.max_depth, 1..=5),
        ("max_children", subagents.max_children, 1..=20),
        ("max_concurrent", subagents.max_concurrent, 1..=64),
    ] {
        faults.range(format!("/tools/subagents/{field}"), number(value), &range);
    }
    for (name, server) in &tools.mcp_servers {
        let at = format!("/tools/mcp_servers/{}", step(name.as_str()));
        if !is_https(&server.url) {
            faults.add(
                format!("{at}/url"),
                "must be https://host/path, without user, query and fragment",
            );
        }
        list(&format!("{at}/tools"), server.tools.as_deref(), faults);
    }
    faults.too_many("/tools/mcp_servers", tools.mcp_servers.len());
    if let Some(hosts) = &tools.egress {
        faults.repeated("/tools/egress", hosts);
    }
}

fn agent(at: &str, own: &AgentTools, faults: &mut Faults) {
    faults.repeated(&format!("{at}/allow"), &own.allow);
    faults.repeated(&format!("{at}/deny"), &own.deny);
    list(&format!("{at}/only"), own.only.as_deref(), faults);
    if own.only.is_some() && !own.allow.is_empty() {
        faults.add(
            format!("{at}/allow"),
            "cannot stand beside only, which names everything",
        );
    }
}

fn channel(at: &str, channel: &ChannelTools, faults: &mut Faults) {
    list(&format!("{at}/only"), channel.only.as_deref(), faults);
    faults.repeated(&format!("{at}/deny"), &channel.deny);
    for (kind, layers) in [("groups", &channel.groups), ("senders", &channel.senders)] {
        let at = format!("{at}/{kind}");
        for (id, layer) in layers {
            let at = format!("{at}/{}", step(id));
            // `*` and the prefixes have a meaning of their own in OpenClaw.
            let plain = |c: char| c.is_ascii_alphanumeric() || "_-+@.".contains(c);
            if id.is_empty() || id.len() > 128 || !id.chars().all(plain) {
                faults.add(
                    &at,
                    "must be an id of letters, digits, _, -, +, @ and . as the channel gives it",
                );
            }
            self::layer(&at, layer, faults);
        }
        faults.too_many(&at, layers.len());
    }
}

fn layer(at: &str, layer: &LayerTools, faults: &mut Faults) {
    list(&format!("{at}/only"), layer.only.as_deref(), faults);
    faults.repeated(&format!("{at}/deny"), &layer.deny);
}

/// A list of which an empty one would mean everything to OpenClaw.
fn list(at: &str, patterns: Option<&[ToolPattern]>, faults: &mut Faults) {
    let Some(patterns) = patterns else { return };
    if patterns.is_empty() {
        faults.add(at, "must name something; to take everything away, deny *");
    }
    faults.repeated(at, patterns);
}

fn exceptions(policy: &Policy, faults: &mut Faults) {
    let tools = &policy.tools;
    let loose = loosenings(policy);
    let mut covered = HashSet::new();
    for (index, exception) in tools.exceptions.iter().enumerate() {
        let at = format!("/tools/exceptions/{index}");
        if !covered.insert(exception.clause.as_str()) {
            faults.add(
                format!("{at}/clause"),
                format!("{} is named twice", exception.clause),
            );
        }
        let length = exception.reason.trim().chars().count();
        if !(1..=500).contains(&length) {
            faults.add(
                format!("{at}/reason"),
                "must say why, in 1 to 500 characters",
            );
        }
    }
    faults.too_many("/tools/exceptions", tools.exceptions.len());
    for loosening in loose {
        if !covered.contains(loosening.clause.as_str()) {
            let detail = format!(
                "gives the agent {}; it needs an exception with a reason and an end under /tools/exceptions",
                loosening.gives
            );
            faults.add(loosening.clause, detail);
        }
    }
    for (agent, own) in &tools.agents {
        for (index, pattern) in own.allow.iter().enumerate() {
            let denied = |deny: &&ToolPattern| catalog::takes_away(deny.as_str(), pattern.as_str());
            if let Some(deny) = tools.deny.iter().find(denied) {
                let at = format!("/tools/agents/{}/allow/{index}", step(agent.as_str()));
                faults.add(
                    at,
                    format!("is denied by {deny} under /tools/deny, which no exception lifts"),
                );
            }
        }
    }
}

/// A program's name, or a path that may hold `*`, without anything a shell would read.
fn is_program(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.+/*".contains(&b);
    let path = text.starts_with('/');
    (1..=256).contains(&text.len())
        && text.bytes().all(plain)
        && (path || !text.contains(['/', '*']))
        && !text.split('/').any(|part| part == "..")
}
