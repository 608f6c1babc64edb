//! Which part of OpenClaw's runtime configuration leaves the container.
//!
//! By a list of what may, never by a guess at what looks like a secret: a key
//! that is not here stays here.

use serde_json::{Map, Value};

/// Paths that are reported whole; `*` stands for any key or position.
const REPORTED: &[&str] = &[
    "agents.defaults.heartbeat.every",
    "agents.defaults.model",
    "agents.defaults.modelPolicy",
    "agents.defaults.utilityModel",
    "agents.entries.*.model",
    "agents.entries.*.tools.allow",
    "agents.entries.*.tools.alsoAllow",
    "agents.entries.*.tools.deny",
    "agents.entries.*.tools.profile",
    "browser.enabled",
    "commands",
    "cron.enabled",
    "cron.triggers.enabled",
    "gateway.auth.identityScopes",
    "gateway.auth.mode",
    "gateway.auth.trustedProxy.allowUsers",
    "gateway.bind",
    "gateway.controlUi.allowedOrigins",
    "gateway.controlUi.enabled",
    "gateway.terminal.enabled",
    "memory.search.provider",
    "models.mode",
    "models.providers.*.api",
    "models.providers.*.baseUrl",
    "models.providers.*.models.*.contextWindow",
    "models.providers.*.models.*.id",
    "models.providers.*.models.*.maxTokens",
    "plugins.allow",
    "security.installPolicy.enabled",
    "skills.install.allowUploadedArchives",
    "skills.workshop.approvalPolicy",
    "skills.workshop.autonomous.mode",
    "telemetry.enabled",
    "tools.allow",
    "tools.alsoAllow",
    "tools.deny",
    "tools.elevated.enabled",
    "tools.exec.mode",
    "tools.fs.workspaceOnly",
    "tools.profile",
    "update.auto.enabled",
    "update.checkOnStart",
];

/// The governed part of a runtime configuration.
pub(crate) fn governed(runtime: &Value) -> Value {
    let paths: Vec<Vec<&str>> = REPORTED
        .iter()
        .map(|path| path.split('.').collect())
        .collect();
    let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
    pick(runtime, &paths).unwrap_or_else(|| Value::Object(Map::new()))
}

/// What of a value lies on one of the paths; none when nothing does.
fn pick(value: &Value, paths: &[&[&str]]) -> Option<Value> {
    if paths.iter().any(|path| path.is_empty()) {
        return Some(value.clone());
    }
    match value {
        Value::Object(map) => {
            let picked: Map<String, Value> = map
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), pick(value, &below(paths, key))?)))
                .collect();
            (!picked.is_empty()).then_some(Value::Object(picked))
        }
        Value::Array(items) => {
            let below = below(paths, "*");
            let picked: Vec<Value> = items.iter().filter_map(|item| pick(item, &below)).collect();
            (!picked.is_empty()).then_some(Value::Array(picked))
        }
        _ => None,
    }
}

/// What is left of the paths that go through a key.
fn below<'a>(paths: &[&'a [&'a str]], key: &str) -> Vec<&'a [&'a str]> {
    paths
        .iter()
        .filter_map(|path| path.split_first())
        .filter(|(first, _)| **first == "*" || **first == key)
        .map(|(_, rest)| rest)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::governed;
    use serde_json::json;

    #[test]
    fn only_listed_keys_leave_the_container() {
        let runtime = json!({
            "tools": { "profile": "coding", "deny": ["exec"], "web": { "search": { "apiKey": "k" } },
                       "exec": { "mode": "deny", "env": { "A": "s" } } },
            "models": { "mode": "replace", "providers": { "openai": {
                "apiKey": "k", "baseUrl": "http://models.internal/openai/v1", "headers": { "x": "s" },
                "models": [{ "id": "m", "headers": { "x": "s" } }] } } },
            "gateway": { "auth": { "mode": "trusted-proxy", "token": "t", "password": "p" } },
            "env": { "vars": { "SECRET": "s" } },
        });
        assert_eq!(
            governed(&runtime),
            json!({
                "tools": { "profile": "coding", "deny": ["exec"], "exec": { "mode": "deny" } },
                "models": { "mode": "replace", "providers": { "openai": {
                    "baseUrl": "http://models.internal/openai/v1", "models": [{ "id": "m" }] } } },
                "gateway": { "auth": { "mode": "trusted-proxy" } },
            })
        );
    }

    #[test]
    fn an_empty_list_is_reported_and_nothing_is_an_object() {
        assert_eq!(
            governed(&json!({ "tools": { "deny": [] } })),
            json!({ "tools": { "deny": [] } })
        );
        assert_eq!(governed(&json!(null)), json!({}));
    }
}
