//! Which tools OpenClaw 2026.9.6 leaves an agent, worked out from its
//! configuration alone: its pipeline of policies, rewritten from
//! `agent-tools.policy`, `tool-policy-match`, `sender-tool-policy` and `group-policy`.

use serde_json::Value;

use crate::policy::catalog::{canonical, matches, profile_has};
use crate::policy::coverage::Enforcer;
use crate::policy::explain::{Answer, Question};

/// Whether a tool is on an agent's list.
pub(super) fn has_tool(config: &Value, question: &Question) -> bool {
    let tool = canonical(question.tool.as_str());
    let agent = question
        .agent
        .as_ref()
        .map_or("main", |agent| agent.as_str());
    let global = &config["tools"];
    let own = &config["agents"]["entries"][agent]["tools"];
    let profile = own["profile"]
        .as_str()
        .or(global["profile"].as_str())
        .expect("a profile");
    let profile = serde_json::from_value(profile.into()).expect("a profile");
    let also = if own["alsoAllow"].is_array() {
        &own["alsoAllow"]
    } else {
        &global["alsoAllow"]
    };
    let by_profile = profile_has(profile, tool) || in_list(also, tool);
    let mut layers = vec![global, own];
    if let Some(channel) = &question.channel {
        let section = &config["channels"][channel.as_str()];
        let nodes = if question.group.is_some() {
            &section["groups"]
        } else {
            &section["direct"]
        };
        let node = question
            .group
            .as_deref()
            .map_or(&Value::Null, |group| &nodes[group]["tools"]);
        layers.push(if node.is_object() {
            node
        } else {
            &nodes["*"]["tools"]
        });
        if let Some(sender) = &question.sender {
            layers.push(&global["toolsBySender"][format!("channel:{channel}:{sender}")]);
        }
    }
    let browser = tool != "browser" || config["browser"]["enabled"] == true;
    by_profile && browser && layers.into_iter().all(|layer| passes(layer, tool))
}

fn passes(layer: &Value, tool: &str) -> bool {
    let denied = patterns(&layer["deny"]).any(|pattern| matches(pattern, tool));
    // An empty or absent list lets everything pass.
    let open = patterns(&layer["allow"]).next().is_none();
    !denied && (open || in_list(&layer["allow"], tool))
}

fn in_list(list: &Value, tool: &str) -> bool {
    patterns(list).any(|pattern| {
        matches(pattern, tool) || (tool == "apply_patch" && matches(pattern, "write"))
    })
}

fn patterns(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// Whether the tool is there and each command is refused by the exec mode.
pub(super) fn only_by_exec_mode(answer: &Answer) -> bool {
    answer.because == "only programs on the list run"
        && answer.meant_for == Enforcer::OpenclawConfig
}
