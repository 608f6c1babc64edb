//! Drift: what OpenClaw keeps outside its configuration file, compared with what
//! it should be. Read-only mode covers the file alone; exec approvals, scheduled
//! jobs, paired devices, skills and plugins lie in OpenClaw's database and folders.

pub mod commands;
pub mod files;
pub mod jobs;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::access::Role;
use crate::policy::canonical_hash;
use crate::wire::openclaw::scopes;

/// A part of OpenClaw's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The configuration file.
    Config,
    /// The floor under every exec mode.
    ExecApprovals,
    /// Scheduled jobs.
    Cron,
    /// Paired devices.
    Devices,
    /// Skills.
    Skills,
    /// Plugins.
    Plugins,
    /// Files of a workspace.
    Workspace,
}

/// The things in one part: what identifies each, and a hash of what matters about it.
pub type Things = BTreeMap<String, String>;

/// OpenClaw's state, as far as it was looked at: a part that could not be read is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Held(pub BTreeMap<Part, Things>);

/// How one thing differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It is there and should not be.
    Added,
    /// It should be there and is not.
    Removed,
    /// It is another one.
    Changed,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Which part.
    pub part: Part,
    /// Which thing.
    pub item: String,
    /// How.
    pub kind: Kind,
}

/// What differs between what should be and what is, in order. Only parts that both
/// know are compared: what could not be read says nothing.
#[must_use]
pub fn compare(desired: &Held, observed: &Held) -> Vec<Difference> {
    let mut found = Vec::new();
    for (part, wanted) in &desired.0 {
        let Some(seen) = observed.0.get(part) else {
            continue;
        };
        let mut note = |item: &String, kind| {
            found.push(Difference {
                part: *part,
                item: item.clone(),
                kind,
            });
        };
        for (item, hash) in seen {
            match wanted.get(item) {
                None => note(item, Kind::Added),
                Some(other) if other != hash => note(item, Kind::Changed),
                Some(_) => {}
            }
        }
        wanted
            .keys()
            .filter(|item| !seen.contains_key(*item))
            .for_each(|item| note(item, Kind::Removed));
    }
    found
}

/// Whether OpenClaw's exec approvals are what they should be. Its `socket` is its
/// own, and so are a list's ids and times of use.
#[must_use]
pub fn same_approvals(desired: &Value, observed: &Value) -> bool {
    approvals(desired) == approvals(observed)
}

/// What counts of exec approvals: `defaults` and `agents`, lists by their patterns.
fn approvals(file: &Value) -> Value {
    let scope = |scope: &Value| {
        let mut kept = scope.as_object().cloned().unwrap_or_default();
        if let Some(Value::Array(list)) = kept.remove("allowlist") {
            let mut patterns: Vec<Value> = list
                .iter()
                .filter_map(|entry| entry.get("pattern").cloned())
                .collect();
            patterns.sort_by_key(Value::to_string);
            if !patterns.is_empty() {
                kept.insert("allowlist".to_owned(), Value::Array(patterns));
            }
        }
        Value::Object(kept)
    };
    let agents = file.get("agents").and_then(Value::as_object);
    let agents: Map<String, Value> = agents
        .into_iter()
        .flatten()
        .map(|(id, agent)| (id.clone(), scope(agent)))
        .filter(|(_, agent)| agent.as_object().is_some_and(|agent| !agent.is_empty()))
        .collect();
    json!({"defaults": scope(file.get("defaults").unwrap_or(&Value::Null)), "agents": agents})
}

/// The things in OpenClaw's answer to a list call: what the identity is called, where
/// the list lies, and which fields count. None when the answer has another shape.
#[must_use]
pub fn things(answer: &Value, list: &str, id: &str, fields: &[&str]) -> Option<Things> {
    let items = answer.get(list)?.as_array()?;
    let thing = |item: &Value| {
        let kept: Map<String, Value> = fields
            .iter()
            .filter_map(|field| Some(((*field).to_owned(), item.get(*field)?.clone())))
            .collect();
        Some((
            item.get(id)?.as_str()?.to_owned(),
            canonical_hash(&Value::Object(kept)),
        ))
    };
    items.iter().map(thing).collect()
}

/// Paired devices that hold more than a browser is given by itself, in an answer to
/// `device.pair.list`: by id, and why. An administrator's rights come with each connection
/// from the gateway Worker and never lie in a device.
#[must_use]
pub fn too_mighty(answer: &Value) -> Vec<(String, String)> {
    let devices = answer.get("paired").and_then(Value::as_array);
    let judge = |device: &Value| {
        let id = device.get("deviceId")?.as_str()?.to_owned();
        let odd = excess(device);
        (!odd.is_empty()).then(|| (id, format!("it held {}", odd.join(", "))))
    };
    devices.into_iter().flatten().filter_map(judge).collect()
}

/// What a device holds, or asks for, beyond what a browser is given by itself.
#[must_use]
pub fn excess(device: &Value) -> Vec<String> {
    let given = scopes(Role::Operator);
    let tokens = device.get("tokens").and_then(Value::as_array);
    let grants = tokens.into_iter().flatten().chain([device]);
    let texts = |keys: [&str; 3]| {
        let lists = grants
            .clone()
            .flat_map(move |grant| keys.map(|key| grant.get(key)));
        let texts = lists.flatten().flat_map(|value| match value {
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            other => other.as_str().into_iter().collect::<Vec<_>>(),
        });
        texts.map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let mut odd = texts(["scopes", "scope", "approvedScopes"]);
    odd.retain(|scope| !given.contains(&scope.as_str()));
    let mut roles = texts(["role", "roles", "approvedRoles"]);
    roles.retain(|role| role != "operator");
    odd.extend(roles.into_iter().map(|role| format!("the role {role}")));
    odd.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_with_an_administrator_s_rights_is_one_too_many() {
        let device = |id: &str, change: fn(&mut Value)| {
            let mut device = json!({"deviceId": id, "role": "operator", "roles": ["operator"],
                "scopes": ["operator.read", "operator.write"],
                "tokens": [{"role": "operator", "scopes": ["operator.read"]}]});
            change(&mut device);
            device
        };
        let answer = json!({"pending": [{"deviceId": "p"}], "paired": [
            device("browser", |_| ()),
            device("bare", |d| *d = json!({"deviceId": "bare"})),
            device("admin", |d| d["scopes"] = json!(["operator.read", "operator.admin"])),
            device("token", |d| d["tokens"][0]["scopes"] = json!(["operator.pairing"])),
            device("node", |d| d["roles"] = json!(["operator", "node"])),
        ]});
        let found: Vec<(String, String)> = too_mighty(&answer);
        let expected = [
            ("admin", "it held operator.admin"),
            ("token", "it held operator.pairing"),
            ("node", "it held the role node"),
        ];
        assert_eq!(
            found,
            expected.map(|(id, why)| (id.to_owned(), why.to_owned()))
        );
        assert_eq!(too_mighty(&Value::Null), []);
    }

    fn held(part: Part, things: &[(&str, &str)]) -> Held {
        let things = things
            .iter()
            .map(|(id, hash)| ((*id).to_owned(), (*hash).to_owned()))
            .collect();
        Held(BTreeMap::from([(part, things)]))
    }

    #[test]
    fn every_difference_is_found_and_nothing_else() {
        let wanted = held(Part::Cron, &[("a", "1"), ("b", "1"), ("c", "1")]);
        let seen = held(Part::Cron, &[("a", "1"), ("b", "2"), ("d", "1")]);
        let found: Vec<(String, Kind)> = compare(&wanted, &seen)
            .into_iter()
            .map(|difference| (difference.item, difference.kind))
            .collect();
        let expected = [
            ("b", Kind::Changed),
            ("d", Kind::Added),
            ("c", Kind::Removed),
        ];
        assert_eq!(found, expected.map(|(item, kind)| (item.to_owned(), kind)));
        assert_eq!(compare(&wanted, &wanted), []);
        assert_eq!(
            compare(&wanted, &Held::default()),
            [],
            "what was not read says nothing"
        );
        assert_eq!(compare(&Held::default(), &seen), []);
    }

    #[test]
    fn only_what_counts_of_exec_approvals_is_compared() {
        let wanted = json!({"version": 1, "defaults": {"security": "deny"},
            "agents": {"main": {"allowlist": [{"pattern": "git"}]}}});
        let same = json!({"version": 1, "socket": {"path": "x"}, "defaults": {"security": "deny"},
            "agents": {"idle": {}, "main": {"allowlist": [{"pattern": "git", "id": "1", "lastUsedAt": 5}]}}});
        assert!(same_approvals(&wanted, &same));
        for (pointer, value) in [
            ("/defaults/security", json!("full")),
            ("/agents/main/allowlist/0/pattern", json!("*")),
            ("/agents/idle", json!({"security": "full"})),
        ] {
            let mut other = same.clone();
            *other.pointer_mut(pointer).unwrap() = value;
            assert!(!same_approvals(&wanted, &other), "{pointer}");
        }
    }

    #[test]
    fn things_are_what_identifies_them_and_what_counts() {
        let answer = json!({"jobs": [{"id": "j", "enabled": true, "state": {"runs": 1}}]});
        let later = json!({"jobs": [{"id": "j", "enabled": true, "state": {"runs": 2}}]});
        let read = |answer: &Value| things(answer, "jobs", "id", &["enabled", "payload"]);
        assert_eq!(read(&answer), read(&later));
        assert_eq!(read(&answer).unwrap().len(), 1);
        assert_eq!(read(&json!({"ok": false})), None);
        assert_eq!(
            read(&json!({"jobs": [{"name": "no id"}]})),
            None,
            "a list that cannot be read whole"
        );
    }
}
